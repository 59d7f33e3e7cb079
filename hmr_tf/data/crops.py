"""The one crop: one affine and one bilinear resample, for training, prediction and exported models.

A crop is given by the centre and the side (the window) of a square in the image, by an in-plane
rotation about that centre and by a mirror. With k = size / window an image point lands at

    crop_px = k R (image_px - center) + size / 2,    then  x := size - 1 - x  if mirrored,

where R turns x (right) towards y (down), so that a positive angle turns the picture clockwise on
the screen. Pixel coordinates have their origin at the centre of the top-left pixel. Crop units are
2 crop_px / size - 1. Without rotation this is the crop of the original HMR release; its mirror is
the reversal of the crop's columns, as there.

Outside the image its border pixels are repeated. Where a crop pixel covers two image pixels or
more, an integer area average comes first, so that the bilinear resample never skips pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from hmr_tf.data import resampling
from hmr_tf.data.images import decode_image

__all__ = [
    "CropPlan",
    "crop_affine",
    "crop_boxes",
    "crop_image",
    "crop_units_to_pixels",
    "decode_and_crop",
    "decode_image",
    "invert_affine",
    "pixels_to_crop_units",
    "plan_crop",
    "read_crop",
    "transform_points",
]


def crop_affine(
    center: tf.Tensor,
    window: tf.Tensor,
    size: int,
    rotation: tf.Tensor | float = 0.0,
    flip: tf.Tensor | bool = False,
) -> tf.Tensor:
    """Returns the affine that takes image points to crop points.

    Args:
        center: `[..., 2]` float32, image px, the point that lands at `size / 2`.
        window: `[...]` float32, image px, side of the square that fills the crop.
        size: side of the crop, px.
        rotation: `[...]` float32, radians, positive turns the picture from x towards y.
        flip: `[...]` bool, whether the crop is mirrored left to right.

    Returns:
        `[..., 2, 3]` float32: crop_px = affine[..., :2] image_px + affine[..., 2].
    """
    center = tf.cast(center, tf.float32)
    window = tf.cast(window, tf.float32)
    scale = size / window
    cosine, sine = scale * tf.cos(rotation), scale * tf.sin(rotation)
    mirror = tf.where(flip, -1.0, 1.0)
    cosine, sine, mirror = (value + tf.zeros_like(window) for value in (cosine, sine, mirror))
    row_x = tf.stack([mirror * cosine, -mirror * sine], axis=-1)
    row_y = tf.stack([sine, cosine], axis=-1)
    half = tf.constant(size / 2, tf.float32)
    target_x = tf.where(mirror < 0, size - 1 - half, half)
    offset_x = target_x - tf.reduce_sum(row_x * center, axis=-1)
    offset_y = half - tf.reduce_sum(row_y * center, axis=-1)
    return tf.stack(
        [
            tf.concat([row_x, offset_x[..., None]], axis=-1),
            tf.concat([row_y, offset_y[..., None]], axis=-1),
        ],
        axis=-2,
    )


def invert_affine(affine: tf.Tensor) -> tf.Tensor:
    """Returns the affine that undoes another.

    Args:
        affine: `[..., 2, 3]` float32.

    Returns:
        `[..., 2, 3]` float32.
    """
    a, b = affine[..., 0, 0], affine[..., 0, 1]
    c, d = affine[..., 1, 0], affine[..., 1, 1]
    determinant = a * d - b * c
    linear = tf.stack([tf.stack([d, -b], -1), tf.stack([-c, a], -1)], -2)
    linear /= determinant[..., None, None]
    offset = -tf.reduce_sum(linear * affine[..., None, :, 2], axis=-1)
    return tf.concat([linear, offset[..., None]], axis=-1)


def transform_points(points: tf.Tensor, affine: tf.Tensor) -> tf.Tensor:
    """Applies an affine to points.

    Args:
        points: `[..., num_points, 2]` float32, px.
        affine: `[..., 2, 3]` float32, from `crop_affine` or `invert_affine`.

    Returns:
        `[..., num_points, 2]` float32, px of the affine's target.
    """
    # Products and sums in float32: a matrix product may run in TF32 on a GPU.
    linear, offset = affine[..., None, :, :2], affine[..., None, :, 2]
    return tf.reduce_sum(linear * points[..., None, :], axis=-1) + offset


def pixels_to_crop_units(points: tf.Tensor, size: int) -> tf.Tensor:
    """Turns crop pixels into crop units, [-1, 1] over the crop.

    Args:
        points: `[..., 2]` float32, crop px.
        size: side of the crop, px.

    Returns:
        `[..., 2]` float32, crop units.
    """
    return points * (2.0 / size) - 1.0


def crop_units_to_pixels(points: tf.Tensor, size: int) -> tf.Tensor:
    """Turns crop units into crop pixels; the inverse of `pixels_to_crop_units`.

    Args:
        points: `[..., 2]` float32, crop units.
        size: side of the crop, px.

    Returns:
        `[..., 2]` float32, crop px.
    """
    return (points + 1.0) * (size / 2.0)


class CropPlan(NamedTuple):
    """What a crop will read, known before its image is.

    Attributes:
        linear: `[..., 2, 2]` float32, image_px = linear crop_px + offset.
        offset: `[..., 2]` float32, image px.
        center: `[..., 2]` float32, image px, centre of the square.
        reach: `[...]` float32, px, half of the side of the upright square about a turned crop.
        factor: `[...]` int32, side of the blocks of image pixels that are averaged before.
        is_upright: `[...]` bool, whether ``linear`` is diagonal.
    """

    linear: tf.Tensor
    offset: tf.Tensor
    center: tf.Tensor
    reach: tf.Tensor
    factor: tf.Tensor
    is_upright: tf.Tensor


def plan_crop(
    center: tf.Tensor,
    window: tf.Tensor,
    size: int,
    rotation: tf.Tensor | float = 0.0,
    flip: tf.Tensor | bool = False,
) -> CropPlan:
    """Works out what a crop reads; for a whole batch at once, it costs next to nothing.

    Args:
        center: `[..., 2]` float32, image px, centre of the square.
        window: `[...]` float32, image px, side of the square; it may reach out of the image.
        size: side of the crop, px.
        rotation: `[...]` float32, radians, positive turns the picture clockwise.
        flip: `[...]` bool, whether the crop is mirrored.
    """
    center = tf.cast(center, tf.float32)
    window = tf.cast(window, tf.float32)
    rotation = rotation + tf.zeros_like(window)
    to_image = invert_affine(crop_affine(center, window, size, rotation, flip))
    return CropPlan(
        linear=to_image[..., :2],
        offset=to_image[..., 2],
        center=center,
        reach=0.5 * window * (tf.abs(tf.cos(rotation)) + tf.abs(tf.sin(rotation))),
        factor=tf.maximum(tf.cast(window / size, tf.int32), 1),
        is_upright=tf.equal(rotation, 0.0),
    )


def read_crop(image: tf.Tensor, plan: CropPlan, size: int) -> tf.Tensor:
    """Takes a planned crop out of an image.

    Args:
        image: `[height, width, 3]` uint8 RGB, or float32 RGB in [0, 1].
        plan: of one crop, for the same size.
        size: side of the crop, px.

    Returns:
        `[size, size, 3]` float32 RGB in [0, 1]; the image's border is repeated outside of it.
    """
    linear, offset, is_upright = plan.linear, plan.offset, plan.is_upright

    def read_part() -> tf.Tensor:
        margin = 2 * plan.factor + 1
        region, origin = resampling.slice_around(image, plan.center, plan.reach, margin)

        def read_blocks() -> tf.Tensor:
            blocks, step = resampling.shrink(region, plan.factor)
            # Block j is centred at origin + step (j + 1/2) - 1/2 in the image.
            first = (offset - origin + 0.5) / step - 0.5
            return resampling.resample(blocks, linear / step[:, None], first, size, is_upright)

        return tf.cond(
            plan.factor > 1,
            read_blocks,
            lambda: resampling.resample(region, linear, offset - origin, size, is_upright),
        )

    crop = tf.cond(
        is_upright
        & tf.equal(plan.factor, 1)
        & resampling.is_inside(tf.shape(image), linear, offset, size),
        lambda: resampling.resample_inside(image, linear, offset, size),
        read_part,
    )
    gain = 1.0 / 255.0 if image.dtype == tf.uint8 else 1.0
    return tf.ensure_shape(crop * gain, [size, size, 3])


def crop_image(
    image: tf.Tensor,
    center: tf.Tensor,
    window: tf.Tensor,
    size: int,
    rotation: tf.Tensor | float = 0.0,
    flip: tf.Tensor | bool = False,
) -> tf.Tensor:
    """Crops a square out of an image and resamples it, in one warp.

    Args:
        image: `[height, width, 3]` uint8 RGB, or float32 RGB in [0, 1].
        center: `[2]` float32, image px, centre of the square.
        window: `[]` float32, image px, side of the square; it may reach out of the image.
        size: side of the crop, px.
        rotation: `[]` float32, radians, positive turns the picture clockwise.
        flip: `[]` bool, whether the crop is mirrored left to right.

    Returns:
        `[size, size, 3]` float32 RGB in [0, 1]; the image's border is repeated outside of it.
    """
    return read_crop(image, plan_crop(center, window, size, rotation, flip), size)


def crop_boxes(
    image: tf.Tensor,
    centers: tf.Tensor,
    windows: tf.Tensor,
    size: int,
) -> tf.Tensor:
    """Crops several squares out of one image.

    Args:
        image: `[height, width, 3]` uint8 RGB, or float32 RGB in [0, 1].
        centers: `[num_boxes, 2]` float32, image px.
        windows: `[num_boxes]` float32, image px.
        size: side of the crops, px.

    Returns:
        `[num_boxes, size, size, 3]` float32 RGB in [0, 1].
    """
    return tf.map_fn(
        lambda box: crop_image(image, box[0], box[1], size),
        (tf.cast(centers, tf.float32), tf.cast(windows, tf.float32)),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
    )


def decode_and_crop(
    encoded: tf.Tensor,
    centers: tf.Tensor,
    windows: tf.Tensor,
    size: int,
) -> tf.Tensor:
    """Decodes encoded images and crops one square out of each.

    Args:
        encoded: `[batch]` string, bytes of image files, of any sizes.
        centers: `[batch, 2]` float32, image px.
        windows: `[batch]` float32, image px.
        size: side of the crops, px.

    Returns:
        `[batch, size, size, 3]` float32 RGB in [0, 1].
    """
    return tf.map_fn(
        lambda item: crop_image(decode_image(item[0]), item[1], item[2], size),
        (encoded, tf.cast(centers, tf.float32), tf.cast(windows, tf.float32)),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
    )
