"""TensorFlow checkpoints as tensors by name: both formats of TF 1, and TF 2's object graphs."""

from __future__ import annotations

import os
import re

import numpy as np
import tensorflow as tf

from hmr_tf.errors import CheckpointError

_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


class TFCheckpoint:
    """The tensors of a TensorFlow checkpoint (see `hmr_tf.weights.mapping.Tensors`).

    Args:
        path: the prefix of its files, e.g. ``model.ckpt-667589``; one of its files; or the folder
            that holds it, of which the newest checkpoint is taken.

    Raises:
        CheckpointError: if there is none, or it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = _prefix(path)
        try:
            self._reader = tf.train.load_checkpoint(self.path)
            shapes = self._reader.get_variable_to_shape_map()
        # TensorFlow's reader answers damage with several of Python's own errors.
        except (ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
            raise _damaged(self.path, error) from error
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor."""
        try:
            return np.asarray(self._reader.get_tensor(name))
        except (ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
            raise _damaged(self.path, error) from error


def _prefix(path: str) -> str:
    if os.path.isdir(path):
        newest = tf.train.latest_checkpoint(path)
        if newest is None:
            raise CheckpointError(
                f"The folder '{path}' names no newest checkpoint (file 'checkpoint'); give the "
                "prefix of its files, e.g. FOLDER/ckpt-56."
            )
        path = newest
    prefix = _PART.sub("", path)
    # The older of TF 1's formats is one file.
    if not os.path.isfile(f"{prefix}.index") and not os.path.isfile(prefix):
        raise CheckpointError(
            f"There is no TensorFlow checkpoint '{prefix}': no such file, and none with .index "
            "after it."
        )
    return prefix


def _damaged(path: str, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())[:200]
    return CheckpointError(f"'{path}' cannot be read as a TensorFlow checkpoint: {reason}")
