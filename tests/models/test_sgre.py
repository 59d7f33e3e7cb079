"""The model as a whole: what it gives, and what reaches which weights.

Numbers of the release stand in tests/weights/test_sgre.py, those of its parts beside this file.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import global_rotations
from hmr_tf.geometry.kinematics import KinematicTree
from hmr_tf.models.sgre import FARTHEST, FOCAL, SGRE

CONFIG = config_lib.SGREConfig(encoder="resnet_pyramid_v2", image_size=32, needs_pose=False)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 32, 32, 3)).astype(np.float32)
POSE = np.concatenate([RNG.uniform(-0.8, 0.8, (3, 30, 2)), np.ones((3, 30, 1))], -1).astype("f4")
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


def _model(precision="float32", **changes):
    tf.keras.utils.set_random_seed(1)
    model = SGRE(dataclasses.replace(CONFIG, **changes), toy_body(), precision=precision)
    # New weights give the same body to everybody.
    for variable in (model.chain.last_kernel, model.chain.root.kernel):
        variable.assign(30 * variable)
    model.position_net.convolution.kernel.assign(300 * model.position_net.convolution.kernel)
    return model


@pytest.fixture(scope="module")
def model():
    return _model()


@pytest.fixture(scope="module")
def estimate(model):
    return model(IMAGES, pose_2d=POSE, with_vertices=True)


def test_gives_the_estimate_s_keys(model, estimate):
    shapes = {
        outputs.ROTATIONS: (24, 3, 3),
        outputs.BETAS: (10,),
        outputs.CAMERA: (3,),
        outputs.JOINTS_3D: (19, 3),
        outputs.KEYPOINTS_2D: (19, 2),
        outputs.SMPL_JOINTS_3D: (24, 3),
        outputs.VERTICES: (model.body_model.num_vertices, 3),
        outputs.GLOBAL_ROTATIONS: (24, 3, 3),
        outputs.POSE_2D: (30, 3),
        outputs.JOINTS_UVD: (30, 3),
        outputs.JOINT_SCORES: (30,),
        outputs.BODY_JOINTS_3D: (30, 3),
        outputs.BODY_JOINTS_2D: (30, 2),
    }
    assert {key: tuple(x.shape[1:]) for key, x in estimate.items()} == shapes
    for key, values in estimate.items():
        assert values.dtype == tf.float32 and np.isfinite(values).all(), key
    np.testing.assert_array_equal(estimate[outputs.POSE_2D], POSE)
    assert np.ptp(estimate[outputs.SMPL_JOINTS_3D], axis=0).max() > 1e-3


def test_rotations_are_global_ones_along_the_tree(estimate):
    turned, local = (estimate[k].numpy() for k in (outputs.GLOBAL_ROTATIONS, outputs.ROTATIONS))
    np.testing.assert_allclose(local[:, 0], turned[:, 0], atol=1e-6)
    for joint in range(1, 24):
        above = Rotation.from_matrix(turned[:, PARENTS[joint]])
        expected = (above.inv() * Rotation.from_matrix(turned[:, joint])).as_matrix()
        np.testing.assert_allclose(local[:, joint], expected, atol=1e-5)


def test_begins_at_the_mean():
    mean = {}
    for estimation in ("sequential", "direct"):
        model = SGRE(dataclasses.replace(CONFIG, estimation=estimation), toy_body())
        for layer in (model.chain.root, *model.heads.values()):
            layer.kernel.assign(tf.zeros_like(layer.kernel))
        model.chain.last_kernel.assign(tf.zeros_like(model.chain.last_kernel))
        mean = model.mean
        found = model(IMAGES)
        for key in (outputs.ROTATIONS, outputs.BETAS, outputs.CAMERA):
            expected = np.repeat(mean[key], 3, axis=0)
            np.testing.assert_allclose(found[key], expected, atol=1e-5, err_msg=f"{key}")


def test_direct_estimates_are_relative_to_parents():
    model = _model(estimation="direct")
    found = model(IMAGES, pose_2d=POSE)
    turned = global_rotations.local_to_global(found[outputs.ROTATIONS], KinematicTree(PARENTS))
    np.testing.assert_allclose(turned, found[outputs.GLOBAL_ROTATIONS], atol=1e-6)


def test_printed_camera(model):
    translation = np.float32([[0.0, 0.0, FARTHEST / 2]])
    assert translation[0, 2] == pytest.approx(24.4140625)
    camera = tf.constant([[2 * FOCAL / translation[0, 2], 0.0, 0.0]], tf.float32)
    place = (model.project(tf.constant([[[0.1, -0.2, 0.0]]]), camera).numpy()[0, 0] + 1) * 128
    assert place[0] == pytest.approx(148.47992, abs=1e-3)
    assert place[1] / 4 == pytest.approx(21.76004, abs=1e-3)
    # The way every model's camera becomes a translation.
    found = camera_lib.camera_to_translation(camera, FOCAL, 1.0)
    np.testing.assert_allclose(found, translation, rtol=1e-6)


def test_projection_is_a_pinhole_s(model, estimate):
    translation = camera_lib.camera_to_translation(estimate[outputs.CAMERA], FOCAL, 1.0)
    assert (translation[:, 2] < FARTHEST).numpy().all()
    points = estimate[outputs.BODY_JOINTS_3D] + translation[:, None]
    places = camera_lib.perspective(points, tf.fill([3], 2 * FOCAL), tf.zeros([3, 2]))
    np.testing.assert_allclose(estimate[outputs.BODY_JOINTS_2D], places, atol=1e-4)


def test_the_pose_given_matters_and_its_own_stands_in(model, estimate):
    other = model(IMAGES, pose_2d=POSE * np.float32([-1, 1, 1]))
    assert np.abs(other[outputs.JOINTS_UVD] - estimate[outputs.JOINTS_UVD]).max() > 1e-4
    own = model(IMAGES)
    located = own[outputs.POSE_2D]
    np.testing.assert_allclose(located[..., :2], 2.0 * own[outputs.JOINTS_UVD][..., :2], atol=1e-6)
    np.testing.assert_array_equal(located[..., 2], 1.0)
    np.testing.assert_array_equal(estimate[outputs.POSE_2D], POSE)
    mixed = model(IMAGES, pose_2d=POSE * np.float32([1, 0, 1])[:, None, None])
    for key, values in own.items():
        np.testing.assert_allclose(mixed[key][1], values[1], atol=1e-5, err_msg=key)
        np.testing.assert_allclose(mixed[key][::2], estimate[key][::2], atol=1e-5, err_msg=key)
    # Joints that are not seen are not shown, wherever they are said to be.
    hidden = POSE.copy()
    hidden[:, 5, 2] = 0
    moved = hidden.copy()
    moved[:, 5, :2] += 0.5
    first, second = (model(IMAGES, pose_2d=x)[outputs.BETAS] for x in (hidden, moved))
    np.testing.assert_array_equal(first, second)


def _gradients(model, loss_of):
    with tf.GradientTape() as tape:
        loss = loss_of(model(IMAGES, training=True, pose_2d=POSE))
    variables = model.trainable_variables
    return dict(zip(map(id, variables), tape.gradient(loss, variables)))


def _mesh_loss(estimate):
    return tf.reduce_sum(tf.square(estimate[outputs.BODY_JOINTS_2D])) + tf.reduce_sum(
        tf.square(estimate[outputs.BODY_JOINTS_3D])
    )


def test_the_body_does_not_teach_where_joints_are(model):
    found = _gradients(model, _mesh_loss)
    for variable in model.position_net.trainable_variables:
        assert found[id(variable)] is None
    for variable in (model.chain.parent_kernel, model.guided.fusion.get_layer("conv").kernel):
        gradient = found[id(variable)]
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_gradients_are_finite_where_every_joint_equals_its_parent():
    """Branches whose last layers are zero: the identity, where the release's gradient is NaN."""
    model = _model()
    for variable in (model.chain.last_kernel, model.chain.last_bias):
        variable.assign(tf.zeros_like(variable))
    found = model(IMAGES, pose_2d=POSE)[outputs.ROTATIONS][:, 1:]
    np.testing.assert_allclose(found, np.broadcast_to(np.eye(3), found.shape), atol=1e-6)
    for gradient in _gradients(model, _mesh_loss).values():
        assert gradient is None or np.isfinite(gradient).all()


def test_local_features_reach_what_the_sheet_says(model):
    """Of face joints nothing but the top of the head is used, and that by the graph alone."""
    last_map = tf.constant(np.random.default_rng(3).normal(size=(1, 4, 4, 128)), tf.float32)
    cells = np.full((1, 30, 3), 1.5, np.float32)
    scores = tf.fill([1, 30], 0.1)

    def turned(joint):
        moved = cells.copy()
        if joint is not None:
            moved[:, joint, 0] += 1.0
        found = model._body(last_map, tf.constant(moved), scores, False)
        return found[outputs.GLOBAL_ROTATIONS].numpy()[0]

    before = turned(None)
    expected = {24: set(), 28: set(), 22: {22}, 9: {9, *range(12, 24)}, 29: set(range(24))}
    for joint, reached in expected.items():
        moved = np.abs(turned(joint) - before).max(axis=(1, 2)) > 1e-6
        assert set(np.flatnonzero(moved).tolist()) == reached, joint


def test_geometry_is_float32_under_mixed_precision():
    model = _model("mixed_bfloat16")
    found = model(IMAGES, pose_2d=POSE, training=True)
    for key, values in found.items():
        assert values.dtype == tf.float32, key
    matrices = found[outputs.ROTATIONS].numpy()
    identity = matrices @ np.swapaxes(matrices, -1, -2)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-5)


def test_config_round_trip_and_refusals(model):
    again = SGRE.from_config(model.get_config(), body=model.body_model)
    assert again.config == model.config
    with pytest.raises(ConfigError, match="Unknown estimation 'both'"):
        _model(estimation="both")
    with pytest.raises(ConfigError, match="Unknown colors"):
        _model(colors="bgr")
    with pytest.raises(ConfigError, match="needs everybody's 2D pose"):
        _model(needs_pose=True)(IMAGES)
