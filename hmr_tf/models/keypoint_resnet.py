"""A small residual network that finds the keypoints first and describes the person at them.

From random weights a network that pools its last map learns slowly where limbs are. This one draws
a heatmap per keypoint, which can be trained directly (`losses.heatmap_loss`), and gives the
regressor what it sees there: place, depth, certainty and local features of every keypoint beside
the pooled map.

Reference: X. Sun et al., Integral Human Pose Regression, ECCV 2018 (places from heatmaps); D. Mehta
et al., VNect, SIGGRAPH 2017 (depth read at the heatmap); M. Kocabas et al., PARE, ICCV 2021
(features pooled by part).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.models import resnet_v2

NUM_KEYPOINTS = 19
_LOCAL_FEATURES = 16
_HEAD_WIDTH = 96
_SPEC = resnet_v2.ResNetV2Spec(
    "resnet_keypoints_v2",
    (2, 2, 2),
    (48, 96, 192),
    stem_width=32,
    stem_kernel=3,
    momentum=0.99,
)


@tf.keras.utils.register_keras_serializable("hmr_tf")
class KeypointPool(tf.keras.layers.Layer):
    """Reads maps at the keypoints.

    Call: (heatmap logits ``[batch, h, w, K]``, depth maps ``[batch, h, w, K]``, features
    ``[batch, h, w, F]``) -> (features ``[batch, K * (4 + F)]`` float32: x and y of each keypoint in
    crop units, its depth, the peak of its heatmap, and its features, each a mean over the map
    weighted by the softmax of the heatmap; depths ``[batch, K]``).
    """

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the class says."""
        logits, depths, features = (tf.cast(map_, tf.float32) for map_ in inputs)
        _, height, width, num_keypoints = logits.shape
        num_cells = height * width
        weights = tf.nn.softmax(tf.reshape(logits, [-1, num_cells, num_keypoints]), axis=1)
        places = tf.einsum("bck,cd->bkd", weights, cell_centres(height, width))
        depths = tf.reshape(depths, [-1, num_cells, num_keypoints])
        depths = tf.reduce_sum(weights * depths, axis=1)
        features = tf.reshape(features, [-1, num_cells, features.shape[-1]])
        local = tf.einsum("bck,bcf->bkf", weights, features)
        parts = [
            tf.reshape(places, [-1, 2 * num_keypoints]),
            depths,
            tf.reduce_max(weights, axis=1),
            tf.reshape(local, [-1, num_keypoints * local.shape[-1]]),
        ]
        return tf.concat(parts, axis=-1), depths


def cell_centres(height: int, width: int) -> np.ndarray:
    """Returns the `[height * width, 2]` float32 centres (x, y) of a map's cells in crop units."""
    x = (np.arange(width) + 0.5) / width * 2.0 - 1.0
    y = (np.arange(height) + 0.5) / height * 2.0 - 1.0
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


def resnet_keypoints_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """Three pre-activation stages and heatmaps at an eighth of the image: 2 million parameters.

    Returns:
        A model from images ``[batch, size, size, 3]`` float32 RGB in [0, 1] to a dict of `features`
        ``[batch, 572]`` float32, `heatmaps` ``[batch, size / 8, size / 8, 19]``, logits, and
        `depths` ``[batch, 19]`` m, which only training gives a meaning.
    """
    images, stages = resnet_v2.build_stages(_SPEC, image_size, pool, dtype_policy)
    builder = resnet_v2.Builder(_SPEC, dtype_policy)
    middle = builder.norm_relu(stages[1], "middle_bn", "middle_relu")
    last = builder.norm_relu(stages[2], "post_bn", "post_relu")
    coarse = builder.conv(last, _HEAD_WIDTH, 1, "head_0_conv")
    coarse = tf.keras.layers.UpSampling2D(2, name="head_up", dtype=dtype_policy)(coarse)
    height, width = middle.shape[1:3]
    coarse = coarse[:, :height, :width]  # Odd maps.
    x = tf.keras.layers.Concatenate(name="head_concat", dtype=dtype_policy)([coarse, middle])
    x = builder.conv(x, _HEAD_WIDTH, 3, "head_1_conv")
    x = builder.norm_relu(x, "head_1_bn", "head_1_relu")
    heatmaps = builder.conv(x, NUM_KEYPOINTS, 1, "heatmaps", use_bias=True)
    depths = builder.conv(x, NUM_KEYPOINTS, 1, "depths", use_bias=True)
    local = builder.conv(x, _LOCAL_FEATURES, 1, "local_features", use_bias=True)
    at_keypoints, depths = KeypointPool(name="keypoint_pool", dtype="float32")(
        [heatmaps, depths, local]
    )
    pooled = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(last)
    features = tf.keras.layers.Concatenate(name="features", dtype="float32")([at_keypoints, pooled])
    products = {outputs.FEATURES: features, outputs.HEATMAPS: heatmaps, outputs.DEPTHS: depths}
    return tf.keras.Model(images, products, name=_SPEC.name)
