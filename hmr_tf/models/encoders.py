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
