"""A convolution that pads both sides alike, as the published ResNets do with stride 2.

TensorFlow's own `SAME` pads only at the bottom and right when the stride is 2 and the input even,
so networks trained elsewhere would see a shifted grid. Padding inside the convolution saves the
copy that a separate padding layer makes.
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
        """Convolves with the padding inside the operation."""
        sides = [self.zeros, self.zeros]
        if not self.zeros:
            padding = "VALID"
        elif self.strides == (1, 1) and self.kernel_size == (2 * self.zeros + 1,) * 2:
            padding = "SAME"  # the same zeros, by a shorter way
        else:
            padding = [[0, 0], sides, sides, [0, 0]]
        return tf.nn.conv2d(inputs, kernel, strides=list(self.strides), padding=padding)

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
