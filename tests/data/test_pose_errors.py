"""The synthetic errors of 2D poses, against the sheet's numbers and a statistic of many draws."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import pose_errors
from tfrecords_tools import skeletons

PARTNERS = skeletons.COCO17.flip
JITTER, MISS, INVERSION, SWAP, GOOD = range(5)


def _people(count, spread=100.0):
    """Returns joints that are too far apart to be taken for each other by chance."""
    grid = np.stack([np.arange(17) % 5, np.arange(17) // 5], axis=-1) * spread
    return tf.constant(np.tile(grid, (count, 1, 1)), tf.float32)


def _disturbed(points, area, seed=0, visibility=None, near=None):
    visible = (
        tf.ones(points.shape[:2]) if visibility is None else tf.constant(visibility, "float32")
    )
    near = None if near is None else tf.constant(near, tf.float32)
    seeds = tf.constant([seed, 7])
    return pose_errors.disturb(seeds, points, visible, tf.fill([points.shape[0]], area), near)


def test_printed_distances():
    found = pose_errors.distances(tf.constant([1e4])).numpy()[0]
    half = [6.123, 5.887, 5.887, 8.242, 8.242, 18.603, 18.603, 16.955, 16.955, 14.600, 14.600]
    half += [25.197, 25.197, 20.487, 20.487, 20.958, 20.958]
    np.testing.assert_allclose(found[:, 2], half, atol=1e-3)
    np.testing.assert_allclose(found[0], [0.0, 2.965, 6.123, 11.159], atol=1e-3)


def test_printed_shares():
    found = pose_errors.shares(tf.constant([17]), tf.constant([0])).numpy()[0]
    # What is impossible falls away and the rest is scaled up.
    nose = found[0] * [1, 1, 0, 0, 1]
    np.testing.assert_allclose(nose / nose.sum(), [0.1020, 0.0204, 0, 0, 0.8776], atol=1e-4)
    hip = found[11] * [1, 1, 1, 0, 1]
    expected = [0.2062, 0.1031, 0.0619, 0, 0.6289]
    np.testing.assert_allclose(hip / hip.sum(), expected, atol=1e-4)


def test_shares_depend_on_how_much_is_seen():
    found = pose_errors.shares(
        tf.constant([5, 10, 11, 16, 15]), tf.constant([0, 1, 1, 3, 3])
    ).numpy()
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-6)
    assert (found > 0).all()
    np.testing.assert_allclose(found[:, 13, MISS], [0.25, 0.15, 0.10, 0.10, 0.10], atol=1e-6)
    np.testing.assert_allclose(found[:, 5, JITTER], [0.20, 0.20, 0.15, 0.15, 0.15], atol=1e-6)
    np.testing.assert_allclose(found[:, 5, SWAP], [0.06, 0.15, 0.06, 0.06, 0.15], atol=1e-6)
    np.testing.assert_allclose(found[:, 0, SWAP], [0.01, 0.02, 0.01, 0.01, 0.02], atol=1e-6)


def test_errors_happen_as_often_as_they_should():
    """Told apart by where the joint went; small areas keep them apart."""
    count, area = 4000, 100.0
    points = _people(count)
    found = _disturbed(points, area).numpy()
    reach = pose_errors.distances(tf.constant([area])).numpy()[0]
    to_own = np.linalg.norm(found - points, axis=-1)
    to_partner = np.linalg.norm(found - points.numpy()[:, list(PARTNERS)], axis=-1)
    d85, d50, d10 = reach[:, 1], reach[:, 2], reach[:, 3]
    # A partner may have been displaced before.
    assert (np.minimum(to_own, to_partner) <= 2.001 * d10).all()
    expected = pose_errors.shares(tf.constant([17]), tf.constant([0])).numpy()[0]
    for joint in (0, 5, 6, 11, 16):
        possible = np.array([1, 1, joint > 0, 0, 1]) * expected[joint]
        share = possible / possible.sum()
        good = (to_own[:, joint] < d85[joint]).mean()
        jitter = ((to_own[:, joint] >= d85[joint]) & (to_own[:, joint] < d50[joint])).mean()
        assert good == pytest.approx(share[GOOD], abs=0.03), joint
        assert jitter == pytest.approx(share[JITTER], abs=0.03), joint
        if joint in (5, 11):  # Whose partners are where they were when they were drawn.
            inverted = (to_partner[:, joint] < d50[joint]).mean()
            assert inverted == pytest.approx(share[INVERSION], abs=0.02), joint


def test_misses_are_a_quarter_as_many_around_the_partner():
    count, area = 4000, 100.0
    points = _people(count)
    found = _disturbed(points, area, seed=3).numpy()
    d50, d10 = pose_errors.distances(tf.constant([area])).numpy()[0, 11, 2:]
    distances = [np.linalg.norm(found[:, 11] - points.numpy()[:, j], axis=-1) for j in (11, 12)]
    own, partner = (((x > d50) & (x < d10)).sum() for x in distances)
    assert partner / (own + partner) == pytest.approx(0.2, abs=0.05)


def test_joints_close_to_each_other_are_not_confused():
    """What is not meant as an inversion is nearer to the joint than to its partner."""
    points = _people(1000).numpy()
    points[:, 2] = points[:, 1] + [1.0, 0.0]
    found = _disturbed(tf.constant(points), 1e4).numpy()[:, 1]
    to_own, to_partner = (np.linalg.norm(found - points[:, j], axis=-1) for j in (1, 2))
    d50 = pose_errors.distances(tf.constant([1e4])).numpy()[0, 1, 2]
    is_near = to_own < d50
    assert 0.8 < is_near.mean() < 1.0
    assert (to_own < to_partner)[is_near].mean() > 0.95


def test_somebody_near_is_taken_for_the_person():
    count, area = 2000, 100.0
    points = _people(count)
    near = np.zeros((count, 2, 17, 3), np.float32)
    near[:, 0, :, :2] = points + np.float32([0.0, 1000.0])
    near[:, 0, :, 2] = 1
    found = _disturbed(points, area, near=near, visibility=np.ones((count, 17))).numpy()
    swapped = found[:, 9, 1] > 900
    # Swaps and a part of the misses.
    expected = pose_errors.shares(tf.constant([17]), tf.constant([1])).numpy()[0, 9]
    share = expected[SWAP] + expected[MISS] * (0.5 / 1.75)
    assert swapped.mean() == pytest.approx(share, abs=0.03)


def test_a_mirrored_person_has_mirrored_errors():
    """Statistically: every joint goes as far and as often as its mirror image."""
    count, area = 3000, 400.0
    points = _people(count)
    mirrored = tf.gather(points, PARTNERS, axis=1) * [-1.0, 1.0]
    first = _disturbed(points, area, seed=1).numpy() - points
    second = _disturbed(mirrored, area, seed=2).numpy() - mirrored
    lengths = [np.sort(np.linalg.norm(x, axis=-1), axis=0) for x in (first, second)]
    quantiles = [x[:: count // 10] for x in lengths]
    np.testing.assert_allclose(quantiles[0][:8], quantiles[1][:8][:, list(PARTNERS)], atol=0.25)


def test_seeds_and_what_is_not_seen():
    points = _people(4)
    first, again, other = (_disturbed(points, 100.0, seed=s).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    # Nothing is taken for a partner that nobody sees.
    hidden = np.ones((2000, 17))
    hidden[:, 12] = 0
    found = _disturbed(_people(2000), 100.0, visibility=hidden).numpy()
    assert np.linalg.norm(found[:, 11] - _people(1).numpy()[0, 11], axis=-1).max() < 50
