"""HRNet-W48: branches at four resolutions that see each other again and again.

Layers are named as in the PyTorch release, with `_` for its dots and `-` for its underscores, e.g.
`stage3_1_branches_0_2_conv1`.

Reference: J. Wang et al., Deep High-Resolution Representation Learning for Visual Recognition,
TPAMI 2020; the features are those of its classification head.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.models import resnet_v1

_WIDTHS = (48, 96, 192, 384)
_MODULES = (1, 4, 3)  # of stages 2 to 4
_UNITS = 4
_HEAD_WIDTHS = (32, 64, 128, 256)
_NUM_FEATURES = 2048


class _Builder:
    """Layers under one dtype policy."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def conv_norm(
        self,
        x: tf.Tensor,
        filters: int,
        kernel: int,
        stride: int,
        name: str,
        relu: bool = True,
        use_bias: bool = False,
    ) -> tf.Tensor:
        """Convolution `NAME_0`, normalisation `NAME_1` and, if wanted, ReLU."""
        names = (f"{name}_0", f"{name}_1")
        x = resnet_v1.conv_norm(x, filters, kernel, stride, names, self._policy, use_bias)
        return self.relu(x, f"{name}_relu") if relu else x

    def relu(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return tf.keras.layers.ReLU(name=name, dtype=self._policy)(x)

    def add(self, parts: list[tf.Tensor], name: str) -> tf.Tensor:
        return tf.keras.layers.Add(name=name, dtype=self._policy)(parts)

    def units(self, x: tf.Tensor, name: str, width: int, expansion: int, count: int) -> tf.Tensor:
        """Residual units `NAME_0`, `NAME_1` and so on; the first of bottlenecks projects."""
        for unit in range(count):
            project = expansion > 1 and unit == 0
            x = resnet_v1.residual_unit(
                x, f"{name}_{unit}", width, expansion, 1, project, self._policy
            )
        return x

    def narrower(self, x: tf.Tensor, to: int, steps: int, name: str, last_relu: bool) -> tf.Tensor:
        """Halves the resolution `steps` times; the last step gives the branch's width."""
        for step in range(steps):
            is_last = step == steps - 1
            width = _WIDTHS[to] if is_last else x.shape[-1]
            x = self.conv_norm(x, width, 3, 2, f"{name}_{step}", relu=last_relu or not is_last)
        return x

    def module(self, branches: list[tf.Tensor], name: str) -> list[tf.Tensor]:
        """Units in each branch, then sums over all branches at each resolution."""
        branches = [
            self.units(x, f"{name}_branches_{branch}", _WIDTHS[branch], 1, _UNITS)
            for branch, x in enumerate(branches)
        ]
        fused = []
        for to in range(len(branches)):
            parts = [
                self._fused(x, to, source, f"{name}_fuse-layers_{to}_{source}")
                for source, x in enumerate(branches)
            ]
            total = self.add(parts, f"{name}_fuse-layers_{to}_add")
            fused.append(self.relu(total, f"{name}_fuse-layers_{to}_relu"))
        return fused

    def _fused(self, x: tf.Tensor, to: int, source: int, name: str) -> tf.Tensor:
        if source == to:
            return x
        if source < to:
            return self.narrower(x, to, to - source, name, last_relu=False)
        x = self.conv_norm(x, _WIDTHS[to], 1, 1, name, relu=False)
        return tf.keras.layers.UpSampling2D(
            2 ** (source - to), name=f"{name}_up", dtype=self._policy
        )(x)

    def head(self, branches: list[tf.Tensor]) -> tf.Tensor:
        """The classification head up to its pool."""
        y = None
        for index, (x, width) in enumerate(zip(branches, _HEAD_WIDTHS)):
            x = self.units(x, f"incre-modules_{index}", width, 4, 1)
            if y is not None:
                name = f"downsamp-modules_{index - 1}"
                y = self.conv_norm(y, 4 * width, 3, 2, name, use_bias=True)
                x = self.add([x, y], f"{name}_add")
            y = x
        return self.conv_norm(y, _NUM_FEATURES, 1, 1, "final-feat-layer", use_bias=True)


def hrnet_w48(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """HRNet-W48: 2048 features; layer `map` is the finest branch, a quarter of the image.

    `pool` is not used. The side of the image is a multiple of 32.
    """
    build = _Builder(dtype_policy)
    images, x = resnet_v1.normalized_input(
        image_size, resnet_v1.IMAGENET_MEAN, resnet_v1.IMAGENET_DEVIATION
    )
    for number in (1, 2):
        names = (f"conv{number}", f"bn{number}")
        x = resnet_v1.conv_norm(x, 64, 3, 2, names, dtype_policy)
        x = build.relu(x, f"relu{number}")
    x = build.units(x, "layer1", 64, 4, 4)
    branches = [build.conv_norm(x, _WIDTHS[0], 3, 1, "transition1_0")]
    for index, modules in enumerate(_MODULES, 1):
        # The new branch comes from the coarsest there is.
        coarsest = x if index == 1 else branches[-1]
        branches.append(build.narrower(coarsest, index, 1, f"transition{index}_{index}", True))
        for module in range(modules):
            branches = build.module(branches, f"stage{index + 1}_{module}")
    finest = tf.keras.layers.Activation("linear", name="map", dtype=dtype_policy)(branches[0])
    features = build.head([finest, *branches[1:]])
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(features)
    return tf.keras.Model(images, features, name="hrnet_w48")
