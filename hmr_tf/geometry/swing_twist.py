"""Twist and swing: a rotation as a turn about a direction, then the smallest turn of the direction.

For a unit vector a, every rotation that does not turn a around is R = S W in one way: the twist W
turns about a, and the swing S takes a to R a by the smallest angle, about an axis at right angles
to a. A twist is held as (cos, sin) of its angle, right-handed about a.

A swing from a to b is two half turns: about a, then about the direction h half way between a and b,

    S = (2 h h^T - I)(2 a a^T - I),

which is orthogonal to the last digit and needs no cross product's length. Every function takes any
leading dimensions and both float types. Gradients are finite everywhere: vectors too short to have
a direction are given one.

Reference:
    J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose
    and Shape Estimation, CVPR 2021, section 3.2.
"""

from __future__ import annotations

import tensorflow as tf

# Vectors shorter than this have no direction, so that no gradient exceeds its inverse. Of bones, m.
SHORTEST = 1e-4


def unit(vector: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
    """Returns directions of unit length.

    Args:
        vector: `[..., D]`.
        otherwise: what takes the place of a vector that is shorter than `SHORTEST`, of unit length;
            broadcasts to ``vector``.

    Returns:
        `[..., D]`. The gradient of a vector that is too short is zero.
    """
    vector = tf.convert_to_tensor(vector)
    # Chosen before the division: a gradient must not pass 0 / 0, not even times zero.
    vector = tf.where(has_direction(vector), vector, tf.cast(otherwise, vector.dtype))
    return vector / tf.sqrt(tf.reduce_sum(vector * vector, axis=-1, keepdims=True))


def has_direction(vector: tf.Tensor) -> tf.Tensor:
    """Returns `[..., 1]` bool: whether vectors `[..., D]` are longer than `SHORTEST`."""
    return tf.reduce_sum(vector * vector, axis=-1, keepdims=True) > SHORTEST**2


def perpendicular(direction: tf.Tensor) -> tf.Tensor:
    """Returns one of the unit vectors at right angles to each of `[..., 3]` unit vectors."""
    # The axis that a direction leans to least is far from being parallel to it.
    axis = tf.one_hot(tf.argmin(tf.abs(direction), axis=-1), 3, dtype=direction.dtype)
    return unit(tf.linalg.cross(direction, axis), axis)


def half_turn(axis: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Returns (2 n n^T - I) M: matrices, turned half around about an axis.

    Args:
        axis: `[..., 3]` unit vectors n.
        matrix: `[..., 3, 3]` M.
    """
    row = tf.linalg.matmul(2.0 * axis[..., None, :], matrix)
    return axis[..., :, None] * row - matrix


def halfway(start: tf.Tensor, end: tf.Tensor, around: tf.Tensor) -> tf.Tensor:
    """Returns the direction half way between two.

    Args:
        start: `[..., 3]` unit vectors.
        end: `[..., 3]`, of any length. If too short to have a direction, the start is the end.
        around: `[..., 3]` unit vectors at right angles to the start, by which the way goes if the
            end is opposite to the start.
    """
    return unit(start + unit(end, start), around)


def swing(start: tf.Tensor, end: tf.Tensor, around: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the smallest rotation that takes one direction to another.

    Args:
        start: `[..., 3]`, of any length; if too short to have a direction, one is assumed.
        end: `[..., 3]`, of any length; if too short, nothing turns.
        around: `[..., 3]` unit vectors at right angles to the start, by which the way goes if the
            end is opposite to the start; any by default.

    Returns:
        `[..., 3, 3]`.
    """
    start = tf.convert_to_tensor(start)
    start = unit(start, [0.0, 1.0, 0.0])
    around = perpendicular(start) if around is None else around
    end = tf.cast(end, start.dtype)
    back = half_turn(start, tf.eye(3, dtype=start.dtype))
    return half_turn(halfway(start, end, around), back)


def twist(axis: tf.Tensor, cos_sin: tf.Tensor) -> tf.Tensor:
    """Returns the rotation about an axis.

    Args:
        axis: `[..., 3]` unit vectors.
        cos_sin: `[..., 2]` cosine and sine of the angle, times any positive number. If too short to
            have a direction, as (0, 0), nothing turns.

    Returns:
        `[..., 3, 3]`.
    """
    axis = tf.convert_to_tensor(axis)
    cos_sin = unit(tf.cast(cos_sin, axis.dtype), [1.0, 0.0])
    cos, sin = cos_sin[..., :1, None], cos_sin[..., 1:, None]
    x, y, z = tf.unstack(axis, axis=-1)
    zero = tf.zeros_like(x)
    rows = ([zero, -z, y], [z, zero, -x], [-y, x, zero])
    cross = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
    outer = axis[..., :, None] * axis[..., None, :]
    return cos * tf.eye(3, dtype=axis.dtype) + sin * cross + (1.0 - cos) * outer


def twist_of(rotation: tf.Tensor, axis: tf.Tensor) -> tf.Tensor:
    """Returns the twist of a rotation: with quaternion (w, v), the angle 2 atan2(a . v, w).

    Args:
        rotation: `[..., 3, 3]`.
        axis: `[..., 3]` unit vectors.

    Returns:
        `[..., 2]` cosine and sine. (1, 0) where the axis is turned around, which leaves the twist
        open.
    """
    rotation = tf.convert_to_tensor(rotation)
    axis = tf.cast(axis, rotation.dtype)
    kept = tf.reduce_sum(axis[..., :, None] * rotation * axis[..., None, :], axis=[-2, -1])
    turned = rotation - tf.linalg.matrix_transpose(rotation)
    around = tf.stack([turned[..., 2, 1], turned[..., 0, 2], turned[..., 1, 0]], axis=-1)
    # Both are 1 + cos(swing) times too long.
    cos = tf.linalg.trace(rotation) - kept
    sin = tf.reduce_sum(axis * around, axis=-1)
    return unit(tf.stack([cos, sin], axis=-1), [1.0, 0.0])
