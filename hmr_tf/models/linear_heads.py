"""Numbers of a body read off pooled features, in one linear network with dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


@tf.keras.utils.register_keras_serializable("hmr_tf")
class LinearHeads(tf.keras.layers.Layer):
    """Two layers without activation, each with dropout, then a layer for each quantity.

    Computes in float32 whatever the policy. Weights and biases begin as torch's do, uniform within
    one over the root of the number of inputs; the published training did.

    Args:
        sizes: name -> how many numbers it has.
        means: name -> constants that are added to what the layer gives; saved with the weights.
        hidden_units: width of the two layers; 0 for none.
        dropout: share of their units dropped while training.

    Attributes:
        hidden: the two layers, or none.
        outputs: name -> layer.
        means: name -> the constants, as variables that are not trained.

    Call: features ``[batch, F]`` -> dict of ``[batch, size]`` float32 by name. With
    ``training=True`` units are dropped; a ``seed`` (``[2]`` int32) then makes the choice a function
    of the seed alone.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        means: Mapping[str, Sequence[float]],
        hidden_units: int = 1024,
        dropout: float = 0.5,
        name: str = "heads",
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.sizes = {key: int(size) for key, size in sizes.items()}
        self.initial_means = {key: tuple(float(x) for x in np.ravel(means[key])) for key in means}
        self.hidden_units = hidden_units
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        num_inputs = int(input_shape[-1])
        self.hidden = []
        if self.hidden_units:
            for name in ("fc1", "fc2"):
                self.hidden.append(_dense(name, self.hidden_units, num_inputs))
                num_inputs = self.hidden_units
        self.outputs = {name: _dense(name, size, num_inputs) for name, size in self.sizes.items()}
        self.means = {
            name: self.add_weight(
                f"mean_{name}",
                shape=[len(mean)],
                initializer=tf.keras.initializers.Constant(np.asarray(mean, np.float32)),
                trainable=False,
            )
            for name, mean in self.initial_means.items()
        }
        super().build(input_shape)

    def call(
        self, features: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Reads all quantities; see the class."""
        for index, layer in enumerate(self.hidden):
            features = layer(features)
            if training and self.dropout:
                features = self._drop(features, seed, index)
        found = {name: layer(features) for name, layer in self.outputs.items()}
        return {
            name: value + self.means[name] if name in self.means else value
            for name, value in found.items()
        }

    def _drop(self, features: tf.Tensor, seed: tf.Tensor | None, index: int) -> tf.Tensor:
        if seed is None:
            return tf.nn.dropout(features, self.dropout)
        layer_seed = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int32), index)
        return tf.nn.experimental.stateless_dropout(features, self.dropout, layer_seed)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "sizes": dict(self.sizes),
            "means": {name: list(mean) for name, mean in self.initial_means.items()},
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
        }


def _dense(name: str, units: int, num_inputs: int) -> tf.keras.layers.Dense:
    """Returns a built layer."""
    limit = num_inputs**-0.5
    layer = tf.keras.layers.Dense(
        units,
        # One initializer each: it would give the same numbers again.
        kernel_initializer=tf.keras.initializers.RandomUniform(-limit, limit),
        bias_initializer=tf.keras.initializers.RandomUniform(-limit, limit),
        name=name,
        dtype="float32",
    )
    with tf.name_scope(name):
        layer.build([None, num_inputs])
    return layer
