"""What volumes of logits say of a joint's place, without a second copy of the volume per axis.

A volume is as large as a small network's activations (30 MB a sample for 29 joints at 64 cells), so
the softmax is never written out: its sums over two axes each, the marginals, come from one volume
of exponentials, and the gradient is made from the same volume.
"""

from __future__ import annotations

import tensorflow as tf


@tf.custom_gradient
def volume_marginals(logits: tf.Tensor) -> tf.Tensor:
    """Returns the softmax of each joint's volume, summed to each of its axes.

    Args:
        logits: `[batch, size, size, K, size]` float32: rows (y), columns (x), joints, depths.

    Returns:
        `[batch, K, 3, size]` float32: shares by x, y and depth; each row sums to 1.
    """
    size, num_joints = logits.shape[1], logits.shape[3]
    flat = tf.reshape(logits, [-1, size * size, num_joints, size])
    peak = tf.reduce_max(tf.reduce_max(flat, axis=-1), axis=1)
    weights = tf.exp(flat - peak[:, tf.newaxis, :, tf.newaxis])
    plane = tf.reshape(tf.reduce_sum(weights, axis=-1), [-1, size, size, num_joints])
    sums = [tf.reduce_sum(plane, axis=1), tf.reduce_sum(plane, axis=2)]
    sums = [tf.transpose(by_place, [0, 2, 1]) for by_place in sums]
    sums.append(tf.reduce_sum(weights, axis=1))
    total = tf.reduce_sum(sums[0], axis=-1)[..., tf.newaxis, tf.newaxis]
    marginals = tf.stack(sums, axis=2) / total

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # d marginal / d logit is the cell's own share times (whether it lies there - the marginal).
        mean = tf.reduce_sum(upstream * marginals, axis=[2, 3], keepdims=True) / 3.0
        by_x, by_y, by_depth = tf.unstack((upstream - mean) / total, axis=2)
        by_plane = (
            tf.transpose(by_y, [0, 2, 1])[:, :, tf.newaxis]
            + tf.transpose(by_x, [0, 2, 1])[:, tf.newaxis]
        )
        by_plane = tf.reshape(by_plane, [-1, size * size, num_joints, 1])
        return tf.reshape(weights * (by_plane + by_depth[:, tf.newaxis]), tf.shape(logits))

    return marginals, gradient


def expected_cells(marginals: tf.Tensor) -> tf.Tensor:
    """Returns the mean place of each joint.

    Args:
        marginals: `[batch, K, 3, size]` float32, as `volume_marginals` returns them.

    Returns:
        `[batch, K, 3]` float32: x, y and depth, counted in cells from 0.

    Reference:
        X. Sun et al., Integral Human Pose Regression, ECCV 2018, eq. 2-5.
    """
    return tf.reduce_sum(marginals * tf.range(marginals.shape[-1], dtype=marginals.dtype), axis=-1)
