"""Tests of hmr_tf/data/crops.py."""

import itertools
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import crops

_SIZE = 64


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([2], tf.float32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([], tf.bool),
    ]
)
def _graph_crop(image, center, window, rotation, flip):
    return crops.crop_image(image, center, window, _SIZE, rotation, flip)


def _crop(image, center, window, rotation=0.0, flip=False):
    return _graph_crop(image, center, np.float32(window), rotation, flip).numpy()


def _smooth_picture(height=120, width=150, sigma=3.0, seed=0):
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
    blurred = cv2.GaussianBlur(noise, (0, 0), sigma)
    blurred = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    return np.round(255 * blurred).astype(np.uint8)


def _numpy_affine(center, window, size, rotation, flip):
    """Composes the affine from elementary 3 x 3 matrices."""

    def shift(x, y):
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])

    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]]
    scale = np.diag([size / window, size / window, 1])
    mirror = np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1.0]]) if flip else np.eye(3)
    return (mirror @ shift(size / 2, size / 2) @ scale @ turn @ shift(-center[0], -center[1]))[:2]


def _opencv_crop(image, affine, size):
    warped = cv2.warpAffine(
        image.astype(np.float32),
        affine,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return warped / 255.0


_CASES = list(
    itertools.product(
        [(75.0, 60.0), (70.3, 41.8)], [64.0, 40.0, 90.5], [0.0, 0.6, -2.2], [False, True]
    )
)


@pytest.mark.parametrize(("center", "window", "rotation", "flip"), _CASES)
def test_affine_is_the_composition_of_its_parts(center, window, rotation, flip):
    affine = crops.crop_affine(center, window, _SIZE, rotation, flip).numpy()
    np.testing.assert_allclose(
        affine, _numpy_affine(center, window, _SIZE, rotation, flip), atol=2e-5
    )


@pytest.mark.parametrize(("center", "window", "rotation", "flip"), _CASES)
def test_crop_equals_opencvs_warp(center, window, rotation, flip):
    image = _smooth_picture()
    expected = _opencv_crop(image, _numpy_affine(center, window, _SIZE, rotation, flip), _SIZE)
    difference = np.abs(_crop(image, center, window, rotation, flip) - expected)
    # OpenCV rounds source coordinates to 1/32 px.
    assert difference.max() < 0.012
    assert difference.mean() < 0.001


def test_integer_crop_copies_pixels_exactly():
    image = _smooth_picture()
    crop = _crop(image, (75.0, 60.0), 64.0)
    expected = image[60 - 32 : 60 + 32, 75 - 32 : 75 + 32] / np.float32(255)
    np.testing.assert_allclose(crop, expected, atol=1e-6)


@pytest.mark.parametrize("rotation", [0.0, 0.7])
def test_mirror_reverses_columns(rotation):
    image = _smooth_picture()
    plain = _crop(image, (71.25, 55.5), 57.0, rotation, False)
    mirrored = _crop(image, (71.25, 55.5), 57.0, rotation, True)
    np.testing.assert_allclose(mirrored, plain[:, ::-1], atol=1e-5)


def test_hand_worked_points():
    # k = 224 / 112 = 2. (60, 45) is (10, -5) from the centre, so (20, -10) in the crop.
    point = np.array([[60.0, 45.0]], np.float32)

    def move(rotation, flip):
        affine = crops.crop_affine([50.0, 50.0], 112.0, 224, rotation, flip)
        return crops.transform_points(point, affine).numpy()[0]

    np.testing.assert_allclose(move(0.0, False), [132, 102], atol=1e-4)
    np.testing.assert_allclose(move(0.0, True), [223 - 132, 102], atol=1e-4)
    # A quarter turn from x towards y takes (20, -10) to (10, 20).
    np.testing.assert_allclose(move(np.pi / 2, False), [122, 132], atol=1e-4)
    np.testing.assert_allclose(move(np.pi / 2, True), [223 - 122, 132], atol=1e-4)
    np.testing.assert_allclose(
        crops.pixels_to_crop_units(tf.constant([112.0, 224.0]), 224), [0.0, 1.0], atol=1e-6
    )


def test_affine_of_hybrik_s_reference():
    """Its angle of 30 degrees turns the other way."""
    affine = crops.crop_affine(
        tf.constant([100.0, 80.0]), tf.constant(128.0), 256, rotation=-np.pi / 6
    )
    expected = [[1.73205, 1.0, -125.20508], [-1.0, 1.73205, 89.43593]]
    np.testing.assert_allclose(affine, expected, atol=1e-4)
    point = crops.transform_points(tf.constant([[120.0, 90.0]]), affine)
    np.testing.assert_allclose(point, [[172.6410, 125.3205]], atol=1e-3)


def test_positive_rotation_turns_the_picture_clockwise():
    image = np.zeros((65, 65, 3), np.uint8)
    image[28:37, 50:60] = 255  # a patch right of the centre
    crop = _crop(image, (32.0, 32.0), 64.0, np.pi / 2)
    rows, columns = np.nonzero(crop[..., 0] > 0.5)
    assert abs(columns.mean() - 32) < 1 and rows.mean() > 50  # now below the centre


def test_inverse_affine_and_units_round_trip():
    rng = np.random.default_rng(0)
    points = rng.uniform(-100, 400, (5, 19, 2)).astype(np.float32)
    affine = crops.crop_affine(
        rng.uniform(50, 200, (5, 2)).astype(np.float32),
        rng.uniform(30, 300, 5).astype(np.float32),
        224,
        rng.uniform(-3, 3, 5).astype(np.float32),
        np.array([True, False, True, False, True]),
    )
    there = crops.transform_points(points, affine)
    back = crops.transform_points(there, crops.invert_affine(affine))
    np.testing.assert_allclose(back, points, atol=2e-3)
    units = crops.pixels_to_crop_units(there, 224)
    np.testing.assert_allclose(crops.crop_units_to_pixels(units, 224), there, atol=1e-3)


def _dots(centres, height, width, sigma):
    """Draws one Gaussian dot per point, exact at any fraction of a pixel."""
    rows, columns = np.mgrid[:height, :width]
    image = np.zeros((height, width), np.float64)
    for x, y in centres:
        image += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(250 * np.minimum(image, 1))[..., None], 3, axis=2).astype(np.uint8)


def _centroid(crop, near, reach):
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]]
    weight = crop[..., 0] * (np.hypot(columns - near[0], rows - near[1]) < reach)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


@pytest.mark.parametrize("window", [50.0, 64.0, 100.0, 128.0, 131.0, 200.0, 330.0, 500.3])
@pytest.mark.parametrize("rotation", [0.0, 0.4, -1.3, 3.0])
@pytest.mark.parametrize("flip", [False, True])
def test_dots_land_where_the_points_say(window, rotation, flip):
    """Covers every mix of scale, shift, rotation, mirror and shrinking, at odd image sizes."""
    height, width, center = 411, 437, (214.3, 201.6)
    scale = _SIZE / window
    # Dots of the same size in every crop, well inside of it.
    offsets = np.array([[0.22, -0.05], [-0.2, 0.17], [0.03, -0.24], [0.0, 0.02]]) * window
    centres = np.array(center) + offsets
    image = _dots(centres, height, width, sigma=2.0 / scale)
    crop = _crop(image, center, window, rotation, flip)
    affine = crops.crop_affine(center, window, _SIZE, rotation, flip)
    for expected in crops.transform_points(centres.astype(np.float32), affine).numpy():
        found = _centroid(crop, expected, reach=6.5)
        assert np.abs(found - expected).max() < 0.05, (found, expected)


@pytest.mark.parametrize("extent", [(131, 250), (250, 131), (7, 9), (400, 403)])
def test_shrinking_keeps_geometry_at_the_image_border(extent):
    # A ramp over the whole image: the crop must read the ramp's value at each pixel's own place.
    height, width = extent
    columns = np.broadcast_to(np.arange(width), (height, width))
    rows = np.broadcast_to(np.arange(height)[:, None], (height, width))
    image = np.stack([columns % 256, rows % 256, 0 * rows], -1).astype(np.float32) / 255.0
    image[..., 0], image[..., 1] = columns / 1000.0, rows / 1000.0
    center, window = np.float32([width / 2, height / 2]), np.float32(300.0)
    crop = crops.crop_image(tf.constant(image, tf.float32), center, window, _SIZE).numpy()
    place = (np.arange(_SIZE) - _SIZE / 2) * window / _SIZE
    expected_x = np.clip(center[0] + place, 0, width - 1)
    inside = (expected_x > 8) & (expected_x < width - 9)
    assert inside.sum() > 10 or width < 20
    np.testing.assert_allclose(
        crop[_SIZE // 2, inside, 0] * 1000, expected_x[inside], atol=0.05 * window / _SIZE
    )
    expected_y = np.clip(center[1] + place, 0, height - 1)
    inside = (expected_y > 8) & (expected_y < height - 9)
    np.testing.assert_allclose(
        crop[inside, _SIZE // 2, 1] * 1000, expected_y[inside], atol=0.05 * window / _SIZE
    )


def test_shrinking_removes_what_the_crop_cannot_show():
    checker = np.indices((512, 512)).sum(0) % 2 * 255
    image = np.repeat(checker[..., None], 3, 2).astype(np.uint8)
    crop = _crop(image, (256.0, 256.0), 256.0)  # four image pixels a crop pixel
    np.testing.assert_allclose(crop, 0.5, atol=0.01)


@pytest.mark.parametrize("center", [(-500.0, 30.0), (1000.0, 1000.0), (-3.0, 60.0)])
@pytest.mark.parametrize("window", [64.0, 200.0])
def test_border_is_repeated_outside(center, window):
    image = _smooth_picture()
    crop = _crop(image, center, window)
    assert np.isfinite(crop).all()
    if center[0] <= -500:
        rows = np.clip(center[1] + (np.arange(_SIZE) - 32) * window / _SIZE, 0, 119)
        column = image[:, 0].astype(np.float64) / 255.0
        expected = np.stack([np.interp(rows, np.arange(120), column[:, c]) for c in range(3)], -1)
        tolerance = 1e-4 if window == 64.0 else 0.08
        np.testing.assert_allclose(
            crop, np.broadcast_to(expected[:, None], crop.shape), atol=tolerance
        )
    if center[0] >= 1000:
        np.testing.assert_allclose(
            crop, np.broadcast_to(image[-3:, -3:].mean((0, 1)) / 255, crop.shape), atol=0.05
        )


def test_float_images_give_the_same_crop():
    image = _smooth_picture()
    as_float = crops.crop_image(
        tf.constant(image / 255.0, tf.float32), [70.0, 50.0], 150.0, _SIZE, 0.3
    )
    np.testing.assert_allclose(as_float, _crop(image, (70.0, 50.0), 150.0, 0.3), atol=1e-5)


def test_batched_variants_equal_single_crops():
    image = _smooth_picture()
    centers = np.float32([[40, 50], [90.5, 61.25], [0, 0]])
    windows = np.float32([50, 140, 64])
    boxes = crops.crop_boxes(image, centers, windows, _SIZE).numpy()
    assert boxes.shape == (3, _SIZE, _SIZE, 3)
    for crop, center, window in zip(boxes, centers, windows):
        np.testing.assert_allclose(crop, _crop(image, center, window), atol=1e-6)
    other = _smooth_picture(70, 33, seed=5)
    encoded = [cv2.imencode(".png", picture[..., ::-1])[1].tobytes() for picture in (image, other)]
    decoded = crops.decode_and_crop(tf.constant(encoded), centers[:2], windows[:2], _SIZE).numpy()
    np.testing.assert_allclose(decoded[0], boxes[0], atol=1e-6)
    np.testing.assert_allclose(decoded[1], _crop(other, centers[1], windows[1]), atol=1e-6)
    empty = crops.crop_boxes(image, np.zeros([0, 2], np.float32), np.zeros([0], np.float32), _SIZE)
    assert empty.shape == (0, _SIZE, _SIZE, 3)


def test_saved_graph_runs_without_addons(tmp_path):
    class Cropper(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string),
                tf.TensorSpec([None, 2], tf.float32),
                tf.TensorSpec([None], tf.float32),
            ]
        )
        def crop(self, encoded, centers, windows):
            return crops.decode_and_crop(encoded, centers, windows, 32)

    image = _smooth_picture()
    tf.saved_model.save(Cropper(), str(tmp_path / "model"))
    (tmp_path / "image.png").write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    script = (
        "import sys, numpy as np, tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1] + '/model')\n"
        "data = open(sys.argv[1] + '/image.png', 'rb').read()\n"
        "crop = model.crop(tf.constant([data]), tf.constant([[70., 50.]]), tf.constant([90.]))\n"
        "assert not [m for m in sys.modules if m.startswith(('tensorflow_addons', 'hmr_tf'))]\n"
        "np.save(sys.argv[1] + '/crop.npy', crop.numpy())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=tmp_path)
    expected = crops.crop_image(tf.constant(image), [70.0, 50.0], 90.0, 32)
    np.testing.assert_allclose(np.load(tmp_path / "crop.npy")[0], expected, atol=1e-6)
