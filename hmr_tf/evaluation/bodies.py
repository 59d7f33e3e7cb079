"""Bodies of an evaluation: regressors that SMPL's own files lack, and bodies of both genders."""

from __future__ import annotations

import os

import numpy as np

from hmr_tf.body.model_file import Body, load_body
from hmr_tf.errors import BodyError

H36M = "h36m"
_SMPL = "smpl"


def with_joint_regressor(body: Body, path: str) -> Body:
    """Returns a body with the Human3.6M joints of a file.

    Args:
        body: an SMPL body.
        path: ``J_regressor_h36m.npy``, `[17, 6890]`, as SPIN and mmhuman3d come with.

    Raises:
        BodyError: if the file is damaged, or not for this body.
    """
    try:
        matrix = np.load(path, allow_pickle=False)
        if matrix.ndim != 2 or len(matrix) != 17:
            raise ValueError(f"it holds {list(matrix.shape)}")
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise BodyError(
            f"{path} is not a joint regressor: expected a .npy file of [17, {body.num_vertices}] "
            f"numbers ({error})."
        ) from error
    return body.with_regressor(H36M, matrix, _SMPL)


def load_gendered(path: str, neutral: Body) -> dict[str, Body]:
    """Loads the male and the female body.

    Args:
        path: what `load_body` takes for a folder that holds both, or ``smpl``.
        neutral: the model's body; the others get the keypoint regressors that only it has.

    Returns:
        `male` and `female`.

    Raises:
        BodyError: if one is missing, in which case the message lists where it was looked for, or
            is of another mesh.
    """
    if os.path.isfile(path):
        raise BodyError(f"{path} is one file; give the folder with the male and female bodies.")
    bodies = {}
    for gender in ("male", "female"):
        body = load_body(path, gender, neutral.num_betas)
        for name, matrix in neutral.keypoint_regressors.items():
            if name not in body.keypoint_regressors:
                body = body.with_regressor(name, matrix, neutral.kind)
        bodies[gender] = body
    return bodies
