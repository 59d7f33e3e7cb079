"""Tests of hmr_tf/data/augment.py."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.body.posing import pose_body
from hmr_tf.config import AugmentConfig
from hmr_tf.data import augment
from tests import toy_body
from tfrecords_tools import skeletons

_SIZE = 96
_WIDE = AugmentConfig(rotation_deg=60.0, rotation_probability=0.7, color_jitter=0.4, shift_px=15.0)
_CHANGES = list(itertools.product([0.0, 0.9, -2.5], [False, True]))


def _parameters(rotation=0.0, flip=False, center=(50.0, 40.0), window=80.0, gain=(1.0, 1.0, 1.0)):
    return augment.CropParameters(
        tf.constant(center),
        tf.constant(window),
        tf.constant(rotation),
        tf.constant(flip),
        tf.constant(gain),
    )


def _augment(image, parameters, **options):
    plan = augment.plan_crops(parameters, _SIZE)
    image = tf.convert_to_tensor(image)
    return augment.augment_image(image, plan, parameters.color_gain, _SIZE, **options).numpy()


def _batch(parameters, count):
    return augment.CropParameters(*(tf.stack([value] * count) for value in parameters))


def test_draws_follow_from_the_seed_alone():
    centers = tf.constant(np.random.default_rng(0).uniform(50, 90, (6, 2)), tf.float32)
    first = augment.draw_parameters(tf.constant([3, 7], tf.int64), centers, 224.0, _WIDE)
    again = augment.draw_parameters(tf.constant([3, 7], tf.int64), centers, 224.0, _WIDE)
    other = augment.draw_parameters(tf.constant([3, 8], tf.int64), centers, 224.0, _WIDE)
    for a, b, c in zip(first, again, other):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_shifts_grow_with_the_people():
    centers, seed = tf.zeros([3, 2]), tf.constant([3, 7], tf.int64)
    sizes = tf.constant([1.0, 2.0, 0.5])
    plain = augment.draw_parameters(seed, centers, 224.0, _WIDE)
    grown = augment.draw_parameters(seed, centers, 224.0 * sizes, _WIDE, sizes)
    np.testing.assert_allclose(grown.center, plain.center * sizes[:, None], rtol=1e-6)
    np.testing.assert_allclose(grown.window, plain.window * sizes, rtol=1e-6)


def test_draws_fill_their_ranges():
    count = 20_000
    centers = tf.zeros([count, 2])
    drawn = augment.draw_parameters(tf.constant([1, 2], tf.int64), centers, 224.0, _WIDE)
    scale = 224.0 / drawn.window.numpy()
    for values, low, high in (
        (scale, 0.8, 1.23),
        (drawn.center.numpy(), -15.0, 15.0),
        (np.degrees(drawn.rotation.numpy()), -60.0, 60.0),
        (drawn.color_gain.numpy(), 0.6, 1.4),
    ):
        reach = high - low
        assert low - 1e-4 <= values.min() < low + 0.01 * reach
        assert high + 1e-4 >= values.max() > high - 0.01 * reach
    assert abs(scale.mean() - 1.015) < 0.005
    assert abs(np.mean(drawn.rotation.numpy() != 0) - 0.7) < 0.02
    assert abs(np.mean(drawn.flip.numpy()) - 0.5) < 0.02
    # Shifts of the two axes, and all other draws, are independent.
    columns = [scale, *drawn.center.numpy().T, drawn.flip.numpy(), *drawn.color_gain.numpy().T]
    correlation = np.corrcoef(np.stack(columns).astype(np.float64))
    assert np.abs(correlation - np.eye(len(columns))).max() < 0.04


def test_normal_spread_is_spin_s():
    """Side of the crop N(1, 0.25) in 1 +- 0.25, angle N(0, 30) in +- 60 degrees, for 60 %."""
    count = 40_000
    spin = AugmentConfig(
        spread="normal",
        scale_min=0.8,
        scale_max=1.0 / 0.75,
        rotation_deg=60.0,
        rotation_probability=0.6,
    )
    seed = tf.constant([1, 2], tf.int64)
    drawn = augment.draw_parameters(seed, tf.zeros([count, 2]), 224.0, spin)
    side = drawn.window.numpy() / 224.0
    angle = np.degrees(drawn.rotation.numpy())
    angle = angle[drawn.rotation.numpy() != 0]
    assert abs(len(angle) / count - 0.6) < 0.02
    rng = np.random.default_rng(0)
    expected_side = np.clip(1 + 0.25 * rng.normal(size=count), 0.75, 1.25)
    expected_angle = np.clip(30 * rng.normal(size=count), -60, 60)
    shares = np.linspace(0.005, 0.995, 50)
    for found, expected, reach in ((side, expected_side, 0.5), (angle, expected_angle, 120.0)):
        difference = np.quantile(found, shares) - np.quantile(expected, shares)
        assert np.abs(difference).max() < 0.015 * reach
    assert side.min() >= 0.75 - 1e-6 and side.max() <= 1.25 + 1e-6
    assert np.mean(side > 1.25 - 1e-5) == pytest.approx(0.159, abs=0.01)
    assert np.isfinite(angle).all()


def test_switching_one_change_off_keeps_the_others():
    centers, seed = tf.zeros([50, 2]), tf.constant([1, 2], tf.int64)
    wide = augment.draw_parameters(seed, centers, 224.0, _WIDE)
    upright = augment.draw_parameters(
        seed, centers, 224.0, dataclasses.replace(_WIDE, rotation_probability=0.0)
    )
    np.testing.assert_array_equal(upright.rotation, np.zeros(50))
    for name in ("center", "window", "flip", "color_gain"):
        np.testing.assert_array_equal(getattr(upright, name), getattr(wide, name))


def test_no_augmentation_is_the_plain_crop():
    still = AugmentConfig(scale_min=1.0, scale_max=1.0, shift_px=0.0, flip_probability=0.0)
    center = tf.constant([[31.0, 22.5]])
    drawn = augment.draw_parameters(tf.constant([0, 0], tf.int64), center, 200.0, still)
    plain = augment.plain_parameters(center, 200.0)
    for a, b in zip(drawn, plain):
        np.testing.assert_array_equal(a, b)


def test_color_gain_scales_channels_and_clips():
    image = np.full((120, 120, 3), 100, np.uint8)
    crop = _augment(image, _parameters(gain=(0.5, 1.0, 4.0)))
    np.testing.assert_allclose(crop, np.broadcast_to([50 / 255, 100 / 255, 1.0], crop.shape), 1e-5)


def test_colors_change_what_hides_the_crop_too():
    image = np.zeros((120, 120, 3), np.uint8)
    crop = _augment(image, _parameters(gain=(0.5, 1.0, 1.0)), hide=lambda crop: crop + 0.5)
    np.testing.assert_allclose(crop, np.broadcast_to([0.25, 0.5, 0.5], crop.shape))


@pytest.mark.parametrize(("rotation", "flip"), _CHANGES)
def test_points_stay_on_the_picture(rotation, flip):
    """A left wrist drawn red must be red under the point called left wrist, unless mirrored."""
    rng = np.random.default_rng(4)
    keypoints = np.concatenate(
        [rng.uniform(25, 75, (19, 2)) * [1, 0.8], np.ones((19, 1))], 1
    ).astype(np.float32)
    keypoints[3, 2] = 0
    sides = [0 if "left" in name else 1 for name in skeletons.COCOPLUS19.joints]
    parameters = _parameters(rotation, flip)
    for index in (0, 5, 6, 11, 8, 15):
        image = np.zeros((90, 110, 3), np.float32)
        x, y = keypoints[index, :2]
        rows, columns = np.mgrid[:90, :110]
        image[..., sides[index]] = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
        crop = _augment(np.round(image * 255).astype(np.uint8), parameters)
        points, visibility = augment.transform_keypoints_2d(keypoints, parameters, _SIZE)
        # In a mirrored picture the same dot is the other side's joint.
        slot = skeletons.COCOPLUS19.flip[index] if flip else index
        assert visibility[slot] == 1
        row, column = np.unravel_index(np.argmax(crop[..., sides[index]]), (_SIZE, _SIZE))
        expected = (points.numpy()[slot] + 1) * _SIZE / 2
        assert np.hypot(column - expected[0], row - expected[1]) < 1.0
    hidden = skeletons.COCOPLUS19.flip[3] if flip else 3
    assert visibility[hidden] == 0 and (points.numpy()[hidden] == 0).all()
    assert visibility.numpy().sum() == 18


def test_invisible_points_never_become_nan():
    keypoints = np.full((19, 3), np.inf, np.float32)
    keypoints[:, 2] = 0
    points, visibility = augment.transform_keypoints_2d(keypoints, _parameters(0.3, True), _SIZE)
    np.testing.assert_array_equal(points, np.zeros((19, 2)))
    np.testing.assert_array_equal(visibility, np.zeros(19))


@pytest.mark.parametrize("flip", [False, True])
def test_joints_turn_as_the_picture_does(flip):
    """Weakly projected joints, moved with the picture, equal the projected moved joints."""
    joints = np.random.default_rng(0).normal(0, 0.5, (14, 3)).astype(np.float32)
    center, window, pixels_per_metre = np.array([50.0, 40.0]), 80.0, 30.0
    image_points = center + pixels_per_metre * joints[:, :2]
    keypoints = np.concatenate([image_points, np.ones((14, 1))], 1).astype(np.float32)
    parameters = _parameters(0.7, flip, center, window)
    points, _ = augment.transform_keypoints_2d(keypoints, parameters, _SIZE, skeletons.LSP14.flip)
    moved = augment.transform_joints_3d(joints, parameters).numpy()
    in_crop = (points.numpy() + 1) * window / 2 / pixels_per_metre
    in_crop -= in_crop.mean(0)
    np.testing.assert_allclose(in_crop, moved[:, :2] - moved[:, :2].mean(0), atol=1e-5)
    np.testing.assert_allclose(moved[list(skeletons.LSP14.flip)] if flip else moved, moved_by_hand(
        joints, 0.7, flip), atol=1e-6)  # fmt: skip


def moved_by_hand(joints, angle, flip):
    moved = joints @ Rotation.from_euler("z", angle).as_matrix().T
    return moved * [-1, 1, 1] if flip else moved


def test_mirroring_twice_is_the_identity():
    rng = np.random.default_rng(0)
    mirror = _batch(_parameters(flip=True), 4)
    joints = rng.normal(size=(4, 14, 3)).astype(np.float32)
    pose = rng.normal(size=(4, 72)).astype(np.float32)
    twice = augment.transform_joints_3d(augment.transform_joints_3d(joints, mirror), mirror)
    np.testing.assert_allclose(twice, joints, atol=1e-6)
    once = augment.transform_pose(pose, mirror)
    assert np.abs(once - pose).max() > 0.5
    np.testing.assert_array_equal(augment.transform_pose(once, mirror), pose)
    keypoints = rng.uniform(10, 90, (4, 19, 3)).astype(np.float32)
    plain = _batch(_parameters(), 4)
    points, visibility = augment.transform_keypoints_2d(keypoints, mirror, _SIZE)
    expected, _ = augment.transform_keypoints_2d(keypoints, plain, _SIZE)
    flip = list(skeletons.COCOPLUS19.flip)
    # x' = W - 1 - x in crop pixels is x' = -x - 2 / W in crop units.
    back = points.numpy()[:, flip] * [-1, 1] - [2 / _SIZE, 0]
    np.testing.assert_allclose(back, expected, atol=1e-5)
    np.testing.assert_array_equal(visibility, np.ones((4, 19)))


def test_unturned_poses_keep_their_exact_values():
    pose = np.random.default_rng(0).normal(size=(3, 72)).astype(np.float32)
    pose[0, :3] = (np.pi + 0.3, 0, 0)  # beyond half a turn: a round trip would wrap it
    np.testing.assert_array_equal(augment.transform_pose(pose, _batch(_parameters(), 3)), pose)


def _symmetric_body():
    """Returns the toy body made symmetric about x = 0, and the mirror of its keypoints."""
    arrays = toy_body.toy_arrays()
    flip = list(skeletons.SMPL24.flip)
    mirrored = arrays["v_template"] * [-1, 1, 1]
    num = len(mirrored)

    def both(right, sign=None):
        return np.concatenate([right, right if sign is None else right * sign])

    arrays["v_template"] = np.concatenate([arrays["v_template"], mirrored])
    signs = np.array([-1.0, 1.0, 1.0])[None, :, None]
    arrays["shapedirs"] = both(arrays["shapedirs"], signs)
    # Pose blend shapes: entry (joint, row, column) of R - I mirrors as R' = S R S.
    blend = arrays["posedirs"].reshape(num, 3, 23, 3, 3)
    order = [joint - 1 for joint in flip[1:]]
    pattern = np.outer([-1, 1, 1], [-1, 1, 1])
    mirrored_blend = (
        blend[:, :, order] * pattern * np.array([-1.0, 1, 1])[None, :, None, None, None]
    )
    arrays["posedirs"] = np.concatenate([blend, mirrored_blend]).reshape(2 * num, 3, 207)
    arrays["weights"] = np.concatenate([arrays["weights"], arrays["weights"][:, flip]])
    half = arrays["J_regressor"]
    arrays["J_regressor"] = np.concatenate([half, half[flip]], axis=1) / 2
    faces = arrays["f"]
    arrays["f"] = np.concatenate([faces, faces[:, ::-1] + num])
    half = arrays["cocoplus_regressor"]
    sides = list(skeletons.COCOPLUS19.flip)
    arrays["cocoplus_regressor"] = np.concatenate([half, half[sides]], axis=1) / 2
    return toy_body.body_from_arrays(arrays, source="symmetric toy body")


def _joints_3d(body, pose, betas):
    vertices, _ = pose_body(body, pose.reshape(24, 3), betas)
    return body.regressor("cocoplus")[:14] @ vertices


@pytest.mark.parametrize(("rotation", "flip"), _CHANGES)
def test_augmented_pose_gives_the_augmented_joints(rotation, flip):
    body = _symmetric_body()
    rng = np.random.default_rng(5)
    pose = (0.5 * rng.normal(size=72)).astype(np.float32)
    pose[:3] = (
        Rotation.from_rotvec([np.pi, 0, 0]) * Rotation.from_rotvec([0.2, 0.9, 0])
    ).as_rotvec()
    betas = rng.normal(size=10).astype(np.float32)
    parameters = _parameters(rotation, flip)
    expected = augment.transform_joints_3d(
        _joints_3d(body, pose, betas).astype(np.float32), parameters
    ).numpy()
    moved = augment.transform_pose(pose, parameters).numpy()
    found = _joints_3d(body, moved, betas)
    # SMPL turns about the pelvis, the picture about the camera's axis: compare up to a shift.
    np.testing.assert_allclose(found - found.mean(0), expected - expected.mean(0), atol=2e-5)
    if rotation:
        assert np.abs(found - _joints_3d(body, pose, betas)).max() > 0.1


def test_picture_of_a_turned_body_is_the_turned_picture():
    """Positive angle: what pointed right in the picture and in space points down in both."""
    image = np.zeros((101, 101, 3), np.uint8)
    cv2.circle(image, (80, 50), 4, (255, 255, 255), -1)
    quarter = _parameters(np.pi / 2, False, center=(50.0, 50.0), window=96.0)
    crop = _augment(image, quarter)
    rows, columns = np.nonzero(crop[..., 0] > 0.5)
    assert rows.mean() > 70 and abs(columns.mean() - 48) < 1
    right = np.zeros((14, 3), np.float32)
    right[:, 0] = 1.0
    np.testing.assert_allclose(augment.transform_joints_3d(right, quarter)[0], [0, 1, 0], atol=1e-6)
