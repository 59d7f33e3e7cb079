"""Errors of 3D bodies, one number per sample, computed for a whole batch at once.

Every function takes tensors or NumPy arrays of any number of leading dimensions, in metres, and
returns millimetres. Sums are float64 inside, so that results do not depend on where in space a body
is. Averaging over samples is left to the caller, because papers differ in it.

Degenerate points are not special: where all points of a prediction are one, nothing can be aligned
but its place, and its aligned version is that one point at the truth's centre.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from hmr_tf.geometry import alignment

MILLIMETRES = 1000.0
# Right and left hip of the LSP and cocoplus joint orders; their middle is the original's root.
MID_HIP = (2, 3)


def joint_errors(pred: tf.Tensor, gt: tf.Tensor, root: Sequence[int] | None = None) -> tf.Tensor:
    """Returns the distance of every joint to its truth.

    Args:
        pred, gt: `[..., num_joints, 3]` m, one frame.
        root: joints whose mean is moved to the origin first; None compares positions as they are.

    Returns:
        `[..., num_joints]` float32, mm.

    Raises:
        ValueError: if the two shapes differ or are not points.
    """
    pred, gt = _points(pred, gt)
    if root is not None:
        pred, gt = alignment.align_root(pred, root), alignment.align_root(gt, root)
    return _distances(pred, gt)


def mpjpe(
    pred: tf.Tensor,
    gt: tf.Tensor,
    root: Sequence[int] | None = MID_HIP,
    visibility: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the mean per-joint position error after both roots are moved to the origin.

    Args:
        pred, gt: `[..., num_joints, 3]` m, one frame.
        root: joints whose mean is the root, (2, 3) being the middle of the hips in LSP's order;
            None compares the positions as they are.
        visibility: `[..., num_joints]`, 0 for joints that do not count; None if all do.

    Returns:
        `[...]` float32, mm; 0 for a sample of which no joint counts.
    """
    return visible_mean(joint_errors(pred, gt, root), visibility)


def pa_joint_errors(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    """Returns the distance of every joint to its truth after the best similarity transform.

    The transform of the prediction is a proper rotation, a scale and a translation; a mirrored body
    is not forgiven.

    Args:
        pred, gt: `[..., num_joints, 3]` m.

    Returns:
        `[..., num_joints]` float32, mm.
    """
    pred, gt = _points(pred, gt)
    return _distances(alignment.procrustes(pred, gt), gt)


def pa_mpjpe(pred: tf.Tensor, gt: tf.Tensor, visibility: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the mean per-joint error after the best similarity transform of the prediction.

    Args:
        pred, gt: `[..., num_joints, 3]` m.
        visibility: `[..., num_joints]`, 0 for joints that do not count; all joints are aligned, as
            in mmhuman3d. None if all count.

    Returns:
        `[...]` float32, mm; 0 for a sample of which no joint counts.
    """
    return visible_mean(pa_joint_errors(pred, gt), visibility)


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
    return visible_mean(tf.norm(_float(pred) - _float(gt), axis=-1), visibility)


def visible_mean(values: tf.Tensor, visibility: tf.Tensor | None) -> tf.Tensor:
    """Returns the mean over the last axis of the values that are visible, 0 if none is.

    Args:
        values: `[..., n]`.
        visibility: `[..., n]`, 0 or 1; None if all are.

    Returns:
        `[...]` float32.
    """
    if visibility is None:
        return tf.reduce_mean(values, axis=-1)
    visibility = _float(visibility)
    # Not a product: the error of an unknown joint may be NaN.
    kept = tf.where(visibility > 0, values, 0.0)
    return tf.math.divide_no_nan(
        tf.reduce_sum(kept, axis=-1), tf.reduce_sum(_float(visibility > 0), axis=-1)
    )


def _distances(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    return tf.cast(MILLIMETRES * tf.norm(pred - gt, axis=-1), tf.float32)


def _float(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(values), tf.float32)


def _points(pred: tf.Tensor, gt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns both as float64 tensors after checking their static shapes."""
    pred, gt = (tf.cast(tf.convert_to_tensor(values), tf.float64) for values in (pred, gt))
    same = pred.shape.is_compatible_with(gt.shape)
    if not same or pred.shape.rank < 2 or pred.shape[-1] != 3:
        raise ValueError(
            "pred and gt must both be [..., num_points, 3]; "
            f"received {pred.shape.as_list()} and {gt.shape.as_list()}."
        )
    return pred, gt
