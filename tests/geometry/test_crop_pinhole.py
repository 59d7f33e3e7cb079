"""From the crop's volume to the camera frame and back, by hand and by OpenCV's pinhole."""

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf.geometry import crop_pinhole

_RNG = np.random.default_rng(3)
_PX = np.array([[1100.0, 0, 320], [0, 1050, 240], [0, 0, 1]])
_CENTER, _WINDOW = np.array([400.0, 260.0]), 300.0


def _view():
    """The crop of `_WINDOW` px around `_CENTER` of a camera `_PX`."""
    focal = tf.constant([[_PX[0, 0], _PX[1, 1]]], tf.float32) / _WINDOW
    offset = tf.constant([_CENTER - _PX[:2, 2]], tf.float32) / _WINDOW
    return focal, offset


def _skeleton(depth=4.5):
    points = _RNG.normal(scale=0.3, size=(29, 3)) + np.array([0.3, 0.1, depth])
    return points.astype(np.float32)


def test_a_camera_s_points_are_found_again():
    points = _skeleton()
    image, _ = cv2.projectPoints(points.astype(np.float64), np.zeros(3), np.zeros(3), _PX, None)
    places = (image[:, 0] - _CENTER) / _WINDOW
    depth = (points[:, 2:] - points[0, 2]) / 2.2
    uvd = np.concatenate([places, depth], axis=1)[None].astype(np.float32)
    root = tf.constant([points[0, 2]])
    found = crop_pinhole.uvd_to_points(uvd, root, *_view(), 2.2)
    np.testing.assert_allclose(found[0], points, atol=1e-5)
    back = crop_pinhole.points_to_uvd(points[None], root, *_view(), 2.2)
    np.testing.assert_allclose(back, uvd, atol=1e-6)


def test_printed_values():
    """Scale 0.9 and (u, v, d) = (0.1, -0.2, 0.05) of 2.2 m, as the release has them."""
    focal = tf.fill([1, 2], 1000 / 256)
    depth = focal[:, 0] / 0.9
    np.testing.assert_allclose(depth, [4.340278], rtol=1e-6)
    points = crop_pinhole.uvd_to_points(
        tf.constant([[[0.1, -0.2, 0.05]]]), depth, focal, tf.zeros([1, 2]), 2.2
    )
    shifted = points.numpy()[0, 0, :2] - [0.03, -0.05]
    np.testing.assert_allclose(shifted, [0.0839271, -0.1778542], atol=1e-6)
    np.testing.assert_allclose(points[0, 0, 2] - depth[0], 0.11, atol=1e-6)


def test_the_view_of_an_image():
    view = crop_pinhole.image_view(
        *(tf.constant(x) for x in ([[99.5, 49.5]], [50.0], [[100, 150]], [500.0]))
    )
    np.testing.assert_allclose(view.offset, [[0.5, 0.0]])
    np.testing.assert_allclose(view.focal, [[10.0, 10.0]])
    np.testing.assert_allclose(view.root_depth, [0.0])
    assert crop_pinhole.centred_view(3).offset.shape == (3, 2)


def _bones():
    bones = np.zeros((28, 29), np.float32)
    bones[np.arange(28), np.arange(1, 29)] = 1.0
    bones[np.arange(28), np.arange(28)] = -1.0
    return bones


def test_depth_follows_from_the_lengths_of_bones():
    points = _skeleton()
    root = tf.constant([points[0, 2]])
    uvd = crop_pinhole.points_to_uvd(points[None], root, *_view(), 2.2)
    square = np.sum(np.square(_bones() @ points))
    depth = crop_pinhole.depth_by_bones(uvd, *_view(), 2.2, _bones(), tf.constant([square]))
    np.testing.assert_allclose(depth, root, rtol=1e-5)


def test_skeletons_that_no_depth_makes_right_get_a_finite_one():
    uvd = tf.constant(_RNG.uniform(-0.5, 0.5, (2, 29, 3)), tf.float32)
    for square in ([0.0, 1e-6], [1e-3, 1e4]):
        for one in (uvd, tf.zeros_like(uvd)):
            focal, offset = (tf.repeat(x, 2, axis=0) for x in _view())
            depth = crop_pinhole.depth_by_bones(
                one, focal, offset, 2.2, _bones(), tf.constant(square)
            )
            assert np.isfinite(depth).all() and (depth.numpy() > 0).all()


def test_a_scale_is_solved_from_points():
    points, scale = _skeleton(), 0.6
    focal = tf.fill([1, 2], 1000 / 256)
    root = focal[:, 0] / scale
    points -= points[0]
    placed = points + np.float32([0.2, -0.1, root[0]])
    offset = tf.constant([[0.4, -0.2]])
    uvd = crop_pinhole.points_to_uvd(placed[None], root, focal, offset, 2.2)
    seen = np.concatenate([placed[:, :2], points[:, 2:]], axis=1)[None].astype(np.float32)
    weights = tf.constant(_RNG.uniform(0, 1, (1, 29)), tf.float32)
    found = crop_pinhole.refined_scale(tf.constant([0.9]), uvd, seen, weights, focal, offset)
    np.testing.assert_allclose(found, [scale], rtol=1e-5)
    kept = crop_pinhole.refined_scale(
        tf.constant([0.9]), uvd, seen, tf.zeros([1, 29]), focal, offset
    )
    np.testing.assert_allclose(kept, [0.9])
