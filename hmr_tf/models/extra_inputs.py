"""What some models see beside images: named by the model, and taken from batches that have it."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


def names(model: tf.keras.Model) -> tuple[str, ...]:
    """Returns the keys of batches that a model may be given as arguments of these names."""
    return getattr(model, "extra_inputs", ())


def of_batch(model: tf.keras.Model, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns a model's further arguments, as far as a batch has them."""
    return {name: batch[name] for name in names(model) if name in batch}
