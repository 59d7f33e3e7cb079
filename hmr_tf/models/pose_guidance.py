"""A 2D pose shown to an image encoder: drawn as maps that join its features after the stem.

Reference: H. Choi et al., Learning to Estimate Robust 3D Human Mesh from In-the-Wild Crowded
Scenes, CVPR 2022 (3DCrowdNet), and SGRE's release.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import encoders
from hmr_tf.models.padded_conv import PaddedConv2D

# Of the Gaussians, as a share of the crop: 2.5 cells of 64.
SIGMA = 2.5 / 64.0
COLORS = ("raw", "imagenet")
# Last layer of the stem: torchvision's networks and the pre-activation ones.
_STEMS = ("maxpool", "pool1_pool")
_DEVIATION = 0.001
_EPSILON = 1e-5
_MOMENTUM = 0.9


class GuidedEncoder(NamedTuple):
    """An encoder in two parts, between which the pose is shown.

    Attributes:
        stem: images ``[batch, size, size, 3]`` to features ``[batch, s, s, C]``.
        fusion: (these features, maps ``[batch, s, s, K]``) to features of the same shape.
        trunk: these to the last map ``[batch, g, g, F]``.
    """

    stem: tf.keras.Model
    fusion: tf.keras.Model
    trunk: tf.keras.Model


def gaussian_maps(pose_2d: tf.Tensor, size: int) -> tf.Tensor:
    """Draws a pose, a map for each joint, in which its visibility is the peak.

    Cell i of n stands for i / n of the crop.

    Args:
        pose_2d: `[batch, K, 3]` float32 (x, y, visibility), crop units.
        size: side of the maps.

    Returns:
        `[batch, size, size, K]` float32; zeros for joints that are not visible.
    """
    places = 0.5 * (pose_2d[..., :2] + 1.0)
    centres = tf.range(size, dtype=tf.float32) / size
    distances = (centres - places[..., tf.newaxis]) / SIGMA
    by_x, by_y = tf.unstack(tf.exp(-0.5 * tf.square(distances)), axis=2)
    return tf.einsum("bky,bkx,bk->byxk", by_y, by_x, pose_2d[..., 2])


def guided(
    encoder: tf.keras.Model, num_joints: int, colors: str, dtype_policy: Any
) -> GuidedEncoder:
    """Splits an encoder after its stem, and makes what joins the pose to its features there.

    Args:
        encoder: a network of `encoders.build_encoder`, whose layers are shared.
        num_joints: K.
        colors: `imagenet` for images as the encoder normalises them, `raw` for images in [0, 1].
        dtype_policy: Keras dtype policy of the encoder, or its name.

    Raises:
        ConfigError: if the encoder has no such stem.
    """
    names = {layer.name for layer in encoder.layers}
    ends = [name for name in _STEMS if name in names]
    if not ends:
        raise ConfigError(
            f"The encoder '{encoder.name}' has no stem with a pool, after which a pose could be "
            "shown to it; take one of the ResNets."
        )
    end = encoder.get_layer(ends[0]).output
    begin = encoder.get_layer("normalize").output if colors == "raw" else encoder.input
    last_map = encoders.with_map(encoder).outputs[1]
    return GuidedEncoder(
        stem=tf.keras.Model(begin, end, name="stem"),
        fusion=_fusion(end.shape[1:], num_joints, dtype_policy),
        trunk=tf.keras.Model(end, last_map, name="trunk"),
    )


def _fusion(shape: Any, num_joints: int, dtype_policy: Any) -> tf.keras.Model:
    """A 3x3 convolution of features and maps, in this order, that replaces the features."""
    policy = tf.keras.mixed_precision.Policy(dtype_policy)
    features = tf.keras.Input(shape, name="features", dtype=policy.compute_dtype)
    maps = tf.keras.Input([*shape[:2], num_joints], name="maps", dtype=policy.compute_dtype)
    x = tf.keras.layers.Concatenate(name="concat", dtype=policy)([features, maps])
    x = PaddedConv2D(
        shape[-1],
        3,
        zeros=1,
        kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
        name="conv",
        dtype=policy,
    )(x)
    x = tf.keras.layers.BatchNormalization(
        epsilon=_EPSILON, momentum=_MOMENTUM, name="norm", dtype=policy
    )(x)
    x = tf.keras.layers.ReLU(name="relu", dtype=policy)(x)
    return tf.keras.Model([features, maps], x, name="fusion")
