"""The pelvis' rotation from the three bones that leave it, to the hips and the spine.

`by_svd` fits all three bones at once. `in_closed_form` turns the spine where it is, then the middle
of the hips about it: a lever of 3 cm that makes it unsure of the heading, and blind to left and
right. The released HybrIK trains with the second and estimates with the first.

Joints are `[batch, K, 3]`, m, in SMPL's order, as given and in the rest pose; rotations
`[batch, 3, 3]`.

Reference:
    J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose
    and Shape Estimation, CVPR 2021, section 3.2.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.geometry import swing_twist
from hmr_tf.geometry.alignment import nearest_rotation

_BONE_ENDS = slice(1, 4)  # Left hip, right hip, spine.
_UP = (0.0, 1.0, 0.0)


def by_svd(joints: tf.Tensor, rest_joints: tf.Tensor) -> tf.Tensor:
    """Returns the rotations that fit hips and spine best, as constants (`fit_bones`)."""
    return fit_bones(_bones(rest_joints), _bones(joints))


def in_closed_form(joints: tf.Tensor, rest_joints: tf.Tensor) -> tf.Tensor:
    """Returns the rotations that swing the spine, then the middle of the hips about the spine."""
    rest_left, rest_right, rest_spine = tf.unstack(_bones(rest_joints), axis=1)
    left, right, spine = tf.unstack(_bones(joints), axis=1)
    turned = swing_twist.swing(rest_spine, spine)
    axis = swing_twist.unit(spine, swing_twist.unit(rest_spine, _UP))

    def across(vector: tf.Tensor) -> tf.Tensor:
        return vector - axis * tf.reduce_sum(axis * vector, axis=-1, keepdims=True)

    rest_hips = across(tf.linalg.matvec(turned, 0.5 * (rest_left + rest_right)))
    start = swing_twist.unit(rest_hips, swing_twist.perpendicular(axis))
    end = swing_twist.unit(across(0.5 * (left + right)), start)
    cos = tf.reduce_sum(start * end, axis=-1)
    sin = tf.reduce_sum(axis * tf.linalg.cross(start, end), axis=-1)
    return tf.linalg.matmul(swing_twist.twist(axis, tf.stack([cos, sin], axis=-1)), turned)


# Name -> function of joints and joints in the rest pose.
SOLVERS = {"svd": by_svd, "closed_form": in_closed_form}


def fit_bones(rest_bones: tf.Tensor, bones: tf.Tensor) -> tf.Tensor:
    """Returns the rotations that fit bones to others best, longer ones more closely.

    They are constants: near a reflection the gradient of such a fit has no bound.

    Args:
        rest_bones: `[batch, n, 3]`, m.
        bones: `[batch, n, 3]`, m. Without any of some length, nothing turns.

    Returns:
        `[batch, 3, 3]`, determinant +1.
    """
    matrix = tf.linalg.matmul(bones, rest_bones, transpose_a=True)
    is_known = tf.reduce_any(swing_twist.has_direction(bones), axis=1, keepdims=True)
    matrix = tf.where(is_known, matrix, tf.eye(3, dtype=matrix.dtype))
    return nearest_rotation(tf.stop_gradient(matrix))


def _bones(joints: tf.Tensor) -> tf.Tensor:
    return joints[:, _BONE_ENDS] - joints[:, :1]
