"""Pose blend shapes that make linear blend skinning follow dual-quaternion skinning.

Linear blending loses volume where a joint bends or twists. For random poses the offset is found
that, added to the rest vertices, makes linear blending land where dual quaternions do; a ridge
regression from the elements of (rotation - identity) to these offsets gives the directions.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.free_body.rebuild import skinning, symmetry
from hmr_tf.body.free_body.rebuild.rig import JOINTS
from tfrecords_tools.skeletons import SMPL_PARENTS

_NUM_POSES = 700
_RIDGE = 1.0
_LARGEST_OFFSET_M = 0.08  # Blends near a half turn ask for wild offsets.
_SMALLEST_ENTRY_M = 1e-4
_INFLUENCE = 1e-3
# Standard deviation of each joint's random rotation vector, in rad, by the end of its name.
_SPREAD = {
    "pelvis": 0.0,
    "hip": 0.55,
    "knee": 0.7,
    "ankle": 0.3,
    "spine1": 0.2,
    "spine2": 0.2,
    "spine3": 0.2,
    "neck": 0.25,
    "head": 0.25,
    "collar": 0.2,
    "shoulder": 0.6,
    "elbow": 0.7,
    "wrist": 0.35,
    "foot": 0.25,
    "hand": 0.25,
}
JOINT_SPREAD = np.array([_SPREAD[name.rpartition("_")[2]] for name in JOINTS])


def random_rotations(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draws poses `[count, 24, 3, 3]` that bend every joint but leave the root alone."""
    vectors = generator.standard_normal((count, len(JOINTS), 3)) * JOINT_SPREAD[:, None]
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(count, -1, 3, 3)


def pose_features(rotations: np.ndarray) -> np.ndarray:
    """Returns `[..., 207]`, the elements of (rotation - identity) of joints 1 to 23."""
    difference = rotations[..., 1:, :, :] - np.eye(3)
    return difference.reshape(*difference.shape[:-3], -1)


def rest_offsets(
    template: np.ndarray, joints: np.ndarray, weights: np.ndarray, rotations: np.ndarray
) -> np.ndarray:
    """Returns the offset `[V, 3]`, m, that takes linear blending to dual-quaternion blending."""
    turns, shifts = skinning.bone_transforms(joints, rotations)
    wanted = skinning.dual_quaternion_blend(template, weights, turns, shifts)
    matrices, translations = skinning.linear_blend(weights, turns, shifts)
    rest = np.linalg.solve(matrices, (wanted - translations)[..., None])[..., 0]
    return rest - template


def fit_pose_directions(
    template: np.ndarray,
    joints: np.ndarray,
    weights: np.ndarray,
    mirror: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Fits the pose directions.

    Args:
        template: `[V, 3]`, m.
        joints: `[24, 3]`, m.
        weights: `[V, 24]`.
        mirror: `[V]`.
        generator: source of the random poses.

    Returns:
        `[V, 3, 207]` float64, m, symmetric; entries too small to matter are 0.
    """
    rotations = random_rotations(generator, _NUM_POSES)
    features = pose_features(rotations)
    offsets = np.stack(
        [rest_offsets(template, joints, weights, pose).astype(np.float32) for pose in rotations]
    )
    offsets = np.clip(offsets, -_LARGEST_OFFSET_M, _LARGEST_OFFSET_M)
    directions = np.zeros((len(template), 3, features.shape[1]))
    for moving, vertices in _vertices_by_moving_joints(weights).items():
        columns = np.concatenate([np.arange(9) + 9 * (joint - 1) for joint in moving])
        chosen = features[:, columns]
        values = offsets[:, vertices].reshape(_NUM_POSES, -1).astype(np.float64)
        normal = chosen.T @ chosen + _RIDGE * np.eye(len(columns))
        fitted = np.linalg.solve(normal, chosen.T @ values)
        fitted = fitted.reshape(len(columns), len(vertices), 3).transpose(1, 2, 0)
        directions[np.ix_(vertices, [0, 1, 2], columns)] = fitted
    directions = symmetry.symmetric_pose_directions(directions, mirror)
    directions[np.abs(directions) < _SMALLEST_ENTRY_M] = 0.0
    return directions


def _vertices_by_moving_joints(weights: np.ndarray) -> dict[tuple[int, ...], list[int]]:
    """Groups vertices by the joints that move their bones against each other.

    These are the joints on the way from each influencing joint up to their common ancestor, without
    that ancestor: its own rotation carries all of them together.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for vertex, row in enumerate(weights):
        chains = [_chain(joint) for joint in np.flatnonzero(row > _INFLUENCE).tolist()]
        common = set.intersection(*map(set, chains))
        moving = {joint for chain in chains for joint in chain} - common
        if moving:
            groups.setdefault(tuple(sorted(moving)), []).append(vertex)
    return groups


def _chain(joint: int) -> list[int]:
    """The joint and its ancestors."""
    chain = [joint]
    while SMPL_PARENTS[chain[-1]] >= 0:
        chain.append(SMPL_PARENTS[chain[-1]])
    return chain
