"""A stacked hourglass that draws volumes: for each point of a body, where it is in space.

Layers are named by stack and place: `stack0_level2_up` is a unit of the first hourglass at a
quarter of its resolution.

Reference: A. Newell, K. Yang and J. Deng, Stacked Hourglass Networks for Human Pose Estimation,
ECCV 2016; M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.errors import ConfigError

STRIDE = 4  # px of the image in a voxel's column
LEVELS = 4  # halvings within an hourglass
_NORM = {"momentum": 0.9, "epsilon": 1e-5, "scale": False}


@tf.keras.utils.register_keras_serializable("hmr_tf")
class StandardizedImages(tf.keras.layers.Layer):
    """Images less their own mean over their own deviation.

    Call: ``[batch, size, size, 3]`` float32 in [0, 1] -> the same shape.
    """

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Returns what the class says."""
        # The least deviation is one of pixels from 0 to 255, as in the release.
        return tf.image.per_image_standardization(255.0 * images)


@tf.keras.utils.register_keras_serializable("hmr_tf")
class Residual(tf.keras.layers.Layer):
    """Three convolutions, each after normalisation and ReLU, beside a skip.

    Args:
        filters: number of channels given. The skip is a convolution if it differs from that taken.

    Attributes:
        norms, convs: the three, in order.
        skip: the skip's convolution, or None.

    Call: ``[batch, height, width, channels]`` -> ``[batch, height, width, filters]``.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.norms = [_norm(f"norm{i}", self.dtype_policy) for i in (1, 2, 3)]
        self.convs = [
            _conv(filters // 2, 1, "conv1", self.dtype_policy),
            _conv(filters // 2, 3, "conv2", self.dtype_policy),
            _conv(filters, 1, "conv3", self.dtype_policy),
        ]
        self.skip = None

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        channels = [int(input_shape[-1]), self.filters // 2, self.filters // 2]
        for norm, conv, count in zip(self.norms, self.convs, channels):
            for part in (norm, conv):
                with tf.name_scope(part.name):
                    part.build([None, None, None, count])
        if channels[0] != self.filters:
            self.skip = _conv(self.filters, 1, "skip", self.dtype_policy)
            with tf.name_scope("skip"):
                self.skip.build(input_shape)
        super().build(input_shape)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the class says."""
        y = x
        for norm, conv in zip(self.norms, self.convs):
            y = conv(tf.nn.relu(norm(y, training=training)))
        return y + (x if self.skip is None else self.skip(x))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        return {**super().get_config(), "filters": self.filters}


def build_hourglass(
    image_size: int,
    num_maps: int,
    depths: int = 16,
    num_stacks: int = 5,
    width: int = 256,
    dropout: float = 0.0,
    dtype_policy: Any = "float32",
) -> tf.keras.Model:
    """Builds the network.

    The convolutions that draw the volumes compute in float32 whatever the policy.

    Args:
        image_size: side of the image, px, a multiple of 4; volumes have a quarter of it as rows and
            columns.
        num_maps: how many maps each volume has.
        depths: their number of voxels in depth.
        num_stacks: hourglasses, one after the other.
        width: channels of their units, a multiple of 8.
        dropout: share dropped, while training, of what an hourglass hands to the next, and of what
            the last one's volume is drawn from. What is dropped follows from Keras's own state.
        dtype_policy: Keras dtype policy or its name.

    Returns:
        A model from images ``[batch, size, size, 3]`` float32 RGB in [0, 1] to a list: of each
        stack the logits ``[batch, rows, columns, depths, num_maps]`` float32, and last the features
        ``[batch, width]`` float32, the mean of the last stack's map.

    Raises:
        ConfigError: if the image's side or the width is no such multiple.
    """
    if image_size % STRIDE or width % 8 or num_stacks < 1:
        raise ConfigError(
            f"An hourglass needs an image_size that is a multiple of {STRIDE}, a width that is a "
            f"multiple of 8 and at least one stack; received {image_size}, {width}, {num_stacks}."
        )
    policy = tf.keras.mixed_precision.Policy(dtype_policy)
    images = tf.keras.Input([image_size, image_size, 3], name="images")
    x = StandardizedImages(name="standardized", dtype="float32")(images)
    x = _stem(x, width, policy)
    found = []
    for stack in range(num_stacks):
        name, is_last = f"stack{stack}", stack == num_stacks - 1
        seen = _conv(width, 1, f"{name}_seen", policy)(_hourglass(x, width, name, 0, policy))
        seen = _norm(f"{name}_seen_norm", policy)(seen)
        seen = tf.keras.layers.ReLU(name=f"{name}_seen_relu", dtype=policy)(seen)
        drop = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout", dtype=policy)
        draw = _conv(depths * num_maps, 1, f"{name}_volume", "float32")
        # The release drops nothing of what it draws from, but in the last stack.
        drawn = draw(drop(seen) if is_last else seen)
        found.append(_as_volume(drawn, depths, num_maps, name))
        if not is_last:
            merged = drop(_conv(width, 1, f"{name}_merge", policy)(seen))
            back = _conv(width, 1, f"{name}_back", policy)(drawn)
            x = tf.keras.layers.Add(name=f"{name}_sum", dtype=policy)([x, merged, back])
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool", dtype="float32")(seen)
    return tf.keras.Model(images, [*found, features], name="hourglass")


def residual_names(num_stacks: int) -> list[str]:
    """Returns the names of all `Residual` layers, in the order in which the release makes them."""
    names = ["stem_0", "stem_1", "stem_2"]
    for stack in range(num_stacks):
        levels = range(LEVELS)
        names += [f"stack{stack}_level{i}_{part}" for i in levels for part in ("up", "in")]
        names.append(f"stack{stack}_level{LEVELS - 1}_mid")
        names += [f"stack{stack}_level{i}_out" for i in reversed(levels)]
    return names


def _stem(x: tf.Tensor, width: int, policy: Any) -> tf.Tensor:
    """A quarter of the image's resolution."""
    x = tf.keras.layers.ZeroPadding2D(2, name="stem_pad", dtype=policy)(x)
    x = _conv(width // 4, 6, "stem", policy, strides=2, padding="valid")(x)
    x = Residual(width // 2, name="stem_0", dtype=policy)(x)
    x = _halved(x, "stem_pool", policy)
    x = Residual(width // 2, name="stem_1", dtype=policy)(x)
    return Residual(width, name="stem_2", dtype=policy)(x)


def _hourglass(x: tf.Tensor, width: int, stack: str, level: int, policy: Any) -> tf.Tensor:
    """One hourglass from a level down."""

    def unit(y: tf.Tensor, part: str) -> tf.Tensor:
        return Residual(width, name=f"{stack}_level{level}_{part}", dtype=policy)(y)

    up = unit(x, "up")
    y = unit(_halved(x, f"{stack}_level{level}_pool", policy), "in")
    y = unit(y, "mid") if level == LEVELS - 1 else _hourglass(y, width, stack, level + 1, policy)
    y = unit(y, "out")
    y = tf.keras.layers.UpSampling2D(name=f"{stack}_level{level}_double", dtype=policy)(y)
    if y.shape[1] != x.shape[1]:  # An odd number of cells was halved.
        cut = ((0, 1), (0, 1))
        y = tf.keras.layers.Cropping2D(cut, name=f"{stack}_level{level}_cut", dtype=policy)(y)
    return tf.keras.layers.Add(name=f"{stack}_level{level}_sum", dtype=policy)([up, y])


def _halved(x: tf.Tensor, name: str, policy: Any) -> tf.Tensor:
    return tf.keras.layers.MaxPool2D(padding="same", name=name, dtype=policy)(x)


def _as_volume(drawn: tf.Tensor, depths: int, num_maps: int, name: str) -> tf.Tensor:
    """Channel = depth * num_maps + map."""
    shape = [*drawn.shape[1:3], depths, num_maps]
    return tf.keras.layers.Reshape(shape, name=f"{name}_logits", dtype="float32")(drawn)


def _conv(
    filters: int, kernel: int, name: str, policy: Any, strides: int = 1, padding: str = "same"
) -> tf.keras.layers.Conv2D:
    return tf.keras.layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=tf.keras.initializers.GlorotNormal(),
        name=name,
        dtype=policy,
    )


def _norm(name: str, policy: Any) -> tf.keras.layers.BatchNormalization:
    return tf.keras.layers.BatchNormalization(name=name, dtype=policy, **_NORM)
