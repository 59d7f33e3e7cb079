"""The model as a whole: what it gives, how its parts hang together, what reaches which weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import landmarks
from hmr_tf.body.smpl import SMPL
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import volumes
from hmr_tf.models import smpl_reverse
from hmr_tf.models.smplr import SMPLR

CONFIG = config_lib.SMPLRConfig(
    image_size=32, num_stacks=1, hourglass_width=8, depths=4, dense_width=32
)
RELEASE = {"camera": "given", "axes": "release", "pose_output": "svd", "upright": False}
RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 32, 32, 3)).astype(np.float32)
BODY = toy_body()


def _model(body=BODY, male=None, **changes):
    tf.keras.utils.set_random_seed(1)
    return SMPLR(dataclasses.replace(CONFIG, **changes), body, male=male)


@pytest.fixture(scope="module", params=["mended", "release"])
def model(request):
    return _model(**(RELEASE if request.param == "release" else {}))


@pytest.fixture(scope="module")
def plain():
    return _model(limb_maps=False)


def _people(count, seed=0):
    """Returns rotations, betas and points of bodies that stand about upright."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(scale=0.2, size=(count, 24, 3))
    pose[:, 0] += [np.pi, 0, 0]
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    return matrices.astype(np.float32), rng.normal(size=(count, 10)).astype(np.float32)


def _points(model, matrices, betas):
    points, joints = model._posed_points(matrices, betas)
    points = tf.concat([joints, points[:, -18:]], axis=1)
    return (points - points[:, :1])[:, 1:]


def test_gives_the_estimate_s_keys(model):
    estimate = model(IMAGES, with_vertices=True)
    shapes = {
        outputs.ROTATIONS: (24, 3, 3),
        outputs.BETAS: (10,),
        outputs.CAMERA: (3,),
        outputs.JOINTS_3D: (19, 3),
        outputs.KEYPOINTS_2D: (19, 2),
        outputs.SMPL_JOINTS_3D: (24, 3),
        outputs.VERTICES: (BODY.num_vertices, 3),
        outputs.JOINTS_UVD: (41, 3),
        outputs.CROP_CAMERA: (3,),
        outputs.HEATMAP_JOINTS_3D: (42, 3),
        outputs.DENOISED_JOINTS_3D: (42, 3),
        outputs.LANDMARKS_3D: (18, 3),
        outputs.GENDER_SCORE: (),
    }
    assert {key: tuple(x.shape[1:]) for key, x in estimate.items()} == shapes
    for key, values in estimate.items():
        assert values.dtype == tf.float32 and np.isfinite(values).all(), key
    ids = list(landmarks.landmark_vertices(BODY))
    mesh = estimate[outputs.VERTICES].numpy()
    np.testing.assert_allclose(estimate[outputs.LANDMARKS_3D], mesh[:, ids], atol=1e-5)


def test_the_camera_puts_the_pelvis_where_the_crop_s_does(model):
    estimate = model(IMAGES)
    scale, x, y = tf.unstack(estimate[outputs.CROP_CAMERA], axis=-1)
    pelvis = estimate[outputs.SMPL_JOINTS_3D][:, :1]
    place = model.project(pelvis, estimate[outputs.CAMERA])[:, 0]
    np.testing.assert_allclose(place, 2 * tf.stack([scale * x, scale * y], -1), atol=1e-5)


def test_a_given_camera_is_2_5_m_wide():
    given = _model(camera="given")
    estimate = given(IMAGES)
    np.testing.assert_allclose(estimate[outputs.CAMERA][:, 0], 0.8, atol=1e-6)
    points = estimate[outputs.HEATMAP_JOINTS_3D][:, 1:]
    np.testing.assert_allclose(points, 2.5 * estimate[outputs.JOINTS_UVD], atol=1e-6)


def test_the_release_s_axes(model):
    """Whatever the network of pose says is turned with the points."""
    if model.config.axes == "camera":
        return
    points = RNG.normal(size=(1, 41, 3)).astype(np.float32)
    turn = np.float32([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    found = model.pose_of(points @ turn.T).numpy()
    own = model.pose_network(smpl_reverse.bone_features(points)[1]).numpy()
    np.testing.assert_allclose(found[:, 0], turn @ own[:, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, 1:], own[:, 1:], atol=1e-5)


def test_reads_points_off_volumes(plain):
    """Those that a Gaussian is drawn around."""
    places = RNG.uniform(-0.2, 0.2, (2, 41, 3)).astype(np.float32)
    big = _model(image_size=128, depths=32)
    voxels = volumes.uvd_to_voxels(tf.constant(places), big.volume_sizes)
    logits = tf.math.log(volumes.gaussian_maps(voxels, big.volume_sizes) + 1e-30)
    limbs = tf.zeros([*logits.shape[:4], 4])
    found = big.places(volumes.read(tf.concat([logits, limbs], axis=-1)))
    np.testing.assert_allclose(found, places, atol=1e-4)


def test_turning_a_person_turns_the_root_alone(plain):
    matrices, betas = _people(2)
    points = _points(plain, matrices, betas)
    turn = Rotation.from_rotvec([0.3, -0.8, 0.5]).as_matrix().astype(np.float32)
    turned = points.numpy() @ turn.T
    before, after = plain.reverse(points), plain.reverse(turned)
    np.testing.assert_allclose(after[0][:, 0], turn @ before[0][:, 0].numpy(), atol=1e-4)
    np.testing.assert_allclose(after[0][:, 1:], before[0][:, 1:], atol=1e-4)
    np.testing.assert_allclose(after[1], before[1], atol=1e-4)


def test_without_an_autoencoder():
    model = _model(denoise=False)
    assert set(model.parts) == {"hourglass", "shape", "pose"}
    assert outputs.DENOISED_JOINTS_3D not in model(IMAGES)


def test_every_part_learns_from_the_end(plain):
    weights = RNG.normal(size=(3, 19, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        estimate = plain(IMAGES, training=True)
        loss = tf.reduce_sum(weights * estimate[outputs.JOINTS_3D])
        loss += tf.reduce_sum(estimate[outputs.KEYPOINTS_2D] ** 2)
        loss += tf.reduce_sum(estimate[outputs.DENOISED_JOINTS_3D] ** 2)
    gradients = tape.gradient(loss, plain.generator_variables)
    names = [x.name for x, g in zip(plain.generator_variables, gradients) if g is None]
    # Which gender it is, no joint says.
    assert not names


def test_bodies_of_both_genders():
    male = dataclasses.replace(BODY, template=BODY.template * np.float32(1.2), source="male")
    model = _model(male=male)
    bias = model.shape_network.get_layer("joined").bias
    for score, body in ((-9.0, BODY), (9.0, male)):
        bias.assign(np.float32([0.0] * 10 + [score]))
        estimate = model(IMAGES, with_vertices=True)
        posed = SMPL(body)(estimate[outputs.ROTATIONS], estimate[outputs.BETAS])
        assert (np.sign(estimate[outputs.GENDER_SCORE]) == np.sign(score)).all()
        for key in (outputs.VERTICES, outputs.SMPL_JOINTS_3D):
            np.testing.assert_allclose(estimate[key], posed[key], atol=2e-5, err_msg=key)


def test_parts_are_saved_by_themselves(plain, tmp_path):
    other = _model(limb_maps=False)
    for name, part in plain.parts.items():
        part.save_weights(tmp_path / f"{name}.weights.h5")
    for variable in other.weights:
        variable.assign(tf.zeros_like(variable))
    for name, part in other.parts.items():
        part.load_weights(tmp_path / f"{name}.weights.h5")
    for key, values in plain(IMAGES).items():
        np.testing.assert_array_equal(values, other(IMAGES)[key], err_msg=key)


def test_config_round_trip(model):
    again = SMPLR.from_config(model.get_config(), body=BODY)
    assert again.config == model.config
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(IMAGES)[outputs.BETAS], again(IMAGES)[outputs.BETAS])


def test_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match="Unknown pose output 'euler'"):
        _model(pose_output="euler")
    with pytest.raises(ConfigError, match="need a given camera"):
        _model(axes="release")
