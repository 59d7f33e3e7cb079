"""Rotations in 3D: axis-angle, matrix, 6D and quaternion forms, and the mirror of a pose.

Every function takes any leading dimensions, none included. Angles are radians. Quaternions are
(w, x, y, z), of unit length, with w >= 0 where a function returns them. A matrix acts on column
vectors. All gradients are finite, at the identity and at half a turn too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Added to each component before the norm, as in the original release: it keeps the angle of the
# zero vector, and the gradient there, away from 0/0.
_AXIS_ANGLE_SHIFT = 1e-8
_NORM_FLOOR = 1e-12
# The cross-product matrix of v, flattened row by row, is v @ _CROSS.
_CROSS = np.zeros((3, 9), np.float32)
for _axis, _positive, _negative in ((0, 7, 5), (1, 2, 6), (2, 3, 1)):
    _CROSS[_axis, _positive], _CROSS[_axis, _negative] = 1.0, -1.0
_LAYOUTS = ("interleaved", "contiguous")


def axis_angle_to_matrix(axis_angle: tf.Tensor) -> tf.Tensor:
    """Converts axis-angle vectors to rotation matrices by Rodrigues' formula.

    The zero vector gives the exact identity, with the true gradient.

    Args:
        axis_angle: `[..., 3]` float32, radians; direction is the axis, length the angle.

    Returns:
        `[..., 3, 3]` float32.
    """
    axis_angle = tf.convert_to_tensor(axis_angle)
    _require_last(axis_angle, (3,), "axis_angle")
    shifted = axis_angle + _AXIS_ANGLE_SHIFT
    square = tf.reduce_sum(shifted * shifted, axis=-1, keepdims=True)
    # The floor matters only if every component is exactly -1e-8.
    angle = tf.sqrt(tf.maximum(square, 1e-36))
    axis = axis_angle / angle
    leading = tf.shape(axis_angle)[:-1]
    outer = tf.reshape(axis[..., :, None] * axis[..., None, :], tf.concat([leading, [9]], 0))
    cross = tf.linalg.matmul(tf.reshape(axis, [-1, 3]), tf.constant(_CROSS, axis.dtype))
    cross = tf.reshape(cross, tf.shape(outer))
    identity = tf.reshape(tf.eye(3, dtype=axis.dtype), [9])
    cos, sin = tf.cos(angle), tf.sin(angle)
    flat = cos * identity + (1.0 - cos) * outer + sin * cross
    matrix = tf.reshape(flat, tf.concat([leading, [3, 3]], 0))
    return tf.ensure_shape(matrix, [*axis_angle.shape[:-1], 3, 3])


def matrix_to_axis_angle(matrix: tf.Tensor) -> tf.Tensor:
    """Converts rotation matrices to axis-angle vectors (the logarithm), of length 0 to pi.

    At exactly half a turn both signs of the axis are right; one of them is returned.

    Args:
        matrix: `[..., 3, 3]` float32.

    Returns:
        `[..., 3]` float32, radians.
    """
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def rotation_6d_to_matrix(rotation_6d: tf.Tensor, layout: str = "interleaved") -> tf.Tensor:
    """Converts 6D rotations (two columns, orthonormalised) to matrices.

    Args:
        rotation_6d: `[..., 6]` float32.
        layout: `interleaved` if the six numbers are a [3, 2] matrix row by row (SPIN, mmhuman3d),
            `contiguous` if they are one column after the other (4D-Humans).

    Returns:
        `[..., 3, 3]` float32.

    Raises:
        ValueError: if ``layout`` is neither.

    Reference:
        Zhou et al., On the Continuity of Rotation Representations in Neural Networks, CVPR 2019.
    """
    rotation_6d = tf.convert_to_tensor(rotation_6d)
    _require_last(rotation_6d, (6,), "rotation_6d")
    _require_layout(layout)
    if layout == "interleaved":
        first, second = rotation_6d[..., 0::2], rotation_6d[..., 1::2]
    else:
        first, second = rotation_6d[..., :3], rotation_6d[..., 3:]
    column_1 = _normalize(first)
    overlap = tf.reduce_sum(column_1 * second, axis=-1, keepdims=True)
    column_2 = _normalize(second - overlap * column_1)
    column_3 = tf.linalg.cross(column_1, column_2)
    return tf.stack([column_1, column_2, column_3], axis=-1)


def matrix_to_rotation_6d(matrix: tf.Tensor, layout: str = "interleaved") -> tf.Tensor:
    """Returns the first two columns of rotation matrices; see `rotation_6d_to_matrix`.

    Args:
        matrix: `[..., 3, 3]` float32.
        layout: `interleaved` or `contiguous`.

    Returns:
        `[..., 6]` float32.

    Raises:
        ValueError: if ``layout`` is neither.
    """
    matrix = tf.convert_to_tensor(matrix)
    _require_last(matrix, (3, 3), "matrix")
    _require_layout(layout)
    columns = matrix[..., :, :2]
    if layout == "contiguous":
        columns = tf.linalg.matrix_transpose(columns)
    return tf.reshape(columns, tf.concat([tf.shape(matrix)[:-2], [6]], 0))


def quaternion_to_matrix(quaternion: tf.Tensor) -> tf.Tensor:
    """Converts quaternions to rotation matrices.

    Args:
        quaternion: `[..., 4]` float32 (w, x, y, z), normalised here.

    Returns:
        `[..., 3, 3]` float32.
    """
    quaternion = tf.convert_to_tensor(quaternion)
    _require_last(quaternion, (4,), "quaternion")
    w, x, y, z = tf.unstack(_normalize(quaternion), axis=-1)
    rows = [
        tf.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        tf.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        tf.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    ]
    return tf.stack(rows, axis=-2)


def matrix_to_quaternion(matrix: tf.Tensor) -> tf.Tensor:
    """Converts rotation matrices to unit quaternions.

    Of the four ways to read a quaternion off a matrix, the one that divides by the largest
    component is taken, so neither value nor gradient degrades anywhere.

    Args:
        matrix: `[..., 3, 3]` float32.

    Returns:
        `[..., 4]` float32 (w, x, y, z), w >= 0.

    Reference:
        Shepperd, Quaternion from Rotation Matrix, Journal of Guidance and Control, 1978.
    """
    matrix = tf.convert_to_tensor(matrix)
    _require_last(matrix, (3, 3), "matrix")
    m = [[matrix[..., row, column] for column in range(3)] for row in range(3)]
    trace_terms = tf.stack(
        [
            1.0 + m[0][0] + m[1][1] + m[2][2],
            1.0 + m[0][0] - m[1][1] - m[2][2],
            1.0 - m[0][0] + m[1][1] - m[2][2],
            1.0 - m[0][0] - m[1][1] + m[2][2],
        ],
        axis=-1,
    )
    w_squared, x_squared, y_squared, z_squared = tf.unstack(trace_terms, axis=-1)
    wx, wy, wz = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    xy, xz, yz = m[1][0] + m[0][1], m[0][2] + m[2][0], m[2][1] + m[1][2]
    candidates = tf.stack(
        [
            tf.stack([w_squared, wx, wy, wz], -1),
            tf.stack([wx, x_squared, xy, xz], -1),
            tf.stack([wy, xy, y_squared, yz], -1),
            tf.stack([wz, xz, yz, z_squared], -1),
        ],
        axis=-2,
    )
    best = tf.one_hot(tf.argmax(trace_terms, axis=-1), 4, dtype=matrix.dtype)
    quaternion = _normalize(tf.reduce_sum(best[..., None] * candidates, axis=-2))
    return tf.where(quaternion[..., :1] < 0.0, -quaternion, quaternion)


def axis_angle_to_quaternion(axis_angle: tf.Tensor) -> tf.Tensor:
    """Converts axis-angle vectors to unit quaternions.

    Args:
        axis_angle: `[..., 3]` float32, radians.

    Returns:
        `[..., 4]` float32 (w, x, y, z); w is negative for angles beyond pi.
    """
    axis_angle = tf.convert_to_tensor(axis_angle)
    _require_last(axis_angle, (3,), "axis_angle")
    square = tf.reduce_sum(axis_angle * axis_angle, axis=-1, keepdims=True)
    is_small = square < 1e-6
    half = 0.5 * tf.sqrt(tf.where(is_small, tf.ones_like(square), square))
    w = tf.where(is_small, 1.0 - square / 8.0, tf.cos(half))
    scale = tf.where(is_small, 0.5 - square / 48.0, 0.5 * tf.sin(half) / half)
    return tf.concat([w, scale * axis_angle], axis=-1)


def quaternion_to_axis_angle(quaternion: tf.Tensor) -> tf.Tensor:
    """Converts unit quaternions to axis-angle vectors of length 0 to pi.

    Args:
        quaternion: `[..., 4]` float32 (w, x, y, z), of unit length and either sign.

    Returns:
        `[..., 3]` float32, radians.
    """
    quaternion = tf.convert_to_tensor(quaternion)
    _require_last(quaternion, (4,), "quaternion")
    quaternion = tf.where(quaternion[..., :1] < 0.0, -quaternion, quaternion)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    square = tf.reduce_sum(vector * vector, axis=-1, keepdims=True)
    is_small = square < 1e-6
    sine = tf.sqrt(tf.where(is_small, tf.ones_like(square), square))
    safe_w = tf.where(is_small, w, tf.ones_like(w))
    series = 2.0 / safe_w * (1.0 - square / (3.0 * safe_w * safe_w))
    return tf.where(is_small, series, 2.0 * tf.atan2(sine, w) / sine) * vector


def mirror_axis_angle(pose_axis_angle: tf.Tensor, flip: Sequence[int]) -> tf.Tensor:
    """Mirrors a pose left to right: joints change sides, every rotation is reflected.

    The global rotation, joint 0, is reflected like the others.

    Args:
        pose_axis_angle: `[..., J, 3]` or `[..., 3 J]` float32, radians.
        flip: the joint that each joint's mirror image comes from, J indices
            (``tfrecords_tools.skeletons.SMPL24.flip``).

    Returns:
        The mirrored pose in the form it was given in.
    """
    pose = tf.convert_to_tensor(pose_axis_angle)
    is_flat = pose.shape[-1] == 3 * len(flip)
    joints = (
        tf.reshape(pose, tf.concat([tf.shape(pose)[:-1], [len(flip), 3]], 0)) if is_flat else pose
    )
    _require_last(joints, (len(flip), 3), "pose_axis_angle")
    mirrored = tf.gather(joints, list(flip), axis=-2) * tf.constant([1.0, -1.0, -1.0], pose.dtype)
    return tf.ensure_shape(tf.reshape(mirrored, tf.shape(pose)), pose.shape)


def mirror_matrix(rotations: tf.Tensor, flip: Sequence[int]) -> tf.Tensor:
    """Mirrors a pose given as matrices: S R_flip(j) S with S = diag(-1, 1, 1).

    Args:
        rotations: `[..., J, 3, 3]` float32.
        flip: as in `mirror_axis_angle`.

    Returns:
        `[..., J, 3, 3]` float32.
    """
    rotations = tf.convert_to_tensor(rotations)
    _require_last(rotations, (len(flip), 3, 3), "rotations")
    signs = tf.constant([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]], rotations.dtype)
    return tf.gather(rotations, list(flip), axis=-3) * signs


def _normalize(vector: tf.Tensor) -> tf.Tensor:
    """Divides by the norm, floored at 1e-12 so that the zero vector gives zero."""
    return tf.math.l2_normalize(vector, axis=-1, epsilon=_NORM_FLOOR**2)


def _require_last(tensor: tf.Tensor, expected: tuple[int, ...], name: str) -> None:
    if tensor.shape.rank is None:
        return
    received = tuple(tensor.shape[-len(expected) :])
    fits = len(received) == len(expected) and all(
        size in (None, wanted) for size, wanted in zip(received, expected)
    )
    if not fits:
        wanted = ", ".join(str(size) for size in expected)
        raise ValueError(f"{name} must be [..., {wanted}]; received {tensor.shape.as_list()}.")


def _require_layout(layout: str) -> None:
    if layout not in _LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(_LAYOUTS)}; received '{layout}'.")
