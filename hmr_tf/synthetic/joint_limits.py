"""How far the joints of a living person turn, and keeping perturbed poses within that.

A joint's rotation is split into a twist about the bone (or the body's axis) and a swing of that
axis; R = swing * twist, the twist first. The twist is one angle and the swing a rotation vector
across the axis, so three angles describe the joint, in the rest frame (x to the person's left, y
up, z forward, arms held out along x). Unlike Euler angles they have no singular pose short of an
axis that points backwards.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools.skeletons import SMPL24

# Joint -> twist axis, then the range of the x, y and z angle in degrees. Left side; the right is
# its mirror image. The ranges are active ranges of motion of young athletic adults as handbooks of
# physiotherapy give them (e.g. hip flexion 120-130, knee flexion 140-150, elbow flexion 145-150),
# rounded outwards; the spine's and the neck's totals are shared out evenly among SMPL's joints.
_LIMITS_DEG = {
    "smpl_left_hip": ("y", (-130, 35), (-50, 50), (-35, 65)),  # x < 0 lifts the knee forwards
    "left_knee": ("y", (-3, 150), (-20, 20), (-8, 8)),  # x > 0 bends
    "left_ankle": ("y", (-30, 50), (-25, 25), (-25, 25)),  # x > 0 points the toes
    "smpl_left_foot": ("y", (-40, 30), (-8, 8), (-8, 8)),
    "smpl_spine1": ("y", (-18, 35), (-18, 18), (-18, 18)),  # x > 0 bows
    "smpl_spine2": ("y", (-18, 35), (-18, 18), (-18, 18)),
    "smpl_spine3": ("y", (-18, 35), (-18, 18), (-18, 18)),
    "smpl_neck": ("y", (-35, 35), (-40, 40), (-25, 25)),
    "smpl_head": ("y", (-35, 35), (-40, 40), (-25, 25)),
    "smpl_left_collar": ("x", (-8, 8), (-18, 18), (-8, 25)),  # z > 0 shrugs
    "left_shoulder": ("x", (-90, 90), (-135, 50), (-95, 95)),  # y < 0 to the front, z > 0 up
    "left_elbow": ("x", (-85, 85), (-150, 3), (-8, 8)),  # y < 0 bends, x turns the palm
    "left_wrist": ("x", (-20, 20), (-35, 35), (-70, 70)),
    "smpl_left_hand": ("x", (-10, 10), (-15, 15), (-50, 20)),  # z < 0 curls the fingers
}


def _build_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the twist axis `[24]` and the lowest and highest angles `[24, 3]` rad."""
    axes = np.ones(24, np.int64)
    low, high = np.full((24, 3), -np.pi), np.full((24, 3), np.pi)
    for name, (axis, *ranges) in _LIMITS_DEG.items():
        joint = SMPL24.index(name)
        bounds = np.radians(np.array(ranges, float))
        for index in {joint, SMPL24.flip[joint]}:
            axes[index] = "xyz".index(axis)
            low[index], high[index] = bounds.T
        if SMPL24.flip[joint] != joint:
            # A mirror image turns the other way about y and z.
            low[SMPL24.flip[joint], 1:] = -bounds[1:, 1]
            high[SMPL24.flip[joint], 1:] = -bounds[1:, 0]
    return axes, low, high


TWIST_AXES, LOWEST, HIGHEST = _build_tables()


def split_angles(rotations: Rotation) -> np.ndarray:
    """Returns the twist and swing angles of whole poses.

    Args:
        rotations: 24 rotations per pose, in SMPL's order, poses one after another.

    Returns:
        `[poses, 24, 3]` rad about x, y and z: the twist at the joint's twist axis, the swing at the
        other two.
    """
    quaternions = rotations.as_quat().reshape(-1, 24, 4)
    twist = np.zeros_like(quaternions)
    joints = np.arange(24)
    twist[:, joints, TWIST_AXES] = quaternions[:, joints, TWIST_AXES]
    twist[..., 3] = quaternions[..., 3]
    # A swing of exactly pi leaves the twist open; take none.
    twist[np.linalg.norm(twist, axis=-1) < 1e-9, 3] = 1.0
    twists = Rotation.from_quat(twist.reshape(-1, 4))
    return ((rotations * twists.inv()).as_rotvec() + twists.as_rotvec()).reshape(-1, 24, 3)


def join_angles(angles: np.ndarray) -> Rotation:
    """Returns the rotations with the given `[poses, 24, 3]` twist and swing angles, rad."""
    twist = np.zeros_like(angles)
    joints = np.arange(24)
    twist[:, joints, TWIST_AXES] = angles[:, joints, TWIST_AXES]
    swing = Rotation.from_rotvec((angles - twist).reshape(-1, 3))
    return swing * Rotation.from_rotvec(twist.reshape(-1, 3))


def limit(rotations: Rotation, recorded: Rotation) -> Rotation:
    """Turns joints back to the range of a living person, or of what was recorded if that is wider.

    Args:
        rotations: 24 rotations per pose, poses one after another.
        recorded: poses that are known to be possible, of the same number.

    Returns:
        Rotations within the limits; the root is not changed.
    """
    angles, known = split_angles(rotations), split_angles(recorded)
    low, high = np.minimum(LOWEST, known), np.maximum(HIGHEST, known)
    return join_angles(np.clip(angles, low, high))
