"""Keras's ImageNet weights of ResNet50V2 (``resnet50v2_weights_tf_dim_ordering...h5``).

Keras's ResNet50 (v1) is another network: it strides elsewhere and has biases; it is refused.
"""

from __future__ import annotations

import os

import h5py
import numpy as np
import tensorflow as tf

from hmr_tf.config import HMRConfig
from hmr_tf.errors import CheckpointError
from hmr_tf.weights import mapping
from hmr_tf.weights.mapping import Assignment, Tensors
from hmr_tf.weights.published_format import CLASSIFIER, OPTIMIZER, Format


class KerasFile:
    """The tensors of a Keras 2 weight file, named LAYER/KIND (see `mapping.Tensors`).

    Args:
        path: an ``.h5`` file of weights, or of a whole model.

    Raises:
        CheckpointError: if it is missing or something else.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not os.path.isfile(path):
            raise CheckpointError(f"There is no file '{path}'.")
        try:
            with h5py.File(path, "r") as file:
                root = "model_weights" if "model_weights" in file else "/"
                self._places = _places(file[root], root.strip("/"))
                self.shapes = {name: file[place].shape for name, place in self._places.items()}
        except (OSError, KeyError, AttributeError, UnicodeDecodeError, TypeError) as error:
            raise CheckpointError(
                f"{path}: not a weight file of Keras 2 (an .h5 file with layer_names): {error}"
            ) from error

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor."""
        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file[self._places[name]])
        except OSError as error:
            raise CheckpointError(f"{self.path}: the data of '{name}' is damaged.") from error


def _places(group: h5py.Group, root: str) -> dict[str, str]:
    """Returns LAYER/KIND -> path of the dataset."""
    places = {}
    for layer in _texts(group.attrs["layer_names"]):
        for name in _texts(group[layer].attrs["weight_names"]):
            kind = name.rpartition("/")[2].partition(":")[0]
            places[f"{layer}/{kind}"] = f"{root}/{layer}/{name}"
    return places


def _texts(values: np.ndarray) -> list[str]:
    return [x.decode() if isinstance(x, bytes) else str(x) for x in values]


def _assignments(encoder: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    return [
        mapping.copied(variable, f"{layer.name}/{kind}")
        for layer in encoder.layers
        for kind, variable in mapping.variables_by_kind(layer).items()
    ]


FORMAT = Format(
    what="Keras's weights of ResNet50V2",
    open=KerasFile,
    config=lambda tensors: HMRConfig(encoder="resnet50_v2", pool="keras"),
    assignments=_assignments,
    own=r"(conv\d|post).*",
    ignored=((r"(predictions|probs)/.*", CLASSIFIER), (r"optimizer.*", OPTIMIZER)),
    is_encoder=True,
)
