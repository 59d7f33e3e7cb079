"""Places in volumes, against sums over the whole softmax in float64."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.geometry import heatmaps

_SIZE, _JOINTS = 8, 3


def _logits(seed=0, scale=3.0, batch=2):
    shape = (batch, _SIZE, _SIZE, _JOINTS, _SIZE)
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def _shares(logits):
    """Returns `[batch, y, x, K, depth]` float64."""
    weights = np.exp(logits - logits.max(axis=(1, 2, 4), keepdims=True))
    return weights / weights.sum(axis=(1, 2, 4), keepdims=True)


def _uvd(logits):
    marginals = heatmaps.volume_marginals(tf.constant(logits, tf.float32))
    return heatmaps.expected_cells(marginals).numpy() / marginals.shape[-1] - 0.5


def test_marginals_are_sums_of_the_softmax():
    logits = _logits()
    found = heatmaps.volume_marginals(tf.constant(logits, tf.float32)).numpy()
    shares = _shares(logits)
    for place, axes in enumerate(((1, 4), (2, 4), (1, 2))):
        expected = shares.sum(axis=axes)
        expected = expected.transpose(0, 2, 1) if place < 2 else expected
        np.testing.assert_allclose(found[:, :, place], expected, atol=1e-6)


def test_places_are_means_over_the_volume():
    logits = _logits(1)
    y, x, depth = np.meshgrid(*[np.arange(_SIZE)] * 3, indexing="ij")
    shares = _shares(logits)
    expected = np.stack(
        [np.einsum("byxkd,yxd->bk", shares, grid) / _SIZE - 0.5 for grid in (x, y, depth)], axis=-1
    )
    np.testing.assert_allclose(_uvd(logits), expected, atol=1e-6)


def test_even_heatmaps_lie_half_a_cell_before_the_middle():
    even = np.zeros((1, 64, 64, 1, 64))
    np.testing.assert_allclose(_uvd(even), np.full((1, 1, 3), -1 / 128), atol=1e-6)


def test_one_cell_alone():
    logits = np.full((1, 64, 64, 1, 64), -1e4)
    logits[0, 30, 40, 0, 20] = 0.0
    np.testing.assert_allclose(_uvd(logits), [[[0.125, -0.03125, -0.1875]]], atol=1e-7)


def test_a_constant_changes_nothing():
    logits = _logits(2)
    offset = np.array([-300.0, 5.0, 80.0])[None, None, None, :, None]
    np.testing.assert_allclose(_uvd(logits + offset), _uvd(logits), atol=2e-5)


@pytest.mark.parametrize("seed", [3, 4])
def test_gradient_is_that_of_the_whole_softmax(seed):
    logits = tf.constant(_logits(seed), tf.float32)
    upstream = np.random.default_rng(9).normal(size=(2, _JOINTS, 3, _SIZE)).astype(np.float32)

    def plainly(x):
        flat = tf.reshape(tf.transpose(x, [0, 3, 1, 2, 4]), [2, _JOINTS, -1])
        shares = tf.reshape(tf.nn.softmax(flat), [2, _JOINTS, _SIZE, _SIZE, _SIZE])
        sums = [tf.reduce_sum(shares, axis=axes) for axes in ((2, 4), (3, 4), (2, 3))]
        return tf.stack(sums, axis=2)

    gradients = []
    for function in (heatmaps.volume_marginals, plainly):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = tf.reduce_sum(function(logits) * upstream)
        gradients.append(tape.gradient(value, logits))
    np.testing.assert_allclose(*gradients, atol=1e-6)
    assert np.abs(gradients[0]).max() > 1e-3


def test_far_logits_give_finite_gradients():
    logits = tf.constant(_logits(5, scale=1e4), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = tf.reduce_sum(tf.square(heatmaps.volume_marginals(logits)))
    assert np.isfinite(tape.gradient(value, logits)).all()
