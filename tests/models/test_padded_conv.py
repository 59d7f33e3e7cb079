"""The padded convolution against a direct sum in NumPy and against an explicit padding layer."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models.padded_conv import PaddedConv2D


def _direct(image, kernel, zeros, stride):
    """Convolves by definition."""
    padded = np.pad(image, [(0, 0), (zeros, zeros), (zeros, zeros), (0, 0)])
    side = kernel.shape[0]
    height = (padded.shape[1] - side) // stride + 1
    width = (padded.shape[2] - side) // stride + 1
    out = np.zeros([image.shape[0], height, width, kernel.shape[-1]])
    for row in range(height):
        for column in range(width):
            window = padded[
                :, row * stride : row * stride + side, column * stride : column * stride + side
            ]
            out[:, row, column] = np.tensordot(window, kernel, axes=([1, 2, 3], [0, 1, 2]))
    return out


@pytest.mark.parametrize(
    ("size", "kernel", "zeros", "stride"),
    [(12, 7, 3, 2), (12, 3, 1, 2), (11, 3, 1, 2), (9, 3, 1, 1), (8, 1, 0, 1), (8, 1, 0, 2)],
)
def test_equals_the_definition(size, kernel, zeros, stride):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, size, size, 3)).astype(np.float32)
    layer = PaddedConv2D(4, kernel, zeros=zeros, strides=stride, use_bias=False)
    out = layer(image)
    expected = _direct(image, layer.kernel.numpy(), zeros, stride)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert layer.compute_output_shape(image.shape).as_list() == list(expected.shape)


def test_gradients_equal_those_of_a_padding_layer():
    rng = np.random.default_rng(1)
    image = tf.constant(rng.normal(size=(2, 10, 10, 3)), tf.float32)
    ours = PaddedConv2D(4, 7, zeros=3, strides=2)
    ours.build(image.shape)
    weight = rng.normal(size=(2, 5, 5, 4)).astype(np.float32)

    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(function(image) * weight)
        return tape.gradient(loss, [image, ours.kernel])

    def padded_first(x):
        x = tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]])
        return tf.nn.conv2d(x, ours.kernel, 2, "VALID")

    for got, expected in zip(gradients(ours), gradients(padded_first)):
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_config_round_trip():
    layer = PaddedConv2D(4, 3, zeros=1, strides=2, use_bias=False, name="conv")
    again = PaddedConv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.zeros, again.strides, again.use_bias) == (1, (2, 2), False)
