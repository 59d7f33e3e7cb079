"""The mean pose and shape that iterative regressors start from."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import NUM_JOINTS
from hmr_tf.errors import BodyError
from tfrecords_tools import safe_pickle

# Half a turn about x: the body's rest frame is y up, images are y down.
UPRIGHT = (np.pi, 0.0, 0.0)
# The joints of a person who stands relaxed, arms hanging a little off the body; axis-angle,
# radians, by SMPL joint. The rest pose itself is a T.
_STANDING = {
    1: (-0.10, 0.10, 0.02),  # Left hip; the right one is its mirror image, and so below.
    2: (-0.10, -0.10, -0.02),
    4: (0.18, 0.0, 0.0),
    5: (0.18, 0.0, 0.0),
    7: (-0.08, 0.0, 0.0),
    8: (-0.08, 0.0, 0.0),
    3: (0.06, 0.0, 0.0),
    12: (0.06, 0.0, 0.0),
    13: (0.0, 0.0, -0.12),
    14: (0.0, 0.0, 0.12),
    16: (0.08, -0.10, -1.08),
    17: (0.08, 0.10, 1.08),
    18: (0.0, -0.40, 0.06),
    19: (0.0, 0.40, -0.06),
    20: (0.0, 0.0, -0.05),
    21: (0.0, 0.0, 0.05),
}
_NUM_BETAS = 10


def load_mean_parameters(path: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Loads mean parameters, or returns a relaxed standing pose of the mean shape.

    Args:
        path: an ``.h5`` file of the original release (`pose` [72], `shape` [10]), an ``.npz`` of
            SPIN (`pose` [144] in interleaved 6D form, or [72] axis-angle, and `shape` [10]), or
            None for the standing pose. The file is only read.

    Returns:
        pose `[72]` float32, axis-angle in radians, whose global rotation is (pi, 0, 0), upright in
        image axes; and betas `[10]` float32.

    Raises:
        BodyError: if the file is missing, unreadable or holds something else.
    """
    if path is None:
        pose = np.zeros((NUM_JOINTS, 3), np.float32)
        for joint, axis_angle in _STANDING.items():
            pose[joint] = axis_angle
        pose[0] = UPRIGHT
        return pose.reshape(-1), np.zeros(_NUM_BETAS, np.float32)
    path = Path(path)
    pose, betas = _read(path)
    if pose.size != 3 * NUM_JOINTS or betas.size < 1 or not np.isfinite(pose).all():
        raise BodyError(
            f"{path}: mean parameters must be `pose` of 72 or 144 finite numbers and `shape`; "
            f"received {pose.size} and {betas.size}."
        )
    pose = pose.reshape(-1).astype(np.float32)
    pose[:3] = UPRIGHT
    return pose, betas.reshape(-1).astype(np.float32)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pose as axis-angle and the betas of a file, float64, of any size."""
    if not path.is_file():
        raise BodyError(
            f"{path}: no such file of mean parameters; expected the original release's "
            "neutral_smpl_mean_params.h5 or SPIN's smpl_mean_params.npz."
        )
    try:
        if path.suffix == ".npz":
            stored = safe_pickle.load_npz(path)
        else:
            with h5py.File(path, "r") as file:
                stored = {key: file[key][()] for key in ("pose", "shape") if key in file}
        pose, betas = (np.asarray(stored[key], np.float64) for key in ("pose", "shape"))
        if pose.size == 6 * NUM_JOINTS:
            pose = _axis_angle_of_6d(pose.reshape(NUM_JOINTS, 3, 2))
        return pose, betas
    except (OSError, KeyError, TypeError, ValueError, safe_pickle.PickleRefusedError) as error:
        raise BodyError(
            f"{path}: not a file of mean parameters ({error}); expected `pose` and `shape`."
        ) from error


def _axis_angle_of_6d(columns: np.ndarray) -> np.ndarray:
    """Converts `[24, 3, 2]` column pairs to axis-angle `[24, 3]` by Gram-Schmidt.

    Raises:
        ValueError: if a pair does not span a plane.
    """
    first = columns[:, :, 0] / _norm(columns[:, :, 0])
    second = columns[:, :, 1] - (first * columns[:, :, 1]).sum(1, keepdims=True) * first
    second /= _norm(second)
    third = np.cross(first, second)
    if not (np.abs(np.linalg.norm(third, axis=1) - 1.0) < 1e-6).all():
        raise ValueError("a 6D rotation whose two columns do not span a plane")
    matrices = np.stack([first, second, third], axis=2)
    return Rotation.from_matrix(matrices).as_rotvec()


def _norm(vectors: np.ndarray) -> np.ndarray:
    return np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
