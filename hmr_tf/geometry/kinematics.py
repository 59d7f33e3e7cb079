"""Forward kinematics of a skeleton, level by level of its tree.

All joints at one depth move in one batched step, so SMPL's 24 joints take nine steps, not 24.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Turns the body's rest frame (y up) into image axes (y down): half a turn about x.
_BASE_ROTATION = np.diag([1.0, -1.0, -1.0]).astype(np.float32)


class KinematicTree:
    """The tree of a skeleton, sorted into levels.

    Args:
        parents: parent of each joint, parents before children; -1 for joint 0, the only root.

    Attributes:
        parents: as given.
        levels: joints by depth, joint 0 first.
        parent_slots: for each level after the first, where in the level above each joint's parent
            stands.
        order: all joints, level after level.
        positions: where in ``order`` each joint stands (the inverse permutation).
        differences: `[J, J]` matrix from joints to their offsets from the parent.

    Raises:
        ValueError: if ``parents`` is not such a tree.
    """

    def __init__(self, parents: Sequence[int]) -> None:
        self.parents = tuple(int(parent) for parent in parents)
        is_tree = self.parents[:1] == (-1,) and all(
            0 <= parent < joint for joint, parent in enumerate(self.parents) if joint
        )
        if not is_tree:
            raise ValueError(
                "parents must start with -1 and name a lower joint for every other joint; "
                f"received {list(self.parents)}."
            )
        depths = [0]
        for parent in self.parents[1:]:
            depths.append(depths[parent] + 1)
        joints = range(len(self.parents))
        self.levels = tuple(
            tuple(joint for joint in joints if depths[joint] == depth)
            for depth in range(max(depths) + 1)
        )
        self.parent_slots = tuple(
            tuple(above.index(self.parents[joint]) for joint in level)
            for above, level in zip(self.levels, self.levels[1:])
        )
        self.order = tuple(joint for level in self.levels for joint in level)
        self.positions = tuple(int(position) for position in np.argsort(self.order))
        self.differences = np.eye(len(self.parents), dtype=np.float32)
        self.differences[joints[1:], self.parents[1:]] = -1.0

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.parents)


def forward_kinematics(
    rotations: tf.Tensor, joints: tf.Tensor, tree: KinematicTree, rotate_base: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Poses a skeleton.

    Args:
        rotations: `[..., J, 3, 3]` float32, each joint relative to its parent, joint 0 global.
        joints: `[..., J, 3]` float32, m, rest positions.
        tree: the skeleton's tree.
        rotate_base: whether the global rotation is first turned by diag(1, -1, -1) on the right, as
            weights of pytorch_HMR need.

    Returns:
        global_rotations `[..., J, 3, 3]` and posed joints `[..., J, 3]`, m; joint 0 stays where it
        rests.

    Reference:
        Loper et al., SMPL, ACM Trans. Graphics 2015, eq. 3-4.
    """
    rotations, joints = tf.convert_to_tensor(rotations), tf.convert_to_tensor(joints)
    _require_joints(rotations, (tree.num_joints, 3, 3), "rotations")
    _require_joints(joints, (tree.num_joints, 3), "joints")
    bones = tf.linalg.matmul(tf.constant(tree.differences, joints.dtype), joints)
    local = tf.concat([rotations, bones[..., None]], axis=-1)
    local = take(local, tree.order)
    parts = tf.split(local, [len(level) for level in tree.levels], axis=-3)
    if rotate_base:
        turned = tf.linalg.matmul(parts[0][..., :3], tf.constant(_BASE_ROTATION, rotations.dtype))
        parts[0] = tf.concat([turned, parts[0][..., 3:]], axis=-1)
    done = [parts[0]]
    for slots, part in zip(tree.parent_slots, parts[1:]):
        above = take(done[-1], slots)
        moved = tf.linalg.matmul(above[..., :3], part)
        done.append(tf.concat([moved[..., :3], moved[..., 3:] + above[..., 3:]], axis=-1))
    transforms = take(tf.concat(done, axis=-3), tree.positions)
    return transforms[..., :3], transforms[..., 3]


def take(tensor: tf.Tensor, slots: tuple[int, ...]) -> tf.Tensor:
    """Gathers along axis -3 by slices, whose gradient is cheaper than a gather's."""
    if slots == tuple(range(tensor.shape[-3])):
        return tensor
    runs: list[list[int]] = []
    for slot in slots:
        if runs and slot == runs[-1][1]:
            runs[-1][1] += 1
        else:
            runs.append([slot, slot + 1])
    parts = [tensor[..., start:stop, :, :] for start, stop in runs]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-3)


def _require_joints(tensor: tf.Tensor, expected: tuple[int, ...], name: str) -> None:
    if tensor.shape.rank is not None and tuple(tensor.shape[-len(expected) :]) != expected:
        wanted = ", ".join(str(size) for size in expected)
        raise ValueError(f"{name} must be [..., {wanted}]; received {tensor.shape.as_list()}.")
