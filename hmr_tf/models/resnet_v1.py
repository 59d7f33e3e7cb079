"""ResNets v1.5 as in torchvision, for its weights and those of the PyTorch releases.

`tf.keras.applications.ResNet50` cannot hold them: it strides on the first 1x1 convolution, adds
biases and uses another epsilon.

Reference: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from hmr_tf.models.padded_conv import PaddedConv2D

_EPSILON = 1e-5
_MOMENTUM = 0.9  # torch writes the same as 0.1
_WIDTHS = (64, 128, 256, 512)
# RGB in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class ResNetV1Spec:
    """The shape of one network.

    Attributes:
        name: Keras name of the network.
        depths: units per stage.
        expansion: 1 makes basic units of two 3x3 convolutions; 4 makes bottlenecks of 1x1, 3x3 and
            1x1 that put out four times the width.
        mean, deviation: of each colour channel, RGB in [0, 1]; what the images are normalised with.
    """

    name: str
    depths: tuple[int, ...]
    expansion: int = 4
    mean: tuple[float, float, float] = IMAGENET_MEAN
    deviation: tuple[float, float, float] = IMAGENET_DEVIATION


def conv_norm(
    x: tf.Tensor,
    filters: int,
    kernel: int,
    stride: int,
    names: tuple[str, str],
    policy: Any,
    use_bias: bool = False,
) -> tf.Tensor:
    """Convolves and normalises; `names` are those of the two layers."""
    x = PaddedConv2D(
        filters,
        kernel,
        zeros=kernel // 2,
        strides=stride,
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=names[0],
        dtype=policy,
    )(x)
    return tf.keras.layers.BatchNormalization(
        epsilon=_EPSILON, momentum=_MOMENTUM, name=names[1], dtype=policy
    )(x)


def residual_unit(
    x: tf.Tensor,
    name: str,
    width: int,
    expansion: int,
    stride: int,
    project: bool,
    policy: Any,
) -> tf.Tensor:
    """One unit: convolutions (the first 3x3 strides), then the sum, then ReLU."""

    def relu(tensor: tf.Tensor, part: str) -> tf.Tensor:
        return tf.keras.layers.ReLU(name=f"{name}_{part}", dtype=policy)(tensor)

    out = width * expansion
    shortcut = x
    if project:
        names = (f"{name}_downsample_0", f"{name}_downsample_1")
        shortcut = conv_norm(x, out, 1, stride, names, policy)
    if expansion == 1:
        y = relu(conv_norm(x, width, 3, stride, (f"{name}_conv1", f"{name}_bn1"), policy), "relu1")
        y = conv_norm(y, out, 3, 1, (f"{name}_conv2", f"{name}_bn2"), policy)
    else:
        y = relu(conv_norm(x, width, 1, 1, (f"{name}_conv1", f"{name}_bn1"), policy), "relu1")
        y = relu(conv_norm(y, width, 3, stride, (f"{name}_conv2", f"{name}_bn2"), policy), "relu2")
        y = conv_norm(y, out, 1, 1, (f"{name}_conv3", f"{name}_bn3"), policy)
    y = tf.keras.layers.Add(name=f"{name}_add", dtype=policy)([shortcut, y])
    return relu(y, "out")


def normalized_input(
    image_size: int, means: Sequence[float], deviations: Sequence[float]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the input of a network, images in [0, 1], and the same normalised."""
    images = tf.keras.Input([image_size, image_size, 3], name="images", dtype=tf.float32)
    normalized = tf.keras.layers.Rescaling(
        [1.0 / deviation for deviation in deviations],
        offset=[-mean / deviation for mean, deviation in zip(means, deviations)],
        name="normalize",
        dtype="float32",
    )(images)
    return images, normalized


def build_resnet_v1(
    spec: ResNetV1Spec, image_size: int, dtype_policy: Any = "float32"
) -> tf.keras.Model:
    """Builds a network as a functional Keras model.

    Layer names follow torchvision's with `_` for `.`, e.g. `layer1_0_conv1`,
    `layer1_0_downsample_0`. The pool is 3x3 with stride 2 and 1 px of padding all round.

    Args:
        spec: the shape of the network.
        image_size: side of the square input, px.
        dtype_policy: Keras dtype policy or its name.

    Returns:
        A model from images ``[batch, image_size, image_size, 3]`` float32 RGB in [0, 1], normalised
        inside, to features ``[batch, 512 * expansion]`` float32.
    """
    images, x = normalized_input(image_size, spec.mean, spec.deviation)
    x = conv_norm(x, 64, 7, 2, ("conv1", "bn1"), dtype_policy)
    x = tf.keras.layers.ReLU(name="relu", dtype=dtype_policy)(x)
    # Zeros equal minus infinity here: what they border is not negative.
    x = tf.keras.layers.ZeroPadding2D(1, name="maxpool_pad", dtype=dtype_policy)(x)
    x = tf.keras.layers.MaxPooling2D(3, strides=2, name="maxpool", dtype=dtype_policy)(x)
    for index, (depth, width) in enumerate(zip(spec.depths, _WIDTHS)):
        for unit in range(depth):
            stride = 2 if unit == 0 and index > 0 else 1
            project = unit == 0 and (index > 0 or spec.expansion > 1)
            name = f"layer{index + 1}_{unit}"
            x = residual_unit(x, name, width, spec.expansion, stride, project, dtype_policy)
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(x)
    return tf.keras.Model(images, features, name=spec.name)


RESNET18_V1 = ResNetV1Spec("resnet18_v1", (2, 2, 2, 2), expansion=1)
RESNET34_V1 = ResNetV1Spec("resnet34_v1", (3, 4, 6, 3), expansion=1)
RESNET50_V1 = ResNetV1Spec("resnet50_v1", (3, 4, 6, 3))
RESNET101_V1 = ResNetV1Spec("resnet101_v1", (3, 4, 23, 3))
# Images in [-1, 1], as pytorch_HMR has them.
RESNET50_V1_SIGNED = ResNetV1Spec(
    "resnet50_v1_signed", (3, 4, 6, 3), mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5)
)


def resnet18_v1(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-18: 512 features. `pool` is not used, here and below: there is one fixed pool."""
    return build_resnet_v1(RESNET18_V1, image_size, dtype_policy)


def resnet34_v1(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-34: 512 features."""
    return build_resnet_v1(RESNET34_V1, image_size, dtype_policy)


def resnet50_v1(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-50 v1.5 of SPIN and mmhuman3d: 2048 features."""
    return build_resnet_v1(RESNET50_V1, image_size, dtype_policy)


def resnet101_v1(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-101 v1.5: 2048 features."""
    return build_resnet_v1(RESNET101_V1, image_size, dtype_policy)


def resnet50_v1_signed(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-50 v1.5 of pytorch_HMR, which shows it images in [-1, 1]: 2048 features."""
    return build_resnet_v1(RESNET50_V1_SIGNED, image_size, dtype_policy)
