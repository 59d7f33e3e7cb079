"""How far the noise reaches, that it follows from its seed, and its structured part."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.body import landmarks
from hmr_tf.training import point_noise

SEED = tf.constant([3, 5])
ZEROS = tf.zeros([20_000, 41, 3])


@pytest.mark.parametrize(
    ("law", "error_mm", "tolerance"), [("uniform", 25.2, 0.2), ("normal", 41.7, 0.3)]
)
def test_is_as_strong_as_the_release_s(law, error_mm, tolerance):
    noisy = point_noise.disturb(ZEROS, SEED, law).numpy()
    assert 1000 * np.linalg.norm(noisy, axis=-1).mean() == pytest.approx(error_mm, abs=tolerance)
    # Depth, the camera's z, is the least certain.
    assert (noisy.std((0, 1)).argmax()) == 2
    if law == "uniform":
        assert (np.abs(noisy) <= point_noise.REACH).all()
    else:
        np.testing.assert_allclose(noisy.std(0), point_noise.REACH, rtol=0.05)


def test_follows_from_the_seed():
    points = tf.random.stateless_normal([4, 41, 3], SEED)
    one, same, other = (
        point_noise.disturb(points, seed, "normal", None, 0.5, 0.1)
        for seed in (SEED, SEED, SEED + 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def test_draws_whole_people_from_an_hourglass_s_errors():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 41, 3)).astype(np.float32)
    found = points + rng.normal(size=points.shape).astype(np.float32)
    errors = point_noise.errors_of(found, points, np.array([1, 1, 0, 1, 1, 1]))
    assert errors.shape == (5, 41, 3)
    np.testing.assert_allclose(errors[2], found[3] - points[3])
    noisy = point_noise.disturb(ZEROS[:50], SEED, "hourglass", tf.constant(errors)).numpy()
    rows = [np.flatnonzero((errors == one).all((1, 2))) for one in noisy]
    assert {int(row[0]) for row in rows} == set(range(5))


def test_refuses_a_law_without_its_errors():
    with pytest.raises(ValueError, match="without errors"):
        point_noise.disturb(ZEROS[:1], SEED, "hourglass")
    with pytest.raises(ValueError, match="with errors"):
        point_noise.disturb(ZEROS[:1], SEED, "normal", ZEROS[:1])


def test_points_go_missing_as_a_whole():
    noisy = point_noise.disturb(ZEROS[:2000] + 1.0, SEED, "none", missing_probability=0.1).numpy()
    missing = (noisy == 0).all(-1)
    assert ((noisy == 1).all(-1) | missing).all()
    assert missing.mean() == pytest.approx(0.1, abs=0.005)


def test_limbs_change_sides_as_a_whole():
    points = np.zeros((400, 41, 3), np.float32) + np.arange(41)[:, None]
    noisy = point_noise.disturb(points, SEED, "none", swap_probability=0.3).numpy()[..., 0]
    flip = np.array(landmarks.POINTS.flip[1:]) - 1
    names = landmarks.POINTS.joints[1:]
    is_arm = np.array(
        [any(x in name for x in ("should", "elbow", "wrist", "hand", "ceps")) for name in names]
    )
    is_leg = np.array(
        [name.endswith(("_hip", "knee", "ankle", "foot")) or "thigh" in name or "foot" in name
         for name in names]
    )  # fmt: skip
    for part in (is_arm, is_leg):
        swapped = (noisy[:, part] == flip[part]).all(1)
        stayed = (noisy[:, part] == np.flatnonzero(part)).all(1)
        assert (swapped ^ stayed).all()
        assert swapped.mean() == pytest.approx(0.3, abs=0.08)
    rest = ~(is_arm | is_leg)
    assert (noisy[:, rest] == np.flatnonzero(rest)).all()
