"""Linear blend and dual-quaternion skinning of one body, in float64.

Reference:
    Kavan et al., Skinning with Dual Quaternions, I3D 2007.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools.skeletons import SMPL_PARENTS


def bone_transforms(joints: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the bones of a posed body take points of the rest body.

    Args:
        joints: `[24, 3]`, m, rest pose.
        rotations: `[24, 3, 3]`, each relative to the parent.

    Returns:
        (rotations `[24, 3, 3]`, translations `[24, 3]` m): a rest point p goes to R p + t.
    """
    turns = np.empty((len(joints), 3, 3))
    centres = np.empty((len(joints), 3))
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent < 0:
            turns[joint], centres[joint] = rotations[joint], joints[joint]
        else:
            turns[joint] = turns[parent] @ rotations[joint]
            lever = joints[joint] - joints[parent]
            centres[joint] = centres[parent] + turns[parent] @ lever
    return turns, centres - np.einsum("jab,jb->ja", turns, joints)


def linear_blend(
    weights: np.ndarray, turns: np.ndarray, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Blends the bones' transforms at every vertex.

    Returns:
        (matrices `[V, 3, 3]`, translations `[V, 3]` m).
    """
    matrices = (weights @ turns.reshape(len(turns), 9)).reshape(-1, 3, 3)
    return matrices, weights @ shifts


def dual_quaternion_blend(
    vertices: np.ndarray, weights: np.ndarray, turns: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Skins `[V, 3]` rest vertices with blended rigid motions, which keep the body's volume."""
    real = Rotation.from_matrix(turns).as_quat()[:, [3, 0, 1, 2]]
    dual = 0.5 * _multiply(np.concatenate([np.zeros((len(shifts), 1)), shifts], 1), real)
    # q and -q are one rotation: each bone takes the sign nearest to the vertex's main bone.
    main = real[weights.argmax(1)]
    signed = weights * np.where(main @ real.T < 0, -1.0, 1.0)
    blended_real, blended_dual = signed @ real, signed @ dual
    length = np.linalg.norm(blended_real, axis=1, keepdims=True)
    blended_real, blended_dual = blended_real / length, blended_dual / length
    conjugate = blended_real * [1.0, -1.0, -1.0, -1.0]
    translation = 2.0 * _multiply(blended_dual, conjugate)[:, 1:]
    return Rotation.from_quat(blended_real[:, [1, 2, 3, 0]]).apply(vertices) + translation


def _multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiplies quaternions `[N, 4]`, w first."""
    w = a[:, :1] * b[:, :1] - (a[:, 1:] * b[:, 1:]).sum(1, keepdims=True)
    xyz = a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] + np.cross(a[:, 1:], b[:, 1:])
    return np.concatenate([w, xyz], axis=1)
