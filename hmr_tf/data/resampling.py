"""The steps of one warp: cut out the part that is read, average blocks of it, read it bilinearly.

`hmr_tf.data.crops` puts them together. A saved graph runs without TensorFlow Addons, as
`tfa.image.transform` is the core operation ImageProjectiveTransformV3 in it.
"""

from __future__ import annotations

import warnings

import tensorflow as tf

with warnings.catch_warnings():
    # Addons announces the end of its development at import; this is the one place that needs it.
    warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons", category=UserWarning)
    import tensorflow_addons as tfa

# A little more than rounding can add to a place, px; beyond an image's border is black.
_ROUNDING = 0.01


def slice_around(
    image: tf.Tensor,
    center: tf.Tensor,
    reach: tf.Tensor,
    margin: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts out the upright part of the image that a crop reads, so that nothing else is converted.

    Args:
        image: `[height, width, 3]`.
        center: `[2]` float32, image px.
        reach: `[]` float32, image px, half of the side of the part.
        margin: `[]` int32, px kept beyond it.

    Returns:
        The part (at least one pixel: the nearest border when the square misses the image) and its
        top-left pixel, `[2]` float32 (x, y).
    """
    reach += tf.cast(margin, tf.float32)
    extent = tf.cast(tf.reverse(tf.shape(image)[:2], axis=[0]), tf.float32)
    first = tf.clip_by_value(tf.floor(center - reach), 0.0, extent - 1.0)
    last = tf.clip_by_value(tf.math.ceil(center + reach), first, extent - 1.0)
    start = tf.cast(tf.reverse(first, [0]), tf.int32)
    count = tf.cast(tf.reverse(last, [0]), tf.int32) - start + 1
    part = tf.slice(image, tf.concat([start, [0]], 0), tf.concat([count, [3]], 0))
    return part, first


def shrink(region: tf.Tensor, factor: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Averages blocks of about factor x factor pixels.

    Args:
        region: `[height, width, 3]` uint8 or float32.
        factor: `[]` int32.

    Returns:
        `[height', width', 3]` float32 in the range of the input, and the exact block size, `[2]`
        float32 (x, y): a side that the factor does not divide gets slightly smaller blocks.
    """
    extent = tf.shape(region)[:2]
    target = (extent + factor - 1) // factor
    shrunk = tf.raw_ops.ResizeArea(images=region[None], size=target)[0]
    step = tf.cast(tf.reverse(extent, [0]), tf.float32) / tf.cast(
        tf.reverse(target, [0]), tf.float32
    )
    return tf.ensure_shape(shrunk, [None, None, 3]), step


def is_inside(shape: tf.Tensor, linear: tf.Tensor, offset: tf.Tensor, size: int) -> tf.Tensor:
    """Returns `[]` bool: whether an upright crop surely reads nothing outside an image.

    Args:
        shape: `[3]` int32, of the image.
        linear, offset, size: as for `resample`.
    """
    corners = _corners(linear, offset, size)
    return tf.reduce_all((corners >= _ROUNDING) & (corners <= _limit(shape) - _ROUNDING))


def resample_inside(image: tf.Tensor, linear: tf.Tensor, offset: tf.Tensor, size: int) -> tf.Tensor:
    """Reads an image bilinearly at the place of each pixel of an upright crop inside it.

    Args:
        image: `[height, width, 3]` uint8 or float32.
        linear, offset, size: as for `resample`.

    Returns:
        `[size, size, 3]` float32 in the range of the image.
    """
    box = _corners(linear, offset, size) / _limit(tf.shape(image))
    box = tf.reshape(box[:, ::-1], [1, 4])
    return tf.image.crop_and_resize(image[None], box, [0], [size, size])[0]


def _corners(linear: tf.Tensor, offset: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the places of the first and the last crop pixel, `[2, 2]` (x, y)."""
    return tf.stack([offset, offset + (size - 1.0) * tf.reduce_sum(linear, axis=-1)])


def _limit(shape: tf.Tensor) -> tf.Tensor:
    """Returns the last pixel of an image of a shape, `[2]` float32 (x, y)."""
    return tf.cast(tf.reverse(shape[:2], axis=[0]), tf.float32) - 1.0


def resample(
    region: tf.Tensor, linear: tf.Tensor, offset: tf.Tensor, size: int, is_upright: tf.Tensor
) -> tf.Tensor:
    """Reads a region bilinearly at the place of each crop pixel, and its border outside.

    An upright crop goes through another operation, which reads the same places in a third of the
    time, as it needs no coordinates for every pixel.

    Args:
        region: `[height, width, 3]` uint8 or float32.
        linear, offset: `[2, 2]` and `[2]` float32: region_px = linear crop_px + offset.
        size: side of the crop, px.
        is_upright: `[]` bool, whether ``linear`` is diagonal.

    Returns:
        `[size, size, 3]` float32 in the range of the region.
    """
    limit = _limit(tf.shape(region))
    corners = _corners(linear, offset, size)
    # How far the crop reaches out.
    before = tf.math.ceil(tf.maximum(_ROUNDING - tf.reduce_min(corners, axis=0), 0.0))
    after = tf.math.ceil(tf.maximum(tf.reduce_max(corners, axis=0) + _ROUNDING - limit, 0.0))
    outside = tf.stack([before, after])

    def read_upright() -> tf.Tensor:
        padded = tf.cond(
            tf.reduce_any(outside > 0),
            lambda: _repeat_border(region, tf.cast(outside, tf.int32)),
            lambda: region,
        )
        return resample_inside(padded, linear, offset + before, size)

    def read_anyhow() -> tf.Tensor:
        coefficients = tf.concat([linear, offset[:, None]], axis=-1)
        transform = tf.concat([tf.reshape(coefficients, [6]), tf.zeros([2])], axis=0)
        return tfa.image.transform(
            tf.cast(region, tf.float32),
            transform,
            interpolation="bilinear",
            fill_mode="nearest",
            output_shape=[size, size],
        )

    # A crop far off the image would need a huge border.
    return tf.cond(is_upright & tf.reduce_all(outside < 2.0 * size), read_upright, read_anyhow)


def _repeat_border(region: tf.Tensor, outside: tf.Tensor) -> tf.Tensor:
    """Extends a region by copies of its border pixels.

    Args:
        region: `[height, width, 3]` uint8 or float32.
        outside: `[2, 2]` int32, columns and rows to add before, and after.

    Returns:
        The larger region.
    """
    (left, top), (right, bottom) = (tf.unstack(counts) for counts in tf.unstack(outside))
    left_part = tf.tile(region[:, :1], [1, left, 1])
    right_part = tf.tile(region[:, -1:], [1, right, 1])
    region = tf.concat([left_part, region, right_part], axis=1)
    top_part = tf.tile(region[:1], [top, 1, 1])
    bottom_part = tf.tile(region[-1:], [bottom, 1, 1])
    return tf.concat([top_part, region, bottom_part], axis=0)
