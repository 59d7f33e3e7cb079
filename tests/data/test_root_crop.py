"""The metric crop, against the release's own numbers."""

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.body import posing
from hmr_tf.config import HybrIKConfig, SMPLRConfig
from hmr_tf.data import augment, crops
from hmr_tf.data.root_crop import RootSquares, root_square, squares_of

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


BODY = toy_body()
BETAS = np.float32([np.linspace(-2, 2, 10), np.linspace(1, -1, 10)])
SIZE = 64


def _records(**changes):
    """Two people, whose pelvises lie where the body's rest pose and the translation put them."""
    parsed = {
        "betas": BETAS,
        "translation": np.float32([[0.3, -0.2, 4.0], [-0.5, 0.1, 6.0]]),
        "intrinsics": np.tile(INTRINSICS, (2, 1)),
        "has_translation": np.ones(2, np.float32),
        "has_intrinsics": np.ones(2, np.float32),
        "has_smpl": np.ones(2, np.float32),
        "center": np.float32([[10, 20], [30, 40]]),
        "person_px": np.float32([75, 300]),
        **changes,
    }
    rest = [posing.pose_body(BODY, np.zeros(72, np.float32), betas)[1][0] for betas in BETAS]
    return {key: tf.constant(x) for key, x in parsed.items()}, parsed["translation"] + rest


def test_records_know_their_squares():
    parsed, roots = _records()
    center, window = RootSquares(BODY, 99.0)(parsed)
    np.testing.assert_allclose(center, _project(roots), atol=1e-2)
    np.testing.assert_allclose(window, 888.8889 * 2.5 / roots[:, 2], rtol=1e-5)


@pytest.mark.parametrize("key", ["has_translation", "has_intrinsics", "has_smpl"])
def test_people_who_stand_nobody_knows_where_are_cropped_as_usual(key):
    parsed, roots = _records(**{key: np.float32([1, 0])})
    squares = RootSquares(BODY, 99.0)
    center, window = squares(parsed)
    np.testing.assert_allclose(center[0], _project(roots[0]), atol=1e-2)
    np.testing.assert_array_equal(center[1], [30, 40])
    assert float(window[1]) == 99.0 * 300 / 150
    camera, is_known = squares.cameras(parsed, augment.plain_parameters(center, window), SIZE)
    np.testing.assert_array_equal(is_known, [1, 0])
    np.testing.assert_allclose(camera, [[0.4, 0, 0]] * 2, atol=1e-5)


def test_the_camera_is_that_of_the_crop_as_it_was_taken():
    parsed, roots = _records()
    squares = RootSquares(BODY, 99.0)
    center, window = squares(parsed)
    parameters = augment.plain_parameters(
        center + tf.constant([[3.0, -4.0], [20.0, 9.0]]), window * 1.2
    )
    parameters = parameters._replace(
        rotation=tf.constant([0.3, -0.5]), flip=tf.constant([False, True])
    )
    camera, _ = squares.cameras(parsed, parameters, SIZE)
    # A point beside the pelvis, as far away.
    beside = np.float32([0.2, -0.3, 0.0])
    affine = crops.crop_affine(
        parameters.center, parameters.window, SIZE, parameters.rotation, parameters.flip
    )
    places = tf.constant(_project(roots + beside)[:, None], tf.float32)
    found = crops.transform_points(places, affine)[:, 0] / SIZE - 0.5
    for row, (angle, mirror) in enumerate([(0.3, 1), (-0.5, -1)]):
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = np.array([[cosine, -sine], [sine, cosine]]) @ beside[:2] * [mirror, 1]
        expected = camera[row, :1] * (turned + camera[row, 1:])
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_only_models_with_a_given_crop_have_such_squares():
    assert squares_of(SMPLRConfig(), BODY) is None
    assert squares_of(HybrIKConfig(camera="given"), BODY) is None
    assert isinstance(squares_of(SMPLRConfig(camera="given"), BODY), RootSquares)
