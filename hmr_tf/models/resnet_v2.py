"""Pre-activation residual networks: the original's ResNet-50 v2 and a small family for laptops.

Layer names are those of `tf.keras.applications.ResNet50V2`, so that weights map by name.

Reference: K. He et al., Identity Mappings in Deep Residual Networks, ECCV 2016; the variant with
the stride on the last unit of each stage is the one in which the original HMR weights were trained.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models.padded_conv import PaddedConv2D

POOLS = ("slim", "keras", "hmr2")
_EPSILON = 1e-5
_MOMENTUM = 0.997


@dataclasses.dataclass(frozen=True)
class ResNetV2Spec:
    """The shape of one pre-activation network.

    Attributes:
        name: Keras name of the network.
        depths: units per stage.
        widths: channels of the 3x3 convolutions per stage.
        expansion: channels that a unit puts out, as a multiple of its width. 1 makes basic units of
            two 3x3 convolutions; more makes bottlenecks of 1x1, 3x3 and 1x1.
        stem_width: channels of the first convolution.
        stem_kernel: side of the first convolution's kernel.
        stride_on_last: whether a stage shrinks the map in its last unit (the last stage not at
            all), as in the original release, or in its first (the first stage not at all).
        momentum: share of the old value that the moving statistics keep at each step.
    """

    name: str
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    expansion: int = 1
    stem_width: int = 64
    stem_kernel: int = 7
    stride_on_last: bool = False
    momentum: float = _MOMENTUM


class Builder:
    """Adds named layers of one precision to a functional graph."""

    def __init__(self, spec: ResNetV2Spec, policy: Any) -> None:
        self._spec = spec
        self._policy = policy

    def norm_relu(self, x: tf.Tensor, bn_name: str, relu_name: str) -> tf.Tensor:
        x = tf.keras.layers.BatchNormalization(
            epsilon=_EPSILON, momentum=self._spec.momentum, name=bn_name, dtype=self._policy
        )(x)
        return tf.keras.layers.ReLU(name=relu_name, dtype=self._policy)(x)

    def conv(
        self,
        x: tf.Tensor,
        filters: int,
        kernel: int,
        name: str,
        stride: int = 1,
        use_bias: bool = False,
    ) -> tf.Tensor:
        return PaddedConv2D(
            filters,
            kernel,
            zeros=kernel // 2,
            strides=stride,
            use_bias=use_bias,
            kernel_initializer="he_normal",
            name=name,
            dtype=self._policy,
        )(x)

    def pool(self, x: tf.Tensor, mode: str) -> tf.Tensor:
        """The 3x3 stride 2 pool of the stem; the modes differ in what the border windows see."""
        if mode != "slim":
            x = tf.keras.layers.ZeroPadding2D(1, name="pool1_pad", dtype=self._policy)(x)
        padding = "valid" if mode == "keras" else "same"
        return tf.keras.layers.MaxPooling2D(
            3, strides=2, padding=padding, name="pool1_pool", dtype=self._policy
        )(x)

    def unit(self, x: tf.Tensor, name: str, width: int, stride: int, project: bool) -> tf.Tensor:
        """One residual unit; the shortcut adds the input itself unless it is projected."""
        out = width * self._spec.expansion
        active = self.norm_relu(x, f"{name}_preact_bn", f"{name}_preact_relu")
        if project:
            projection_stride = 1 if self._spec.stride_on_last else stride
            shortcut = self.conv(
                active, out, 1, f"{name}_0_conv", stride=projection_stride, use_bias=True
            )
        else:
            shortcut = x
        if stride > 1 and (not project or self._spec.stride_on_last):
            shortcut = tf.keras.layers.MaxPooling2D(
                1, strides=stride, name=f"{name}_pool", dtype=self._policy
            )(shortcut)
        if self._spec.expansion == 1:
            y = self.conv(active, width, 3, f"{name}_1_conv", stride=stride)
            y = self.norm_relu(y, f"{name}_1_bn", f"{name}_1_relu")
            y = self.conv(y, out, 3, f"{name}_2_conv", use_bias=True)
        else:
            y = self.conv(active, width, 1, f"{name}_1_conv")
            y = self.norm_relu(y, f"{name}_1_bn", f"{name}_1_relu")
            y = self.conv(y, width, 3, f"{name}_2_conv", stride=stride)
            y = self.norm_relu(y, f"{name}_2_bn", f"{name}_2_relu")
            y = self.conv(y, out, 1, f"{name}_3_conv", use_bias=True)
        return tf.keras.layers.Add(name=f"{name}_out", dtype=self._policy)([shortcut, y])

    def stage(self, x: tf.Tensor, index: int) -> tf.Tensor:
        """All units of one stage; exactly one of them may have stride 2."""
        spec = self._spec
        depth, width = spec.depths[index], spec.widths[index]
        if spec.stride_on_last:
            strided = depth - 1 if index < len(spec.depths) - 1 else None
        else:
            strided = 0 if index > 0 else None
        for unit in range(depth):
            x = self.unit(
                x,
                f"conv{index + 2}_block{unit + 1}",
                width,
                stride=2 if unit == strided else 1,
                project=unit == 0,
            )
        return x


def build_resnet_v2(
    spec: ResNetV2Spec, image_size: int, pool: str = "slim", dtype_policy: Any = "float32"
) -> tf.keras.Model:
    """Builds a pre-activation network as a functional Keras model.

    Args:
        spec: the shape of the network.
        image_size: side of the square input, px.
        pool: `slim` (3x3 stride 2, TF SAME), `keras` (1 px of zeros, then VALID) or `hmr2` (1 px of
            zeros, then SAME: what the released weights of the TF2 port were trained with).
        dtype_policy: Keras dtype policy or its name, e.g. `mixed_bfloat16`.

    Returns:
        A model from images ``[batch, image_size, image_size, 3]`` float32 RGB in [0, 1] to features
        ``[batch, widths[-1] * expansion]`` float32.
    """
    images, stages = build_stages(spec, image_size, pool, dtype_policy)
    x = Builder(spec, dtype_policy).norm_relu(stages[-1], "post_bn", "post_relu")
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(x)
    return tf.keras.Model(images, features, name=spec.name)


def build_stages(
    spec: ResNetV2Spec, image_size: int, pool: str, dtype_policy: Any
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the symbolic images and the outputs of each stage, before their normalisation.

    Raises:
        ConfigError: if `pool` is unknown.
    """
    if pool not in POOLS:
        raise ConfigError(f"Unknown pool '{pool}'; expected one of: {', '.join(POOLS)}.")
    builder = Builder(spec, dtype_policy)
    images = tf.keras.Input([image_size, image_size, 3], name="images", dtype=tf.float32)
    x = tf.keras.layers.Rescaling(2.0, offset=-1.0, name="normalize", dtype="float32")(images)
    x = builder.conv(x, spec.stem_width, spec.stem_kernel, "conv1_conv", stride=2, use_bias=True)
    x = builder.pool(x, pool)
    stages = []
    for index in range(len(spec.depths)):
        x = builder.stage(x, index)
        stages.append(x)
    return images, stages


RESNET50_V2 = ResNetV2Spec(
    "resnet50_v2", (3, 4, 6, 3), (64, 128, 256, 512), expansion=4, stride_on_last=True
)
RESNET18_V2 = ResNetV2Spec("resnet18_v2", (2, 2, 2, 2), (64, 128, 256, 512), momentum=0.99)
RESNET_SMALL_V2 = ResNetV2Spec(
    "resnet_small_v2",
    (2, 2, 2, 2),
    (32, 64, 128, 256),
    stem_width=32,
    stem_kernel=3,
    momentum=0.99,
)
RESNET_MEDIUM_V2 = ResNetV2Spec(
    "resnet_medium_v2",
    (2, 2, 2, 2),
    (48, 96, 192, 384),
    stem_width=48,
    stem_kernel=3,
    momentum=0.99,
)


def resnet50_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-50 v2 of the original release: 23,519,360 trainable parameters, 2048 features."""
    return build_resnet_v2(RESNET50_V2, image_size, pool, dtype_policy)


def resnet18_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """ResNet-18 v2: about 11 million parameters, 512 features."""
    return build_resnet_v2(RESNET18_V2, image_size, pool, dtype_policy)


def resnet_small_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """A narrow ResNet-18 for laptops: 2.8 million parameters, 256 features."""
    return build_resnet_v2(RESNET_SMALL_V2, image_size, pool, dtype_policy)


def resnet_medium_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """Between the small one and ResNet-18: 6.3 million parameters, 384 features."""
    return build_resnet_v2(RESNET_MEDIUM_V2, image_size, pool, dtype_policy)
