"""Cameras against the printed numbers and against each other."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.geometry import camera as cameras

# An image of 600 rows and 400 columns, scaled so that its long side is 224 px, no keypoints.
_HEIGHT, _WIDTH = 600, 400
_SCALE = 224 / 600
_CROP_CENTER_SCALED = (74.0, 112.0)
_CAMERA = np.array([0.9, 0.1, -0.2], np.float32)


def test_printed_numbers_of_a_tall_image():
    center = np.array(_CROP_CENTER_SCALED, np.float32) / _SCALE
    window = 224 / _SCALE
    np.testing.assert_allclose(center, (198.2143, 300.0), atol=1e-4)
    middle = cameras.crop_to_image(np.zeros((1, 2), np.float32), center, window)
    np.testing.assert_allclose(middle[0], (198.2143, 300.0), atol=1e-4)

    focal = 500 / _SCALE
    translation = cameras.camera_to_translation(_CAMERA, 500.0, 224.0)
    np.testing.assert_allclose(translation, (0.1, -0.2, 4.960317), atol=1e-6)
    assert focal == pytest.approx(1339.2857, abs=1e-4)

    point = np.array([[0.1, 0.2, 0.0]], np.float32)
    by_crop = cameras.crop_to_image(cameras.weak_perspective(point, _CAMERA), center, window)
    by_camera = cameras.perspective(point + translation, focal, center)
    np.testing.assert_allclose(by_crop, [(252.2143, 300.0)], atol=1e-4)
    np.testing.assert_allclose(by_camera, by_crop, atol=1e-3)


def test_weak_perspective_by_hand():
    points = np.array([[[1.0, 2.0, 7.0], [0.0, 0.0, 0.0]]], np.float32)
    got = cameras.weak_perspective(points, np.array([[2.0, 0.5, -1.0]], np.float32))
    np.testing.assert_array_equal(got, [[[3.0, 2.0], [1.0, -2.0]]])


def test_perspective_by_hand():
    got = cameras.perspective(np.array([[1.0, -2.0, 4.0]], np.float32), 100.0, [10.0, 20.0])
    np.testing.assert_allclose(got, [[35.0, -30.0]])


def test_points_in_the_camera_plane_stay_finite():
    points = tf.constant([[1.0, 1.0, 0.0], [1.0, 1.0, -1e-9]])
    with tf.GradientTape() as tape:
        tape.watch(points)
        projected = cameras.perspective(points, 1.0, [0.0, 0.0])
    assert np.isfinite(projected).all()
    assert np.isfinite(tape.gradient(projected, points)).all()


def test_crop_units_are_two_crop_pixels_over_size_less_one():
    center, window, size = np.array([50.0, 80.0], np.float32), 120.0, 224
    points = np.random.default_rng(0).uniform(0, 200, (6, 2)).astype(np.float32)
    scale = size / window
    crop_px = scale * (points - center) + size / 2
    np.testing.assert_allclose(
        cameras.image_to_crop(points, center, window), 2 * crop_px / size - 1, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_crop_and_image_are_inverse(shape):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (*shape, 19, 2)).astype(np.float32)
    center = rng.uniform(0, 300, (*shape, 2)).astype(np.float32)
    window = rng.uniform(50, 300, shape).astype(np.float32)
    image = cameras.crop_to_image(points, center, window)
    assert image.shape == points.shape
    np.testing.assert_allclose(cameras.image_to_crop(image, center, window), points, atol=1e-5)


def test_image_center_is_between_the_outer_pixel_centers():
    np.testing.assert_array_equal(cameras.image_center([1, 1]), [0.0, 0.0])
    np.testing.assert_array_equal(cameras.image_center([_HEIGHT, _WIDTH]), [199.5, 299.5])


@pytest.mark.parametrize("shape", [(), (4,)])
def test_full_image_camera_agrees_with_the_crop_camera_at_depth_zero(shape):
    rng = np.random.default_rng(1)
    camera = np.stack([rng.uniform(0.5, 1.2, shape), *rng.normal(size=(2, *shape))], -1)
    camera = camera.astype(np.float32)
    center = rng.uniform(0, 400, (*shape, 2)).astype(np.float32)
    window = rng.uniform(100, 400, shape).astype(np.float32)
    size = np.broadcast_to([_HEIGHT, _WIDTH], (*shape, 2))
    focal = rng.uniform(500, 5000, shape).astype(np.float32)
    points = rng.normal(size=(*shape, 5, 3)).astype(np.float32)
    points[..., 2] = 0.0
    weak = cameras.crop_to_image(cameras.weak_perspective(points, camera), center, window)
    translation = cameras.full_image_camera(camera, center, window, size, focal)
    full = cameras.perspective(
        points + translation[..., None, :], focal, cameras.image_center(size)
    )
    np.testing.assert_allclose(full, weak, atol=2e-3)
    again = cameras.crop_camera(translation, center, window, size, focal)
    np.testing.assert_allclose(again, camera, atol=2e-5)


def test_full_image_camera_by_hand():
    # Twice the window's side over the scale is what one metre spans: 0.5 * 200 * 1 = 100 px.
    got = cameras.full_image_camera([1.0, 0.25, 0.0], [149.5, 49.5], 200.0, [100, 200], 1000.0)
    np.testing.assert_allclose(got, (0.25 + 0.5, 0.0, 10.0), rtol=1e-6)


def test_zero_scale_is_finite():
    camera = [0.0, 0.1, 0.2]
    assert np.isfinite(cameras.camera_to_translation(camera, 5000.0, 224.0)).all()
    full = cameras.full_image_camera(camera, [10.0, 10.0], 224.0, [100, 100], 5000.0)
    assert np.isfinite(full).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: cameras.weak_perspective(np.zeros((5, 2), np.float32), _CAMERA),
        lambda: cameras.weak_perspective(np.zeros((5, 3), np.float32), np.zeros(4, np.float32)),
        lambda: cameras.perspective(np.zeros((5, 4), np.float32), 1.0, [0.0, 0.0]),
        lambda: cameras.camera_to_translation(np.zeros(2, np.float32), 1.0, 1.0),
    ],
)
def test_wrong_shapes_are_named(call):
    with pytest.raises(ValueError, match=r"must be \[\.\.\., 3\]; received"):
        call()
