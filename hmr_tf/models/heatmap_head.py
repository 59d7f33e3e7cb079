"""Heatmaps in three dimensions: transposed convolutions, logits, and the joints' places in them.

Reference: X. Sun et al., Integral Human Pose Regression, ECCV 2018; B. Xiao et al., Simple
Baselines for Human Pose Estimation and Tracking, ECCV 2018 (the transposed convolutions).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.geometry import heatmaps

_DEVIATION = 0.001
_EPSILON = 1e-5
_MOMENTUM = 0.9


@tf.keras.utils.register_keras_serializable("hmr_tf")
class VolumeMarginals(tf.keras.layers.Layer):
    """Sums of the softmax over each joint's volume.

    Call: logits ``[batch, size, size, K * size]`` float32, channel = joint * size + depth -> shares
    by x, y and depth ``[batch, K, 3, size]`` float32.
    """

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns what the class says."""
        size, channels = logits.shape[1], logits.shape[3]
        volumes = tf.reshape(logits, [-1, size, size, channels // size, size])
        return heatmaps.volume_marginals(volumes)


def build_heatmap_head(
    map_shape: tuple[int, int, int],
    image_size: int,
    num_joints: int,
    width: int = 256,
    stride: int = 4,
    dtype_policy: Any = "float32",
) -> tf.keras.Model:
    """Builds the head: as many doublings as the map needs, then one 1x1 convolution.

    The convolution that makes the logits, and what follows, compute in float32 whatever the policy:
    logits of bfloat16 would move joints by whole cells.

    Args:
        map_shape: height, width and channels of the encoder's last map.
        image_size: side of the image, px.
        num_joints: K.
        width: channels of the transposed convolutions.
        stride: side of a cell, px of the image.
        dtype_policy: Keras dtype policy of those, or its name.

    Returns:
        A model from maps ``[batch, *map_shape]`` to marginals ``[batch, K, 3, cells]``, with layers
        `deconv_N`, `norm_N` and `logits`.

    Raises:
        ConfigError: if no number of doublings leads from the map to these cells.
    """
    size = image_size // stride
    doublings = max((size // map_shape[0]).bit_length() - 1, 0)
    if map_shape[0] << doublings != size or image_size % stride:
        raise ConfigError(
            f"Heatmaps of {size} cells cannot be made by doubling a map of {map_shape[0]}; give an "
            "image_size that is a multiple of 32."
        )
    policy = tf.keras.mixed_precision.Policy(dtype_policy)
    maps = tf.keras.Input(map_shape, name="map", dtype=policy.compute_dtype)
    x = maps
    for index in range(doublings):
        x = tf.keras.layers.Conv2DTranspose(
            width,
            4,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
            name=f"deconv_{index}",
            dtype=policy,
        )(x)
        x = tf.keras.layers.BatchNormalization(
            epsilon=_EPSILON, momentum=_MOMENTUM, name=f"norm_{index}", dtype=policy
        )(x)
        x = tf.keras.layers.ReLU(name=f"relu_{index}", dtype=policy)(x)
    logits = tf.keras.layers.Conv2D(
        num_joints * size,
        1,
        kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
        name="logits",
        dtype="float32",
    )(x)
    marginals = VolumeMarginals(name="marginals", dtype="float32")(logits)
    return tf.keras.Model(maps, marginals, name="heatmap_head")
