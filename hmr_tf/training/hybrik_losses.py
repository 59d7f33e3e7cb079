"""HybrIK's losses, as sums with their counts (`hmr_tf.losses.Loss`).

The release takes the mean of squares over all elements of a batch, those without a label included,
so that the share of labelled people scales these losses; only the joints' error is divided by what
is labelled.

Reference: J. Li et al., HybrIK, CVPR 2021, section 3.4, and the reductions of its release.
"""

from __future__ import annotations

import math

import tensorflow as tf

from hmr_tf.losses import HEATMAP_SIGMA, Loss

# The release counts errors in cells of its heatmaps.
_CELLS = 64.0
# Below, the likelihood would grow without end on what fits by chance.
LEAST_SIGMA = 1e-3


def uvd_l1_loss(pred_uvd: tf.Tensor, gt_uvd: tf.Tensor, weights: tf.Tensor) -> Loss:
    """Absolute error of the joints in the volume, in 64ths of its sides.

    Args:
        pred_uvd, gt_uvd: `[batch, K, 3]` in [-0.5, 0.5].
        weights: `[batch, K, 3]` 0 or 1.

    Returns:
        Sum; count: weights.
    """
    total = tf.reduce_sum(weights * tf.abs(pred_uvd - gt_uvd))
    return Loss(_CELLS * total, tf.reduce_sum(weights))


def uvd_laplace_loss(
    pred_uvd: tf.Tensor, gt_uvd: tf.Tensor, weights: tf.Tensor, sigma: tf.Tensor
) -> Loss:
    """Negative log-likelihood of the joints as the release writes it.

    Args:
        pred_uvd, gt_uvd, weights: as for `uvd_l1_loss`.
        sigma: `[batch, K]` estimated deviation of each joint.

    Returns:
        Sum of log(sqrt(2 pi) sigma) + |error| / (sqrt(2) sigma); count: weights.
    """
    sigma = tf.maximum(sigma, LEAST_SIGMA)[..., tf.newaxis]
    distance = tf.abs(pred_uvd - gt_uvd) / (math.sqrt(2.0) * sigma + 1e-5)
    total = tf.reduce_sum(weights * (tf.math.log(math.sqrt(2.0 * math.pi) * sigma) + distance))
    return Loss(total, tf.reduce_sum(weights))


def marginal_loss(marginals: tf.Tensor, gt_uvd: tf.Tensor, weights: tf.Tensor) -> Loss:
    """Cross-entropy between the heatmaps' marginals and Gaussians around the joints.

    The Gaussian's standard deviation is 0.7 cells, and its values sum to one.

    Args:
        marginals: `[batch, K, 3, n]` shares of the heatmap by x, y and depth.
        gt_uvd: `[batch, K, 3]`; cell i of n lies at i / n - 1/2.
        weights: `[batch, K, 3]` 0 or 1; what lies outside of the volume does not count.

    Returns:
        Sum, nats; count: weights of what lies inside.
    """
    size = marginals.shape[-1]
    offset = tf.range(size, dtype=tf.float32) - size * (gt_uvd[..., tf.newaxis] + 0.5)
    target = tf.nn.softmax(-0.5 * tf.square(offset / HEATMAP_SIGMA))
    # As small as float32 lets the softmax over a volume be.
    entropy = -tf.reduce_sum(target * tf.math.log(tf.maximum(marginals, 1e-12)), axis=-1)
    weights *= tf.cast(tf.abs(gt_uvd) < 0.5, tf.float32)
    return Loss(tf.reduce_sum(weights * entropy), tf.reduce_sum(weights))


def masked_square_loss(pred: tf.Tensor, gt: tf.Tensor, mask: tf.Tensor) -> Loss:
    """Mean square error in which what is masked counts as right.

    Args:
        pred, gt: `[batch, ...]`.
        mask: `[batch]` 0 or 1, or of more of the axes.

    Returns:
        Sum of squares; count: all elements.
    """
    for _ in range(pred.shape.rank - mask.shape.rank):
        mask = mask[..., tf.newaxis]
    # Chosen before it is squared: a wild estimate times zero is not zero.
    difference = tf.where(mask > 0.0, mask * (pred - gt), 0.0)
    return Loss(tf.reduce_sum(tf.square(difference)), tf.cast(tf.size(pred), tf.float32))
