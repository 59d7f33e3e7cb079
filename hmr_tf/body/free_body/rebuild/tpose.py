"""The turn from the source's A-pose to SMPL's T-pose.

The turn uses one set of world rotations, found on the average body, for all bodies. Posing is then
a linear map of the vertices, so each shape target needs to be posed only once. It is done forwards
with the full rig: undoing an A-pose by inverse skinning with 24 joints lumps the armpits.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.free_body.rebuild.rig import JOINTS, Rig

_MIRROR_X = np.diag([-1.0, 1.0, 1.0])
# The T-pose of the left side. Larger collar angles shrug the shoulders.
_CLAVICLE_RAISE, _SHOULDER_BLADE_RAISE = np.radians(3.0), np.radians(9.0)
_THIGH_DIRECTION = np.array([0.08, -0.997, 0.02])
_CALF_DIRECTION = np.array([-0.015, -0.998, -0.06])
# The forearm shares the wrist's twist: a third at its upper bone, three quarters at its lower.
_FOREARM_TWIST = {"lowerarm01.L": 0.33, "lowerarm02.L": 0.75}


def _shortest_turn(start: np.ndarray, end: np.ndarray) -> Rotation:
    """The rotation without twist that takes one direction to another."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, start @ end))


def _frame(forward: np.ndarray, sideways: np.ndarray) -> np.ndarray:
    """An orthonormal frame, columns: forward, sideways made square to it, their cross product."""
    forward = forward / np.linalg.norm(forward)
    sideways = sideways - forward * (sideways @ forward)
    sideways = sideways / np.linalg.norm(sideways)
    return np.stack([forward, sideways, np.cross(forward, sideways)], axis=1)


def _left_arm_turns(heads: dict[str, np.ndarray], knuckle: dict[int, np.ndarray]) -> dict:
    """World rotations that take the left arm to +x, palm down."""
    outwards, forwards = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    upper = _shortest_turn(heads["lowerarm01.L"] - heads["upperarm01.L"], outwards)
    lower_direction = heads["wrist.L"] - heads["lowerarm01.L"]
    lower = _shortest_turn(upper.apply(lower_direction), outwards) * upper
    fingers = (knuckle[3] + knuckle[4]) / 2 - heads["wrist.L"]
    across = knuckle[2] - knuckle[5]
    hand = Rotation.from_matrix(_frame(outwards, forwards) @ _frame(fingers, across).T)
    twist = (hand * lower.inv()).as_rotvec() @ outwards
    turns = {
        "clavicle.L": Rotation.from_rotvec(forwards * _CLAVICLE_RAISE),
        "shoulder01.L": Rotation.from_rotvec(forwards * _SHOULDER_BLADE_RAISE),
        "upperarm01.L": upper,
        "upperarm02.L": upper,
        "wrist.L": hand,
    }
    for bone, share in _FOREARM_TWIST.items():
        turns[bone] = Rotation.from_rotvec(outwards * twist * share) * lower
    return turns


def _left_leg_turns(heads: dict[str, np.ndarray]) -> dict:
    """World rotations that straighten the left leg; the foot keeps its own."""
    thigh = _shortest_turn(heads["lowerleg01.L"] - heads["upperleg01.L"], _THIGH_DIRECTION)
    calf = _shortest_turn(heads["foot.L"] - heads["lowerleg01.L"], _CALF_DIRECTION)
    return {
        "upperleg01.L": thigh,
        "upperleg02.L": thigh,
        "lowerleg01.L": calf,
        "lowerleg02.L": calf,
        "foot.L": Rotation.identity(),
    }


def world_rotations(rig: Rig, vertices: np.ndarray) -> np.ndarray:
    """Finds the world rotation of every bone that takes a body to the T-pose.

    Args:
        rig: the full rig.
        vertices: `[19158, 3]`, m, the body in the source's A-pose.

    Returns:
        `[163, 3, 3]` float64, exactly mirrored between left and right.
    """
    heads = {bone: vertices[indices].mean(0) for bone, indices in zip(rig.bones, rig.head_vertices)}
    knuckle = {k: vertices[rig.markers[f"joint-l-finger-{k}-1"]].mean(0) for k in (2, 3, 4, 5)}
    left = {**_left_arm_turns(heads, knuckle), **_left_leg_turns(heads)}
    turns = {bone: turn.as_matrix() for bone, turn in left.items()}
    for bone, matrix in list(turns.items()):
        turns[bone.replace(".L", ".R")] = _MIRROR_X @ matrix @ _MIRROR_X
    result = np.tile(np.eye(3), (len(rig.bones), 1, 1))
    for index, (bone, parent) in enumerate(zip(rig.bones, rig.parents)):
        if bone in turns:
            result[index] = turns[bone]
        elif parent >= 0:
            result[index] = result[parent]
    return result


def pose(
    rig: Rig, rotations: np.ndarray, vertices: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Poses bodies, or displacements of bodies, with fixed world rotations.

    The bones' heads move with the vertices, so this is one linear map without a constant.

    Args:
        rig: the full rig.
        rotations: `[163, 3, 3]`, world rotation of each bone.
        vertices: `[..., 19158, 3]`, m.
        kept: indices of the skin vertices to return.

    Returns:
        (skin vertices `[..., kept, 3]`, SMPL joints `[..., 24, 3]`), m, dtype of ``vertices``.
    """
    dtype = vertices.dtype
    heads = [vertices[..., indices, :].mean(-2) for indices in rig.head_vertices]
    posed_heads: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    skin = np.zeros((*vertices.shape[:-2], len(kept), 3), dtype)
    for bone, parent in enumerate(rig.parents):
        if parent < 0:
            posed_heads.append(heads[bone])
        else:
            lever = heads[bone] - heads[parent]
            posed_heads.append(posed_heads[parent] + lever @ rotations[parent].T.astype(dtype))
        turn = rotations[bone].T.astype(dtype)
        offsets.append(posed_heads[bone] - heads[bone] @ turn)
        carried = np.flatnonzero(rig.weights[kept, bone])
        weights = rig.weights[kept[carried], bone, None].astype(dtype)
        moved = vertices[..., kept[carried], :] @ turn + offsets[bone][..., None, :]
        skin[..., carried, :] += weights * moved
    joints = []
    for joint in JOINTS:
        indices, bone = rig.joint_markers(joint)
        centre = vertices[..., indices, :].mean(-2)
        joints.append(centre @ rotations[bone].T.astype(dtype) + offsets[bone])
    return skin, np.stack(joints, axis=-2)
