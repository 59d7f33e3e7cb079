"""A denoising autoencoder: points of a body, misplaced or missing, to where they should be.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.models.elu_dense import elu_dense


def build_autoencoder(
    num_points: int = 41, width: int = 1024, dropout: float = 0.0
) -> tf.keras.Model:
    """Builds the network, which begins by changing nothing.

    Args:
        num_points: K.
        width: units of the outer layers; the bottleneck has half as many.
        dropout: share of the coordinates, and of the bottleneck, that is dropped while training;
            the release's is 0.2. It hides small errors, and which points are missing from the
            residual it does not hide at all: zeroing whole points of the input does better.

    Returns:
        A model from points ``[batch, K, 3]`` float32, m, from the root, to the same.
    """
    points = tf.keras.Input([num_points, 3], name="points")
    flat = tf.keras.layers.Flatten(name="flat")(points)
    x = tf.keras.layers.Dropout(dropout, name="dropout_points", dtype="float32")(flat)
    outer = elu_dense(x, width, "encoder_1")
    inner = elu_dense(outer, width, "encoder_2")
    x = elu_dense(inner, width // 2, "bottleneck")
    x = tf.keras.layers.Dropout(dropout, name="dropout_bottleneck", dtype="float32")(x)
    x = elu_dense(x, width, "decoder_2")
    x = tf.keras.layers.Add(name="inner_skip", dtype="float32")([x, inner])
    x = elu_dense(x, width, "decoder_1")
    x = tf.keras.layers.Add(name="outer_skip", dtype="float32")([x, outer])
    # Zeros: with random weights it would at first do more harm than the noise.
    last = tf.keras.layers.Dense(
        3 * num_points, kernel_initializer="zeros", name="correction", dtype="float32"
    )
    x = tf.keras.layers.Add(name="residual", dtype="float32")([flat, last(x)])
    x = tf.keras.layers.Reshape([num_points, 3], name="denoised")(x)
    return tf.keras.Model(points, x, name="autoencoder")
