"""Aligning point sets: to a root, or by the best similarity transform without reflection."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from hmr_tf.geometry import small_svd

# Keeps quotients of degenerate sets (all points equal, or on a line) finite.
_TINY = 1e-12


def align_root(points: tf.Tensor, root: int | Sequence[int]) -> tf.Tensor:
    """Moves points so that their root is at the origin.

    Args:
        points: `[..., K, 3]` float32, m.
        root: index of the root, or indices whose mean is the root (the two hips).

    Returns:
        `[..., K, 3]` float32, m.
    """
    points = tf.convert_to_tensor(points)
    indices = [root] if isinstance(root, int) else list(root)
    return points - tf.reduce_mean(tf.gather(points, indices, axis=-2), axis=-2, keepdims=True)


def procrustes(pred: tf.Tensor, gt: tf.Tensor) -> tf.Tensor:
    """Aligns points to others by the similarity transform of least squared error.

    The rotation is always proper: a mirrored set is not aligned by a reflection. Degenerate sets
    (all points equal, on a line or in a plane) give finite values and gradients.

    Args:
        pred: `[..., K, 3]` float32, m.
        gt: `[..., K, 3]` float32, m.

    Returns:
        `[..., K, 3]` float32, m: ``pred``, rotated, scaled and moved onto ``gt``.

    Reference:
        Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns,
        IEEE PAMI 1991.
    """
    pred_centered, _, gt_mean, scale, rotation = _fit(pred, gt)
    # Turned about its own centre: adding a translation afterwards would lose digits.
    rotated = tf.linalg.matmul(pred_centered, rotation, transpose_b=True)
    return scale[..., None, None] * rotated + gt_mean


def similarity(pred: tf.Tensor, gt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the similarity transform of least squared error from ``pred`` to ``gt``.

    Args:
        pred: `[..., K, 3]` float32, m.
        gt: `[..., K, 3]` float32, m.

    Returns:
        scale `[...]`, proper rotation `[..., 3, 3]` and translation `[..., 3]`, with
        ``gt ~ scale * rotation @ pred + translation``.

    Raises:
        ValueError: if the shapes differ or do not end in [K, 3].
    """
    _, pred_mean, gt_mean, scale, rotation = _fit(pred, gt)
    moved = scale[..., None, None] * tf.linalg.matmul(pred_mean, rotation, transpose_b=True)
    return scale, rotation, tf.squeeze(gt_mean - moved, axis=-2)


def _fit(pred: tf.Tensor, gt: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns pred less its mean, both means `[..., 1, 3]`, scale `[...]` and rotation."""
    pred, gt = tf.convert_to_tensor(pred), tf.convert_to_tensor(gt)
    if pred.shape.rank is None or pred.shape.rank < 2 or pred.shape[-1] != 3:
        raise ValueError(f"pred must be [..., K, 3]; received {pred.shape}.")
    if not pred.shape.is_compatible_with(gt.shape):
        raise ValueError(f"pred and gt must have one shape; received {pred.shape} and {gt.shape}.")
    pred_mean = tf.reduce_mean(pred, axis=-2, keepdims=True)
    gt_mean = tf.reduce_mean(gt, axis=-2, keepdims=True)
    pred_centered = pred - pred_mean
    covariance = tf.linalg.matmul(gt - gt_mean, pred_centered, transpose_a=True)
    rotation = nearest_rotation(covariance)
    spread = tf.reduce_sum(pred_centered * pred_centered, axis=[-2, -1])
    scale = tf.reduce_sum(rotation * covariance, axis=[-2, -1]) / tf.maximum(spread, _TINY)
    return pred_centered, pred_mean, gt_mean, scale, rotation


@tf.custom_gradient
def nearest_rotation(matrix: tf.Tensor) -> tf.Tensor:
    """Returns the proper rotation R that maximises trace(R^T M).

    The gradient is that of the polar factor, whose denominators are sums of singular values; it is
    set to zero in directions where the rotation is not determined, instead of growing without end.

    Args:
        matrix: `[..., 3, 3]` float32.

    Returns:
        `[..., 3, 3]` float32, determinant +1.
    """
    values, left, right = small_svd.rotation_svd(matrix)
    rotation = tf.linalg.matmul(left, right, transpose_b=True)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # With M = R H, H symmetric with eigenvectors `right` and eigenvalues `values`:
        # R^T dM - (R^T dM)^T = Omega H + H Omega, where dR = R Omega, Omega skew.
        sums = values[..., :, None] + values[..., None, :]
        floor = 1e-6 * values[..., :1, None] + _TINY
        weight = tf.where(tf.abs(sums) > floor, 1.0 / tf.where(sums == 0.0, 1.0, sums), 0.0)
        turned = tf.linalg.matmul(rotation, upstream, transpose_a=True)
        inner = tf.linalg.matmul(right, tf.linalg.matmul(turned, right), transpose_a=True)
        skew = weight * (inner - tf.linalg.matrix_transpose(inner))
        skew = tf.linalg.matmul(tf.linalg.matmul(right, skew), right, transpose_b=True)
        return tf.linalg.matmul(rotation, skew)

    return rotation, gradient
