"""The model as a whole: what it gives, how its parts hang together, what reaches which weights.

Numbers of the release stand in tests/weights/test_hybrik.py, the solver's own in tests/body.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny_models
from toy_body import filler_body, toy_body

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.errors import BodyError, ConfigError
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import crop_pinhole
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models.hybrik import FOCAL, HybrIK
from tfrecords_tools import skeletons

CONFIG = config_lib.HybrIKConfig(
    encoder="resnet_small_v2", image_size=64, deconv_width=8, hidden_units=16
)
IMAGES = np.random.default_rng(0).random((3, 64, 64, 3)).astype(np.float32)
VARIANTS = {
    "29 joints": {},
    "24 joints": {"num_joints": 24, "camera": "given", "depth_range": 2.0},
    "regression": {"joints_from": "features", "hidden_units": 0},
    "refined": {"camera": "refined", "hidden_units": 0},
}


def _model(precision="float32", **changes):
    tf.keras.utils.set_random_seed(1)
    model = HybrIK(dataclasses.replace(CONFIG, **changes), toy_body(), precision=precision)
    if model.heatmap_head is not None:
        tiny_models.sharpen_hybrik(model)
    if "sigma" in model.heads.outputs:
        model.heads.outputs["sigma"].bias.assign_sub(4.0 * tf.ones([29]))
    return model


@pytest.fixture(scope="module", params=VARIANTS)
def model(request):
    return _model(**VARIANTS[request.param])


@pytest.fixture(scope="module")
def plain():
    return _model()


def test_gives_the_estimate_s_keys(model):
    estimate = model(IMAGES, with_vertices=True)
    num_joints = model.config.num_joints
    shapes = {
        outputs.ROTATIONS: (24, 3, 3),
        outputs.BETAS: (10,),
        outputs.CAMERA: (3,),
        outputs.JOINTS_3D: (19, 3),
        outputs.KEYPOINTS_2D: (19, 2),
        outputs.SMPL_JOINTS_3D: (24, 3),
        outputs.VERTICES: (model.body_model.num_vertices, 3),
        outputs.HEATMAP_JOINTS_3D: (num_joints, 3),
        outputs.JOINTS_UVD: (num_joints, 3),
        outputs.TWIST: (23, 2),
    }
    if model.config.camera == "given":
        shapes[outputs.LEAF_QUATERNIONS] = (5, 4)
    else:
        shapes.update({outputs.CROP_CAMERA: (3,), outputs.SIGMA: (29,)})
    assert {key: tuple(x.shape[1:]) for key, x in estimate.items()} == shapes
    for key, values in estimate.items():
        assert values.dtype == tf.float32 and np.isfinite(values).all(), key
    matrices = estimate[outputs.ROTATIONS].numpy()
    identity = matrices @ np.swapaxes(matrices, -1, -2)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-4)
    np.testing.assert_allclose(estimate[outputs.HEATMAP_JOINTS_3D][:, 0], 0, atol=1e-6)


def test_marginals_are_there_in_training_alone(plain):
    estimate = plain(IMAGES, training=True, seed=tf.constant([1, 2]))
    marginals = estimate[outputs.HEATMAP_MARGINALS]
    assert marginals.shape == (3, 29, 3, 16)
    cells = tf.reduce_sum(marginals * tf.range(16.0), axis=-1)
    np.testing.assert_allclose(estimate[outputs.JOINTS_UVD], cells / 16 - 0.5, atol=1e-6)


def test_the_camera_puts_the_pelvis_where_the_heatmap_does(model):
    estimate = model(IMAGES)
    pelvis = estimate[outputs.SMPL_JOINTS_3D][:, :1]
    place = model.project(pelvis, estimate[outputs.CAMERA])[:, 0]
    np.testing.assert_allclose(place, 2 * estimate[outputs.JOINTS_UVD][:, 0, :2], atol=1e-5)


def test_projection_is_a_pinhole_s(plain):
    """In the picture, with the translation that predictions give, too."""
    estimate = plain(IMAGES)
    center, window = tf.constant([[300.0, 200.0]] * 3), tf.fill([3], 180.0)
    size = tf.constant([[480, 640]] * 3)
    focal = FOCAL * window
    view = crop_pinhole.image_view(center, window, size, focal)
    in_view = plain(IMAGES, view=view)
    camera = in_view[outputs.CAMERA]
    translation = camera_lib.full_image_camera(camera, center, window, size, focal)
    points = in_view[outputs.JOINTS_3D] + translation[:, None]
    image = camera_lib.perspective(points, focal, camera_lib.image_center(size))
    found = camera_lib.crop_to_image(in_view[outputs.KEYPOINTS_2D], center, window)
    np.testing.assert_allclose(found, image, atol=1e-3)
    # Seen from the side, the same heatmaps are another skeleton.
    moved = in_view[outputs.HEATMAP_JOINTS_3D] - estimate[outputs.HEATMAP_JOINTS_3D]
    assert np.abs(moved).max() > 1e-3


def test_a_given_camera_is_used():
    model = _model(**VARIANTS["24 joints"])
    view = CropView(tf.fill([3, 2], 0.1), tf.constant([[3.0, 4.0]] * 3), tf.constant([5.0, 0, 6.0]))
    estimate = model(IMAGES, view=view)
    uvd = estimate[outputs.JOINTS_UVD].numpy()
    joints = estimate[outputs.HEATMAP_JOINTS_3D].numpy()
    for person, root in ((0, 5.0), (2, 6.0)):
        depth = 2.0 * uvd[person, :, 2] + root
        points = np.stack(
            [
                (uvd[person, :, 0] + 0.1) / 3 * depth,
                (uvd[person, :, 1] + 0.1) / 4 * depth,
                depth,
            ],
            axis=1,
        )
        np.testing.assert_allclose(joints[person], points - points[0], atol=1e-5)


def test_a_depth_not_given_makes_the_bones_as_long_as_the_body_s():
    model = _model(**VARIANTS["24 joints"])
    estimate = model(IMAGES)
    joints = estimate[outputs.HEATMAP_JOINTS_3D].numpy()
    rest = model.body.rest_joints(estimate[outputs.BETAS]).numpy()
    children, parents = np.array(skeletons.SMPL24.bones).T
    lengths = [np.square(x[:, children] - x[:, parents]).sum((1, 2)) for x in (joints, rest)]
    # Where depths alone make them too long, nothing helps.
    assert (np.abs(lengths[0] / lengths[1] - 1) < 1e-3).any() or (lengths[0] > lengths[1]).all()


def _gradients(model, key):
    with tf.GradientTape() as tape:
        estimate = model(IMAGES, training=True, seed=tf.constant([1, 2]))
        loss = tf.reduce_sum(tf.square(estimate[key] - 0.5))
    names = ("logits", "deconv_0")
    layers = {name: model.heatmap_head.get_layer(name).kernel for name in names}
    layers.update({name: layer.kernel for name, layer in model.heads.outputs.items()})
    return {
        name: None if value is None else float(tf.reduce_max(tf.abs(value)))
        for name, value in zip(layers, tape.gradient(loss, list(layers.values())))
    }


def test_rotations_teach_shape_and_twists_and_not_the_heatmaps(plain):
    found = _gradients(plain, outputs.ROTATIONS)
    assert found["twist"] > 0 and found["betas"] > 0
    assert found["logits"] is None and found["deconv_0"] is None and found["camera"] is None


def test_places_teach_the_heatmaps_alone(plain):
    found = _gradients(plain, outputs.JOINTS_UVD)
    assert found["logits"] > 0 and found["deconv_0"] > 0
    assert all(found[name] is None for name in ("twist", "betas", "camera", "sigma"))


def test_dropout_is_a_function_of_the_seed(plain):
    first, again, other = (
        plain.observe(IMAGES, training=True, seed=tf.constant(seed))[outputs.BETAS].numpy()
        for seed in ([1, 2], [1, 2], [3, 4])
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_flip_test_is_mirrored_with_its_image(model):
    found = model.flip_test(tf.constant(IMAGES))
    other = model.flip_test(tf.constant(IMAGES[:, :, ::-1]))
    flip = list(skeletons.HYBRIK29.flip[: model.config.num_joints])
    mirrored = other[outputs.JOINTS_UVD].numpy()[:, flip] * [-1, 1, 1] - [1 / 64, 0, 0]
    np.testing.assert_allclose(found[outputs.JOINTS_UVD], mirrored, atol=1e-5)
    np.testing.assert_allclose(found[outputs.BETAS], other[outputs.BETAS], atol=1e-5)
    assert {outputs.ROTATIONS, outputs.CAMERA} <= set(found)


def test_colors_of_the_release(plain):
    """ImageNet's statistics in the order of blue, green, red, and 0.480 for 0.485."""
    release = _model(colors="release")
    release.set_weights(plain.get_weights())
    mean, deviation = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    as_release = (IMAGES - [0.406, 0.457, 0.480]) / [0.225, 0.224, 0.229]
    expected = plain((as_release * deviation + mean).astype(np.float32))[outputs.JOINTS_UVD]
    np.testing.assert_allclose(release(IMAGES)[outputs.JOINTS_UVD], expected, atol=1e-4)


def test_bfloat16_is_near(plain):
    half = _model(precision="mixed_bfloat16")
    half.set_weights(plain.get_weights())
    estimate, expected = half(IMAGES), plain(IMAGES)
    assert all(values.dtype == tf.float32 for values in estimate.values())
    difference = estimate[outputs.JOINTS_UVD] - expected[outputs.JOINTS_UVD]
    assert np.abs(difference).mean() < 0.02


def test_config_round_trip(model):
    again = HybrIK.from_config(model.get_config(), body=model.body_model)
    assert again.config == model.config
    assert [x.shape for x in again.weights] == [x.shape for x in model.weights]


def test_the_baseline_stands_upright(plain):
    mean = plain.mean
    assert mean[outputs.ROTATIONS].shape == (1, 24, 3, 3)
    np.testing.assert_allclose(mean[outputs.ROTATIONS][0, 0], np.diag([1, -1, -1]), atol=1e-5)
    np.testing.assert_allclose(mean[outputs.CAMERA], [[0.9, 0, 0]])


def test_impossible_settings_are_refused():
    for changes, message in (
        ({"camera": "none"}, "Unknown camera 'none'; expected one of: predicted, refined, given"),
        ({"num_joints": 17}, "Unknown number of joints '17'; expected one of: 24, 29"),
        ({"colors": "bgr"}, "Unknown colors 'bgr'"),
        ({"joints_from": "air"}, "Unknown source of joints 'air'"),
        ({"train_root": "qr"}, "Unknown root solver 'qr'"),
        ({"image_size": 80}, "give an image_size that is a multiple of 32"),
    ):
        with pytest.raises(ConfigError, match=message):
            _model(**changes)


def test_bodies_without_the_skeleton_s_ends_are_refused():
    with pytest.raises(BodyError, match="no surface point 'head_top'"):
        HybrIK(CONFIG, filler_body())
