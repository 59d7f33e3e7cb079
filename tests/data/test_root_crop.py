"""The metric crop, against the release's own numbers."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import crops
from hmr_tf.data.root_crop import root_square

INTRINSICS = tf.constant([888.8889, 888.8889, 320.0, 240.0])
# The world is z up with x to the camera, which stands at (4.5, 0, 1).
WORLD_ROOT = np.array([0.223459, 0.008127, 0.95])
ROOT = np.float32([WORLD_ROOT[1], 1.0 - WORLD_ROOT[2], 4.5 - WORLD_ROOT[0]])


def test_the_release_s_example():
    center, window = root_square(ROOT, INTRINSICS)
    np.testing.assert_allclose(center, [321.6892, 250.3926], atol=1e-3)
    assert float(window) == pytest.approx(519.6308, abs=1e-3)
    left, top = (center - 0.5 * window).numpy()
    assert (left, top) == (pytest.approx(61.874, abs=1e-3), pytest.approx(-9.423, abs=1e-3))


def test_the_release_s_frame():
    """Sequence 00742, frame 150."""
    root = np.float32([(337.435 - 320) / 888.8889 * 4.695156, 0.0, 4.695156])
    _, window = root_square(root, INTRINSICS)
    assert float(window) == pytest.approx(473.301, abs=1e-3)


def test_halves_when_twice_as_far():
    _, near = root_square(ROOT, INTRINSICS)
    _, far = root_square(ROOT * np.float32([1, 1, 2]), INTRINSICS)
    assert float(far) == pytest.approx(float(near) / 2)


def _project(points):
    focal, center = INTRINSICS[:2].numpy(), INTRINSICS[2:].numpy()
    return focal * points[..., :2] / points[..., 2:] + center


def test_the_pelvis_is_the_middle_and_2_5_m_fill_the_crop():
    center, window = root_square(ROOT, INTRINSICS)
    affine = crops.crop_affine(center, window, 256)
    stick = ROOT + np.float32([[0, -1.25, 0], [0, 0, 0], [0, 1.25, 0]])
    found = crops.transform_points(tf.constant(_project(stick), tf.float32), affine).numpy()
    np.testing.assert_allclose(found, [[128, 0], [128, 128], [128, 256]], atol=0.01)


def test_the_crop_shows_what_is_there():
    image = np.zeros((480, 640, 3), np.uint8)
    x, y = np.round(_project(ROOT)).astype(int)
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    center, window = root_square(ROOT, INTRINSICS)
    crop = crops.crop_image(image, center, window, 256).numpy()[..., 0]
    rows, columns = np.nonzero(crop > 0.5)
    assert abs(rows.mean() - 128) < 1 and abs(columns.mean() - 128) < 1


@pytest.mark.parametrize("root", [(3.0, 0.0, 4.0), (0.0, -9.0, 4.0), (0.0, 0.0, -1.0)])
def test_people_at_the_border_or_beyond_it_give_a_crop(root):
    image = np.full((48, 64, 3), 99, np.uint8)
    center, window = root_square(np.float32(root), INTRINSICS / 10)
    crop = crops.crop_image(image, center, window, 32)
    assert crop.shape == (32, 32, 3) and np.isfinite(crop).all()


def test_takes_batches():
    center, window = root_square(np.stack([ROOT, ROOT]), tf.stack([INTRINSICS, INTRINSICS]))
    assert center.shape == (2, 2) and window.shape == (2,)
