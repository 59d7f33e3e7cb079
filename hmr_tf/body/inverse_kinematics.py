"""HybrIK's inverse kinematics: joints and twist angles to rotations, and rotations to twist angles.

Each joint has one bone that leaves it (`tfrecords_tools.skeletons.HYBRIK_CHILDREN`). Its rotation
is a twist about that bone in the rest pose, which the joints do not show, then the swing that turns
the bone to where the joints say: R_i = S_i W_i. Solved level by level of the tree.

Two ways to say where that is. `naive` takes the direction of the bone between the given joints, so
that errors of bone lengths and of the root add up along a limb. `adaptive` aims from where the
joint has come to stand at the given position of the next one, which takes up the error so far;
where that aim and the naive one differ by more than ``switch``, it takes the naive one, as the
released code does and the paper does not (``switch=None``).

The pelvis comes first (`hmr_tf.body.pelvis_orientation`). The release trains with `naive` and
`closed_form` and estimates with `adaptive` and `svd`.

Where the release differs: bones without length, zero twists and bones turned right around give
rotations and bounded gradients; a hand's own rotation is used in the variant with 24 joints.

Reference:
    J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose
    and Shape Estimation, CVPR 2021, sections 3.2 and 3.3.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from hmr_tf.body import pelvis_orientation
from hmr_tf.body.model_file import NUM_JOINTS, Body
from hmr_tf.geometry import swing_twist
from hmr_tf.geometry.kinematics import KinematicTree, take
from tfrecords_tools.skeletons import HYBRIK29, HYBRIK_CHILDREN, HYBRIK_LEAVES, SMPL_PARENTS

METHODS = ("adaptive", "naive")
ROOTS = tuple(pelvis_orientation.SOLVERS)
SPINE3 = ("neck", "kabsch")
# Of the released code, m; the paper has none.
RELEASED_SWITCH = 0.015
# The joints whose bone ends at a leaf. Without leaves their rotations are given, in this order.
LEAF_PARENTS = (10, 11, 15, 22, 23)
_CHEST, _CHEST_CHILDREN = 9, slice(12, 15)
# SMPL's joints are numbered level after level.
_TREE = KinematicTree(SMPL_PARENTS)
_LEVEL_SIZES = [len(level) for level in _TREE.levels[1:]]
_UP = (0.0, 1.0, 0.0)


def rest_skeleton(body: Body, betas: tf.Tensor) -> tf.Tensor:
    """Returns joints and leaves of bodies in the rest pose.

    Args:
        body: the body model; it must know its head top, middle fingers and big toes.
        betas: `[batch, S]` shape coefficients.

    Returns:
        `[batch, 29, 3]`, m, in the order of `HYBRIK29`.

    Raises:
        BodyError: if the body does not know these points of its surface.
    """
    betas = _real(betas)
    basis = tf.constant(_rest_basis(body), betas.dtype)
    flat = tf.linalg.matmul(betas, basis[1:]) + basis[0]
    return tf.reshape(flat, [-1, HYBRIK29.num_joints, 3])


@functools.lru_cache(maxsize=4)
def _rest_basis(body: Body) -> np.ndarray:
    """Returns `[1 + S, 29 * 3]` float64: rest joints of the mean shape, then per beta."""
    shapes = np.concatenate([body.template[..., None], body.shape_basis], axis=-1)
    joints = np.tensordot(body.joint_regressor.astype(np.float64), shapes, axes=1)
    leaves = shapes[[body.surface_point(name) for name in HYBRIK_LEAVES]]
    skeleton = np.concatenate([joints, leaves])
    return skeleton.transpose(2, 0, 1).reshape(skeleton.shape[2], -1)


def twist_angles(rotations: tf.Tensor, rest_joints: tf.Tensor) -> tf.Tensor:
    """Returns the twists of rotations about the bones in the rest pose.

    Args:
        rotations: `[batch, 24, 3, 3]`, each joint relative to its parent.
        rest_joints: `[batch, 29, 3]`, m, of `rest_skeleton`.

    Returns:
        `[batch, 23, 2]` cosines and sines for joints 1 to 23.
    """
    rotations = _real(rotations)
    rest_joints = tf.cast(rest_joints, rotations.dtype)
    _require(rotations, (NUM_JOINTS, 3, 3), "rotations")
    _require(rest_joints, (HYBRIK29.num_joints, 3), "rest_joints")
    axes = swing_twist.unit(_bones(rest_joints)[:, 1:], _UP)
    return swing_twist.twist_of(rotations[:, 1:], axes)


def solve(
    joints: tf.Tensor,
    rest_joints: tf.Tensor,
    twists: tf.Tensor,
    method: str = "adaptive",
    switch: float | None = RELEASED_SWITCH,
    root: str = "svd",
    spine3: str = "neck",
    leaf_rotations: tf.Tensor | None = None,
    global_orient: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the rotations that bring a body's joints to given places.

    Gradients reach ``rest_joints``, ``twists`` and, by the aims, ``joints``; to train as the
    release does, pass ``tf.stop_gradient(joints)``. Rotations found by SVD are constants, since
    their gradient has no bound near a reflection.

    Args:
        joints: `[batch, K, 3]`, m, anywhere; K = 29 (`HYBRIK29`), or 24 without leaves.
        rest_joints: `[batch, K, 3]`, m, of `rest_skeleton`.
        twists: `[batch, 23, 2]` cosines and sines for joints 1 to 23, of any length.
        method: `adaptive` or `naive`.
        switch: how far the two aims of `adaptive` may be apart, m; None for any distance.
        root: how the pelvis is solved, `svd` or `closed_form`.
        spine3: how the chest is solved: by its bone to the `neck`, or by `kabsch`, which fits neck
            and collars and needs no twist.
        leaf_rotations: `[batch, 5, 3, 3]`, with K = 24 only: of feet, head and hands
            (`LEAF_PARENTS`).
        global_orient: `[batch, 3, 3]`, the pelvis' rotation if it is known.

    Returns:
        `[batch, 24, 3, 3]`, each joint relative to its parent, joint 0 global; rotations whatever
        is given.

    Raises:
        ValueError: if a shape or a name is wrong, or leaf rotations and K do not fit together.
    """
    _require_choice(method, METHODS, "method")
    _require_choice(root, ROOTS, "root")
    _require_choice(spine3, SPINE3, "spine3")
    joints = _real(joints)
    rest_joints, twists = (tf.cast(x, joints.dtype) for x in (rest_joints, twists))
    if leaf_rotations is not None:
        leaf_rotations = tf.cast(leaf_rotations, joints.dtype)
    _require_joints(joints, rest_joints, leaf_rotations)
    _require(twists, (NUM_JOINTS - 1, 2), "twists")
    joints -= joints[:, :1]
    if global_orient is None:
        global_orient = pelvis_orientation.SOLVERS[root](joints, rest_joints)
    limbs = _limbs(joints, rest_joints, twists)
    fit_chest = None
    if spine3 == "kabsch":
        fit_chest = functools.partial(_fit_chest, joints, rest_joints, method)
    choose = functools.partial(_choose_aim, method=method, switch=switch)
    rotations = _solve_levels(tf.cast(global_orient, joints.dtype), limbs, choose, fit_chest)
    return rotations if leaf_rotations is None else _with_leaves(rotations, leaf_rotations)


@dataclasses.dataclass(frozen=True)
class _Limbs:
    """What is known of the n joints of a level beforehand.

    Attributes:
        steps: `[batch, n, 3, 4]` from the parent in the rest pose, in the last column.
        axes: `[batch, n, 3]` directions of the bones in the rest pose.
        sides: `[batch, n, 3]` directions at right angles to them.
        spun: `[batch, n, 3, 3]` the twists, and half a turn about the bones.
        ends: `[batch, n, 4, 2]`, homogeneous: where the bone is to end, from the root; and the bone
            between the given joints, made as long as it is in the rest pose.
        is_known: `[batch, n, 1]` bool, whether the latter has a direction; it is zero if not.
    """

    steps: tf.Tensor
    axes: tf.Tensor
    sides: tf.Tensor
    spun: tf.Tensor
    ends: tf.Tensor
    is_known: tf.Tensor


def _limbs(joints: tf.Tensor, rest_joints: tf.Tensor, twists: tf.Tensor) -> list[_Limbs]:
    """Returns the limbs of every level after the root's."""
    rest_bones, bones = _bones(rest_joints)[:, 1:], _bones(joints)[:, 1:]
    axes = swing_twist.unit(rest_bones, _UP)
    is_known = swing_twist.has_direction(bones)
    lengths = tf.reduce_sum(rest_bones * axes, axis=-1, keepdims=True)
    directions = lengths * tf.cast(is_known, bones.dtype) * swing_twist.unit(bones, _UP)
    steps = rest_joints[:, 1:NUM_JOINTS] - tf.gather(rest_joints, SMPL_PARENTS[1:], axis=1)
    parts = (
        tf.pad(steps[..., None], [[0, 0], [0, 0], [0, 0], [3, 0]]),
        axes,
        swing_twist.perpendicular(axes),
        swing_twist.half_turn(axes, swing_twist.twist(axes, twists)),
        tf.stack([_points(_bone_ends(joints)[:, 1:]), _vectors(directions)], axis=-1),
        is_known,
    )
    levels = zip(*(tf.split(part, _LEVEL_SIZES, axis=1) for part in parts))
    return [_Limbs(*level) for level in levels]


def _solve_levels(
    root: tf.Tensor, limbs: list[_Limbs], choose_aim: Callable, fit_chest: Callable | None
) -> tf.Tensor:
    """Returns `[batch, 24, 3, 3]` from the pelvis' rotation and the limbs of each level."""
    rotations = [root[:, None]]
    # Transforms `[batch, n, 3, 4]` from the root's place into the frames of the level above.
    above = tf.linalg.matrix_transpose(rotations[0])
    above = tf.concat([above, tf.zeros_like(above[..., :1])], axis=-1)
    for level, slots, limb in zip(_TREE.levels[1:], _TREE.parent_slots, limbs):
        # Into the parent's frame still, but from the joint's own place.
        inward = take(above, slots) - limb.steps
        aimed, predicted = tf.unstack(tf.linalg.matmul(inward, limb.ends), axis=-1)
        aim = choose_aim(aimed, predicted, limb.is_known)
        turned = swing_twist.half_turn(swing_twist.halfway(limb.axes, aim, limb.sides), limb.spun)
        if fit_chest and _CHEST in level:
            slot = level.index(_CHEST)
            chest = fit_chest(inward[:, slot])[:, None]
            turned = tf.concat([turned[:, :slot], chest, turned[:, slot + 1 :]], axis=1)
        rotations.append(turned)
        above = tf.linalg.matmul(turned, inward, transpose_a=True)
    return tf.concat(rotations, axis=1)


def _choose_aim(
    aimed: tf.Tensor, predicted: tf.Tensor, is_known: tf.Tensor, method: str, switch: float | None
) -> tf.Tensor:
    """Returns where bones shall point, `[batch, n, 3]`: at their target, or as predicted."""
    if method == "naive":
        return predicted
    if switch is None:
        return aimed
    gap = aimed - predicted
    is_far = tf.reduce_sum(gap * gap, axis=-1, keepdims=True) > switch**2
    return tf.where(is_far & is_known, predicted, aimed)


def _fit_chest(
    joints: tf.Tensor, rest_joints: tf.Tensor, method: str, inward: tf.Tensor
) -> tf.Tensor:
    """Returns the chest's rotation that fits neck and collars; ``inward`` is `[batch, 3, 4]`."""
    chest = slice(_CHEST, _CHEST + 1)
    rest_bones = rest_joints[:, _CHEST_CHILDREN] - rest_joints[:, chest]
    ends = joints[:, _CHEST_CHILDREN]
    ends = _vectors(ends - joints[:, chest]) if method == "naive" else _points(ends)
    bones = tf.linalg.matmul(ends, inward, transpose_b=True)
    return pelvis_orientation.fit_bones(rest_bones, bones)


def _points(places: tf.Tensor) -> tf.Tensor:
    """Returns places `[batch, n, 3]` as homogeneous `[batch, n, 4]`."""
    return tf.concat([places, tf.ones_like(places[..., :1])], axis=-1)


def _vectors(directions: tf.Tensor) -> tf.Tensor:
    """Returns directions `[batch, n, 3]` as homogeneous `[batch, n, 4]`."""
    return tf.concat([directions, tf.zeros_like(directions[..., :1])], axis=-1)


def _bones(joints: tf.Tensor) -> tf.Tensor:
    """Returns the bones that leave joints 0 to 23."""
    return _bone_ends(joints) - joints[:, :NUM_JOINTS]


def _bone_ends(joints: tf.Tensor) -> tf.Tensor:
    """Returns where they end; where they begin if that is a missing leaf."""
    count = joints.shape[1]
    ends = [end if end < count else joint for joint, end in enumerate(HYBRIK_CHILDREN)]
    return tf.gather(joints, ends, axis=1)


def _with_leaves(rotations: tf.Tensor, leaf_rotations: tf.Tensor) -> tf.Tensor:
    """Returns the rotations with those of `LEAF_PARENTS` replaced."""
    joints = tf.unstack(rotations, axis=1)
    for number, joint in enumerate(LEAF_PARENTS):
        joints[joint] = leaf_rotations[:, number]
    return tf.stack(joints, axis=1)


def _real(tensor: tf.Tensor) -> tf.Tensor:
    """Returns float32 or float64, whatever the model's precision."""
    tensor = tf.convert_to_tensor(tensor)
    return tensor if tensor.dtype == tf.float64 else tf.cast(tensor, tf.float32)


def _require_joints(
    joints: tf.Tensor, rest_joints: tf.Tensor, leaf_rotations: tf.Tensor | None
) -> None:
    count = NUM_JOINTS if leaf_rotations is not None else HYBRIK29.num_joints
    if joints.shape.rank != 3 or joints.shape[1:] != (count, 3):
        raise ValueError(
            f"joints must be [batch, {HYBRIK29.num_joints}, 3], or [batch, {NUM_JOINTS}, 3] with "
            f"leaf_rotations; received {joints.shape.as_list()}."
        )
    _require(rest_joints, (count, 3), "rest_joints")
    if leaf_rotations is not None:
        _require(leaf_rotations, (len(LEAF_PARENTS), 3, 3), "leaf_rotations")


def _require(tensor: tf.Tensor, shape: tuple[int, ...], name: str) -> None:
    if tensor.shape.rank != len(shape) + 1 or tuple(tensor.shape[1:]) != shape:
        wanted = ", ".join(str(size) for size in shape)
        raise ValueError(f"{name} must be [batch, {wanted}]; received {list(tensor.shape)}.")


def _require_choice(name: str, choices: tuple[str, ...], what: str) -> None:
    if name not in choices:
        raise ValueError(f"{what} must be one of {', '.join(choices)}; received '{name}'.")
