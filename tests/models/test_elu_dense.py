"""The block against its formula."""

import numpy as np
import tensorflow as tf

from hmr_tf.models.elu_dense import elu_dense


def test_is_linear_then_normalised_then_elu():
    inputs = tf.keras.Input([3])
    network = tf.keras.Model(inputs, elu_dense(inputs, 4, "block"))
    assert [layer.name for layer in network.layers[1:]] == ["block", "block_norm", "block_elu"]
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    x = values @ network.get_layer("block").kernel.numpy()
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    expected = np.where(x > 0, x, np.expm1(x))
    np.testing.assert_allclose(network(values, training=True), expected, atol=1e-4)
