"""Tests of hmr_tf/data/resampling.py."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import resampling

_SIZE = 24


def _noise(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)


def _read_by_hand(region, linear, offset, size):
    """Bilinear reading with repeated border, pixel by pixel from the definition."""
    height, width = region.shape[:2]
    crop = np.zeros((size, size, 3))
    for row in range(size):
        for column in range(size):
            x, y = linear @ [column, row] + offset
            x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
            x0, y0 = int(x), int(y)
            x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
            top = region[y0, x0] * (1 - x + x0) + region[y0, x1] * (x - x0)
            bottom = region[y1, x0] * (1 - x + x0) + region[y1, x1] * (x - x0)
            crop[row, column] = top * (1 - y + y0) + bottom * (y - y0)
    return crop


@tf.function(reduce_retracing=True, autograph=False)
def _resample(region, linear, offset, is_upright):
    return resampling.resample(region, linear, offset, _SIZE, is_upright)


@pytest.mark.parametrize(
    "offset", [(5.0, 4.0), (5.31, 8.83), (-7.4, 3.0), (20.0, 31.9), (-3.0, -2.0), (-500.0, 9.0)]
)
@pytest.mark.parametrize("scale", [(0.7, 0.7), (1.0, 1.0), (-1.3, 1.3), (2.9, 2.9)])
@pytest.mark.parametrize("is_upright", [False, True])
def test_reads_by_the_definition(offset, scale, is_upright):
    """Both ways of reading, in and out of the region, mirrored and not."""
    region = _noise(35, 29)
    linear = np.diag(scale).astype(np.float32)
    # A mirrored crop begins at its right end.
    offset = np.float32(offset) + np.float32([24.0 if scale[0] < 0 else 0.0, 0.0])
    found = _resample(region, linear, offset, tf.constant(is_upright))
    np.testing.assert_allclose(
        found, _read_by_hand(region, linear, offset, _SIZE), atol=0.02 if is_upright else 0.01
    )


def test_reads_turned_regions_by_the_definition():
    region, angle = _noise(35, 29), 0.7
    linear = 1.1 * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear, offset = linear.astype(np.float32), np.float32([-4.0, 18.0])
    found = _resample(region, linear, offset, tf.constant(False))
    np.testing.assert_allclose(found, _read_by_hand(region, linear, offset, _SIZE), atol=0.02)


def test_reads_a_region_of_one_pixel():
    region = np.full((1, 1, 3), 7.0, np.float32)
    for is_upright in (False, True):
        found = _resample(
            region, np.eye(2, dtype=np.float32), np.float32([-2.0, 0.0]), tf.constant(is_upright)
        )
        np.testing.assert_allclose(found, np.full((_SIZE, _SIZE, 3), 7.0), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("mirror", [1, -1])
def test_a_crop_inside_is_read_the_same(dtype, mirror):
    image = tf.constant(_noise(40, 50).astype(dtype))
    linear = tf.constant([[0.7 * mirror, 0.0], [0.0, 0.8]])
    offset = tf.constant([3.0 if mirror > 0 else 47.0, 2.5])
    assert resampling.is_inside(tf.shape(image), linear, offset, _SIZE)
    assert not resampling.is_inside(tf.shape(image), linear, offset - 3.1, _SIZE)
    assert not resampling.is_inside(tf.shape(image), linear, offset + 40.0, _SIZE)
    # A place that rounding may push over the border is not surely inside.
    edge = tf.constant([[49 / (_SIZE - 1), 0.0], [0.0, 0.8]])
    assert not resampling.is_inside(tf.shape(image), edge, tf.constant([0.0, 2.5]), _SIZE)
    crop = resampling.resample_inside(image, linear, offset, _SIZE)
    expected = _read_by_hand(image.numpy().astype(float), linear.numpy(), offset.numpy(), _SIZE)
    np.testing.assert_allclose(crop, expected, atol=2e-3)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_shrinking_averages_blocks(factor):
    region = _noise(6 * factor, 4 * factor)
    shrunk, step = resampling.shrink(tf.constant(region), tf.constant(factor))
    np.testing.assert_array_equal(step, [factor, factor])
    expected = region.reshape(6, factor, 4, factor, 3).mean((1, 3))
    np.testing.assert_allclose(shrunk, expected, atol=1e-3)


def test_shrinking_odd_sides_says_the_exact_block_size():
    shrunk, step = resampling.shrink(tf.constant(_noise(7, 9)), tf.constant(2))
    assert shrunk.shape == (4, 5, 3)
    np.testing.assert_allclose(step, [9 / 5, 7 / 4])


def test_slices_only_what_is_read():
    image = tf.constant(_noise(100, 120))
    part, origin = resampling.slice_around(
        image, tf.constant([50.0, 40.0]), tf.constant(10.0), tf.constant(3)
    )
    np.testing.assert_array_equal(origin, [37, 27])
    np.testing.assert_array_equal(part, image[27:54, 37:64])


@pytest.mark.parametrize(
    ("center", "corner"), [((-900.0, 50.0), (0, 47)), ((60.0, 900.0), (57, 99))]
)
def test_slices_the_nearest_border_when_the_square_misses(center, corner):
    image = tf.constant(_noise(100, 120))
    part, origin = resampling.slice_around(
        image, tf.constant(center), tf.constant(2.0), tf.constant(1)
    )
    np.testing.assert_array_equal(origin, corner)
    assert 1 in part.shape[:2]


def test_import_is_silent():
    script = (
        "import warnings\n"
        "warnings.simplefilter('error', UserWarning)\n"
        "from hmr_tf.data import resampling\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
