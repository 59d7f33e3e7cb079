"""Errors of 3D bodies, one number per sample, computed for a whole batch at once.

Every function takes tensors or NumPy arrays of any number of leading dimensions, in metres, and
returns millimetres. Averaging over samples is left to the caller, because papers differ in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from hmr_tf.geometry import alignment

MILLIMETRES = 1000.0
# Right and left hip of the LSP and cocoplus joint orders; their middle is the original's root.
MID_HIP = (2, 3)


def joint_errors(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    """Returns the distance of every joint to its truth, without any alignment.

    Args:
        pred, gt: `[..., num_joints, 3]` m, one frame.

    Returns:
        `[..., num_joints]` float32, mm.

    Raises:
        ValueError: if the two shapes differ or are not points.
    """
    pred, gt = _points(pred, gt)
    return MILLIMETRES * tf.norm(pred - gt, axis=-1)


def mpjpe(pred: tf.Tensor, gt: tf.Tensor, root: Sequence[int] | None = MID_HIP) -> tf.Tensor:
    """Returns the mean per-joint position error after both roots are moved to the origin.

    Args:
        pred, gt: `[..., num_joints, 3]` m, one frame.
        root: joints whose mean is the root, (2, 3) being the middle of the hips in LSP's order;
            None compares the positions as they are.

    Returns:
        `[...]` float32, mm.
    """
    pred, gt = _points(pred, gt)
    if root is not None:
        pred, gt = _root_relative(pred, root), _root_relative(gt, root)
    return tf.reduce_mean(joint_errors(pred, gt), axis=-1)


def pa_mpjpe(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    """Returns the mean per-joint error after the best similarity transform of the prediction.

    The transform is a proper rotation, a scale and a translation; a mirrored body is not forgiven.

    Args:
        pred, gt: `[..., num_joints, 3]` m.

    Returns:
        `[...]` float32, mm.
    """
    pred, gt = _points(pred, gt)
    return tf.reduce_mean(joint_errors(alignment.procrustes(pred, gt), gt), axis=-1)


def pve(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    """Returns the mean per-vertex error without alignment.

    Both meshes stand in the body model's own frame (rotated into the camera's, not translated),
    which is how the papers' PVE on 3DPW is computed.

    Args:
        pred, gt: `[..., num_vertices, 3]` m.

    Returns:
        `[...]` float32, mm.
    """
    return tf.reduce_mean(joint_errors(pred, gt), axis=-1)


def keypoint_error(pred: tf.Tensor, gt: tf.Tensor, visibility: tf.Tensor) -> tf.Tensor:
    """Returns the mean distance of the visible 2D keypoints, in the unit they are given in.

    Args:
        pred, gt: `[..., num_keypoints, 2]`.
        visibility: `[..., num_keypoints]`, 0 or 1.

    Returns:
        `[...]` float32; 0 for a sample without a visible keypoint (weigh it by its visibility).
    """
    distance = tf.norm(_float(pred) - _float(gt), axis=-1)
    visibility = _float(visibility)
    return tf.math.divide_no_nan(
        tf.reduce_sum(distance * visibility, axis=-1), tf.reduce_sum(visibility, axis=-1)
    )


def _root_relative(points: tf.Tensor, root: Sequence[int]) -> tf.Tensor:
    return points - tf.reduce_mean(tf.gather(points, list(root), axis=-2), axis=-2, keepdims=True)


def _float(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(values), tf.float32)


def _points(pred: tf.Tensor, gt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns both as float32 tensors after checking their static shapes."""
    pred, gt = _float(pred), _float(gt)
    same = pred.shape.is_compatible_with(gt.shape)
    if not same or pred.shape.rank < 2 or pred.shape[-1] != 3:
        raise ValueError(
            "pred and gt must both be [..., num_points, 3]; "
            f"received {pred.shape.as_list()} and {gt.shape.as_list()}."
        )
    return pred, gt
