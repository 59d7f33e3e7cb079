"""Image encoders by name.

Every encoder is a Keras model from images ``[batch, size, size, 3]`` float32 RGB in [0, 1] to
features ``[batch, num_features]`` float32, and normalises inside its graph; one that draws heatmaps
gives a dict of `features`, `heatmaps` and `depths`.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.models import ENCODERS


def build_encoder(
    name: str, image_size: int = 224, pool: str = "slim", dtype_policy: Any = "float32"
) -> tf.keras.Model:
    """Builds the encoder called `name`.

    Args:
        name: one of ``ENCODERS.names``.
        image_size: side of the square input, px.
        pool: first pool of the pre-activation networks: `slim`, `keras` or `hmr2`.
        dtype_policy: Keras dtype policy or its name: `float32`, `mixed_bfloat16`, `mixed_float16`.
            The global policy is not consulted.

    Returns:
        A Keras model.

    Raises:
        ConfigError: if the name or the pool is unknown.
    """
    return ENCODERS.get(name)(image_size, pool, dtype_policy)


def with_map(encoder: tf.keras.Model) -> tf.keras.Model:
    """Returns an encoder that also gives a map, sharing its layers.

    The features are those that its last pool gives; the map is what that pool sees or, in networks
    that have one, the layer `map`, which is finer.

    Args:
        encoder: a network of `build_encoder`.

    Returns:
        A Keras model from images to features ``[batch, num_features]`` float32 and the map
        ``[batch, height, width, channels]`` in the network's compute dtype.
    """
    pool = encoder.get_layer("avg_pool")
    finer = [layer.output for layer in encoder.layers if layer.name == "map"]
    outputs = (pool.output, finer[0] if finer else pool.input)
    return tf.keras.Model(encoder.input, outputs, name=f"{encoder.name}_with_map")
