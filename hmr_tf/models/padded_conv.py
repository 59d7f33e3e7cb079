"""A convolution that pads both sides alike, as the published ResNets do with stride 2.

TensorFlow's own `SAME` pads only at the bottom and right when the stride is 2 and the input even,
so networks trained elsewhere would see a shifted grid. The convolution's own explicit padding would
save a copy, but TensorFlow 2.15 has no oneDNN gradient for it: on processors a step is then slower
in float32 and several times slower in bfloat16.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("hmr_tf")
class PaddedConv2D(tf.keras.layers.Conv2D):
    """A 2D convolution, channels last, that adds the same number of zeros on all four sides.

    Args:
        filters: number of output channels.
        kernel_size: side of the square kernel.
        zeros: rows and columns of zeros added at each side before a `VALID` convolution.
        **kwargs: further arguments of `tf.keras.layers.Conv2D`, but for `padding`.

    Call: ``[batch, height, width, channels]`` ->
    ``[batch, (height + 2 zeros - kernel_size) // stride + 1, ..., filters]``.
    """

    def __init__(self, filters: int, kernel_size: int, zeros: int = 0, **kwargs: Any) -> None:
        kwargs.pop("padding", None)
        super().__init__(filters, kernel_size, padding="valid", **kwargs)
        self.zeros = zeros

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves; zeros that `SAME` would add too cost nothing."""
        strides = list(self.strides)
        if self.strides == (1, 1) and self.kernel_size == (2 * self.zeros + 1,) * 2:
            return tf.nn.conv2d(inputs, kernel, strides, padding="SAME")
        if self.zeros:
            sides = [self.zeros, self.zeros]
            inputs = tf.pad(inputs, [[0, 0], sides, sides, [0, 0]])
        return tf.nn.conv2d(inputs, kernel, strides, padding="VALID")

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """Returns the static output shape."""
        batch, height, width, channels = tf.TensorShape(input_shape).as_list()
        grown = [None if side is None else side + 2 * self.zeros for side in (height, width)]
        return super().compute_output_shape([batch, *grown, channels])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["padding"]
        return {**config, "zeros": self.zeros}
