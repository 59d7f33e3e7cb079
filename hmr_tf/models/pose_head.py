"""A small 2D pose estimator on an encoder's stem, for people whose pose nobody gives.

Three steps down and two up, with what was seen on the way added; a map per joint at an eighth of
the image, trained with `losses.heatmap_loss`.

Reference: T.-Y. Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017; X. Sun et
al., Integral Human Pose Regression, ECCV 2018 (places as means of maps).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.losses import HEATMAP_SIGMA
from hmr_tf.models.keypoint_resnet import cell_centres
from hmr_tf.models.resnet_v1 import conv_norm

# A joint counts as seen if more than half of its map lies this close to its mean, in cells.
_REACH = 2.5
# Of the map that `losses.heatmap_loss` wants.
_PEAK = 1.0 / (2.0 * np.pi * HEATMAP_SIGMA**2)


def build_pose_head(
    shape: tuple[int, int, int], num_joints: int, width: int, dtype_policy: Any
) -> tf.keras.Model:
    """Builds the head.

    Args:
        shape: height, width and channels of the stem's features.
        num_joints: K.
        width: channels after the first step down; twice and three times as many after the others.
        dtype_policy: Keras dtype policy or its name.

    Returns:
        A model from features ``[batch, *shape]`` to logits ``[batch, h, w, K]`` float32.
    """
    policy = tf.keras.mixed_precision.Policy(dtype_policy)
    features = tf.keras.Input(shape, name="features", dtype=policy.compute_dtype)

    def block(x: tf.Tensor, filters: int, stride: int, name: str) -> tf.Tensor:
        x = conv_norm(x, filters, 3, stride, (f"{name}_conv", f"{name}_bn"), policy)
        return tf.keras.layers.ReLU(name=f"{name}_relu", dtype=policy)(x)

    x, seen = features, []
    for step in range(3):
        x = block(block(x, (step + 1) * width, 2, f"down_{step}"), (step + 1) * width, 1, f"{step}")
        seen.append(x)
    for step in (1, 0):
        lateral = seen[step]
        x = tf.keras.layers.UpSampling2D(2, name=f"up_{step}", dtype=policy)(x)
        x = x[:, : lateral.shape[1], : lateral.shape[2]]  # Odd maps.
        names = (f"up_{step}_conv", f"up_{step}_bn")
        x = conv_norm(x, lateral.shape[-1], 1, 1, names, policy)
        x = tf.keras.layers.Add(name=f"up_{step}_sum", dtype=policy)([x, lateral])
    x = block(x, 2 * width, 1, "last")
    logits = tf.keras.layers.Conv2D(num_joints, 1, name="logits", dtype="float32")(x)
    return tf.keras.Model(features, logits, name="pose_head")


def read_pose(logits: tf.Tensor) -> tf.Tensor:
    """Returns the poses that maps show.

    Args:
        logits: `[batch, h, w, K]`.

    Returns:
        `[batch, K, 3]` float32 (x, y, visibility 0 or 1), crop units.
    """
    _, height, width, num_joints = logits.shape
    flat = tf.reshape(tf.cast(logits, tf.float32), [-1, height * width, num_joints])
    weights = tf.nn.softmax(flat, axis=1)
    cells = tf.constant(cell_centres(height, width))
    places = tf.einsum("bck,cd->bkd", weights, cells)
    reach = tf.constant([2.0 * _REACH / width, 2.0 * _REACH / height])
    is_near = tf.abs(cells[:, tf.newaxis] - places[:, tf.newaxis]) < reach
    near = tf.cast(tf.reduce_all(is_near, axis=-1), tf.float32)
    visibility = tf.cast(tf.reduce_sum(near * weights, axis=1) > 0.5, tf.float32)
    return tf.concat([places, visibility[..., tf.newaxis]], axis=-1)


def draw_maps(logits: tf.Tensor, size: int) -> tf.Tensor:
    """Draws what the maps show as `pose_guidance.gaussian_maps` draws a given pose.

    A joint that may be in two places, left and right mistaken for each other, is drawn in both, as
    faint as each of them is unlikely.

    Args:
        logits: `[batch, h, w, K]`.
        size: side of the drawing.

    Returns:
        `[batch, size, size, K]` float32; a joint whose place is certain peaks at about 1.
    """
    _, height, width, num_joints = logits.shape
    flat = tf.reshape(tf.cast(logits, tf.float32), [-1, height * width, num_joints])
    weights = tf.reshape(tf.nn.softmax(flat, axis=1), tf.shape(logits)) / _PEAK
    along_y, along_x = _resampling(height, size), _resampling(width, size)
    return tf.einsum("yh,xw,bhwk->byxk", along_y, along_x, weights)


def _resampling(count: int, size: int) -> np.ndarray:
    """Returns `[size, count]` float32: linear interpolation where cell i stands for i / size."""
    places = np.clip(np.arange(size) / size * count - 0.5, 0, count - 1)
    distances = np.abs(places[:, np.newaxis] - np.arange(count))
    return np.maximum(0.0, 1.0 - distances).astype(np.float32)
