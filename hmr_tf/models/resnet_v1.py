"""ResNet-50 v1.5 as in torchvision, for the weights of the PyTorch releases (SPIN, mmhuman3d).

`tf.keras.applications.ResNet50` cannot hold them: it strides on the first 1x1 convolution, adds
biases and uses another epsilon.

Reference: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.models.padded_conv import PaddedConv2D

_EPSILON = 1e-5
_MOMENTUM = 0.9  # torch writes the same as 0.1
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_DEPTHS = (3, 4, 6, 3)
_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4


def _conv_norm(
    x: tf.Tensor, filters: int, kernel: int, stride: int, names: tuple[str, str], policy: Any
) -> tf.Tensor:
    x = PaddedConv2D(
        filters,
        kernel,
        zeros=kernel // 2,
        strides=stride,
        use_bias=False,
        kernel_initializer="he_normal",
        name=names[0],
        dtype=policy,
    )(x)
    return tf.keras.layers.BatchNormalization(
        epsilon=_EPSILON, momentum=_MOMENTUM, name=names[1], dtype=policy
    )(x)


def _bottleneck(
    x: tf.Tensor, name: str, width: int, stride: int, project: bool, policy: Any
) -> tf.Tensor:
    """One unit: 1x1, 3x3 (which strides), 1x1, then the sum, then ReLU."""

    def relu(tensor: tf.Tensor, part: str) -> tf.Tensor:
        return tf.keras.layers.ReLU(name=f"{name}_{part}", dtype=policy)(tensor)

    out = width * _EXPANSION
    shortcut = x
    if project:
        names = (f"{name}_downsample_0", f"{name}_downsample_1")
        shortcut = _conv_norm(x, out, 1, stride, names, policy)
    y = relu(_conv_norm(x, width, 1, 1, (f"{name}_conv1", f"{name}_bn1"), policy), "relu1")
    y = relu(_conv_norm(y, width, 3, stride, (f"{name}_conv2", f"{name}_bn2"), policy), "relu2")
    y = _conv_norm(y, out, 1, 1, (f"{name}_conv3", f"{name}_bn3"), policy)
    y = tf.keras.layers.Add(name=f"{name}_add", dtype=policy)([shortcut, y])
    return relu(y, "out")


def resnet50_v1(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """Builds ResNet-50 v1.5.

    Layer names follow torchvision's with `_` for `.`, e.g. `layer1_0_conv1`,
    `layer1_0_downsample_0`.

    Args:
        image_size: side of the square input, px.
        pool: not used; this network has one fixed pool (3x3 stride 2, 1 px of padding all round).
        dtype_policy: Keras dtype policy or its name.

    Returns:
        A model from images ``[batch, image_size, image_size, 3]`` float32 RGB in [0, 1], normalised
        inside with ImageNet's mean and deviation, to features ``[batch, 2048]`` float32.
    """
    del pool
    images = tf.keras.Input([image_size, image_size, 3], name="images", dtype=tf.float32)
    x = tf.keras.layers.Rescaling(
        [1.0 / std for std in _STD],
        offset=[-mean / std for mean, std in zip(_MEAN, _STD)],
        name="normalize",
        dtype="float32",
    )(images)
    x = _conv_norm(x, 64, 7, 2, ("conv1", "bn1"), dtype_policy)
    x = tf.keras.layers.ReLU(name="relu", dtype=dtype_policy)(x)
    # Zeros equal minus infinity here: what they border is not negative.
    x = tf.keras.layers.ZeroPadding2D(1, name="maxpool_pad", dtype=dtype_policy)(x)
    x = tf.keras.layers.MaxPooling2D(3, strides=2, name="maxpool", dtype=dtype_policy)(x)
    for index, (depth, width) in enumerate(zip(_DEPTHS, _WIDTHS)):
        for unit in range(depth):
            stride = 2 if unit == 0 and index > 0 else 1
            name = f"layer{index + 1}_{unit}"
            x = _bottleneck(x, name, width, stride, unit == 0, dtype_policy)
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(x)
    return tf.keras.Model(images, features, name="resnet50_v1")
