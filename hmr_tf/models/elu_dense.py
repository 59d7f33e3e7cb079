"""The block of SMPLR's fully connected networks: linear, normalised, ELU."""

from __future__ import annotations

import tensorflow as tf


def elu_dense(x: tf.Tensor, units: int, name: str) -> tf.Tensor:
    """Adds the layers `NAME`, `NAME_norm` and `NAME_elu`.

    Args:
        x: `[batch, inputs]` float32.
        units: number of outputs.
        name: of the linear layer.

    Returns:
        `[batch, units]` float32.
    """
    x = tf.keras.layers.Dense(units, name=name, dtype="float32")(x)
    x = tf.keras.layers.BatchNormalization(name=f"{name}_norm", dtype="float32")(x)
    return tf.keras.layers.ELU(name=f"{name}_elu", dtype="float32")(x)
