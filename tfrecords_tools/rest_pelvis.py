"""Where a body model's pelvis lies before the body is posed.

A SMPL body turns about its rest pelvis, not about the origin. To bring a body from a world frame
into a camera's, the rest pelvis must be known: it depends on the shape and on the model, not on
the pose. Datasets that give neither joint 0 nor a camera-frame translation need the model's file.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tfrecords_tools import safe_pickle
from tfrecords_tools.errors import DatasetError


class RestPelvis:
    """The rest pelvis of a body model.

    Args:
        path: SMPL's ``.pkl``, or an ``.npz`` with the same keys.

    Raises:
        DatasetError: if the file is missing, damaged or no body model.
    """

    def __init__(self, path: str) -> None:
        if not os.path.isfile(path):
            raise DatasetError(f"{path} is not there; smpl_model must be SMPL's .pkl or .npz file.")
        content: dict[str, Any] = (
            safe_pickle.load_npz(path) if path.endswith(".npz") else safe_pickle.load(path)
        )
        try:
            row = content["J_regressor"][:1]
            row = np.asarray(row.toarray() if hasattr(row, "toarray") else row, np.float64)
            self._mean = row @ np.asarray(content["v_template"], np.float64)
            basis = np.asarray(content["shapedirs"], np.float64)[..., :10]
            self._slope = np.einsum("v,vcs->cs", row[0], basis)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DatasetError(
                f"{path} is no body model: it must hold J_regressor, v_template and shapedirs "
                f"({type(error).__name__}: {error})."
            ) from error

    def of(self, betas: np.ndarray) -> np.ndarray:
        """Returns the rest pelvis `[3]`, m, of a shape `[10]`."""
        return self._mean[0] + self._slope @ np.asarray(betas)[: self._slope.shape[1]]


def moved_translation(
    rotation: np.ndarray, shift: np.ndarray, translation: np.ndarray, pelvis: np.ndarray
) -> np.ndarray:
    """Returns the translation of a SMPL body after a change of frame.

    Args:
        rotation: `[3, 3]`, to the new frame; the body's root is multiplied by it from the left.
        shift: `[3]` m; points move to `rotation @ x + shift`.
        translation: `[3]` m, in the old frame.
        pelvis: `[3]` m, the rest pelvis.
    """
    return rotation @ (pelvis + translation) + shift - pelvis
