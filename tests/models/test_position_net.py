"""Joints in the volume, scores there, and what the map holds there, against printed numbers."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models.position_net import PositionNet, sample_map


def _net(logits):
    """Returns a net whose volumes are given for all images: `{(joint, z): bias}` or a function."""
    net = PositionNet(30)
    net.build([None, 8, 8, 2])
    net.convolution.kernel.assign(tf.zeros_like(net.convolution.kernel))
    bias = np.zeros(240, np.float32)
    for (joint, depth), value in logits.items():
        bias[joint * 8 + depth] = value
    net.convolution.bias.assign(bias)
    return net


def test_flat_volumes():
    cells, scores, marginals = _net({})(tf.ones([2, 8, 8, 2]))
    np.testing.assert_allclose(cells, np.full((2, 30, 3), 3.5), atol=1e-5)
    np.testing.assert_allclose(scores, np.full((2, 30), 1 / 512), atol=1e-8)
    np.testing.assert_allclose(marginals, np.full((2, 30, 3, 8), 1 / 8), atol=1e-6)


def test_one_raised_slice():
    cells, scores, _ = _net({(0, 0): 3.0})(tf.ones([1, 8, 8, 2]))
    np.testing.assert_allclose(cells[0, 0], [3.5, 3.5, 1.0337620], atol=1e-5)
    assert float(scores[0, 0]) == pytest.approx(0.0005769, abs=1e-7)
    np.testing.assert_allclose(cells[0, 1:], np.full((29, 3), 3.5), atol=1e-5)


@pytest.mark.parametrize(
    ("place", "logit", "expected"),
    [((2, 5, 7), 50.0, (7.0, 5.0, 2.0)), ((0, 0, 0), np.log(2.0), (512 * 3.5 / 513,) * 3)],
)
def test_one_raised_cell(place, logit, expected):
    """The only test of the order of channels, rows and columns; the place is (z, y, x)."""
    depth, row, column = place
    net = _net({})
    last_map = np.zeros((1, 8, 8, 2), np.float32)
    last_map[0, row, column, 1] = 1.0
    kernel = np.zeros((1, 1, 2, 240), np.float32)
    kernel[0, 0, 1, 4 * 8 + depth] = logit
    net.convolution.kernel.assign(kernel)
    cells, scores, _ = net(last_map)
    np.testing.assert_allclose(cells[0, 4], expected, atol=1e-4)
    np.testing.assert_allclose(cells[0, 5], [3.5] * 3, atol=1e-4)
    if logit > 10:
        assert float(scores[0, 4]) == pytest.approx(1.0, abs=1e-3)


def test_scores_give_no_gradient_and_places_do():
    net = PositionNet(30)
    last_map = tf.random.stateless_normal([2, 8, 8, 4], [1, 2])
    net.build(last_map.shape)
    with tf.GradientTape(persistent=True) as tape:
        cells, scores, _ = net(last_map)
    assert tape.gradient(scores, net.convolution.kernel) is None
    assert np.abs(tape.gradient(cells, net.convolution.kernel)).max() > 0


def test_printed_samples():
    last_map = tf.reshape(tf.range(64.0), [1, 8, 8, 1])
    found = sample_map(last_map, tf.constant([[[3.5, 2.25], [7.0, 7.0], [0.0, 0.0]]]))
    np.testing.assert_allclose(found[0, :, 0], [21.5, 63.0, 0.0], atol=1e-5)


def test_samples_are_bilinear():
    rng = np.random.default_rng(0)
    last_map = rng.normal(size=(2, 5, 5, 3)).astype(np.float32)
    cells = rng.uniform(0, 4, (2, 6, 3)).astype(np.float32)
    found = sample_map(tf.constant(last_map), tf.constant(cells)).numpy()
    for b, k in np.ndindex(2, 6):
        x, y = cells[b, k, :2]
        i, j = int(x), int(y)
        u, v = x - i, y - j
        patch = last_map[b, j : j + 2, i : i + 2]
        rows = (1 - v) * patch[0] + v * patch[1]
        np.testing.assert_allclose(found[b, k], (1 - u) * rows[0] + u * rows[1], atol=1e-5)
    assert sample_map(tf.cast(last_map, tf.bfloat16), tf.constant(cells)).dtype == tf.float32
