"""A rectangle of noise in a training crop, as HybrIK hides parts of people.

Reference: J. Li et al., HybrIK, CVPR 2021, and its release's loaders.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Rectangle(NamedTuple):
    """What hides one crop, or each of a batch.

    Attributes:
        corners: `[..., 4]` float32 (left, top, right, bottom), shares of the crop's side.
        seed: `[..., 2]` int32, of the noise.
    """

    corners: tf.Tensor
    seed: tf.Tensor


def draw_rectangles(seed: tf.Tensor, greatest_area: tf.Tensor, aspect: float) -> Rectangle:
    """Draws the rectangles of a batch.

    Areas are uniform up to the greatest, ratios of height to width between 1 / aspect and aspect;
    what is longer than the crop is cut off.

    Args:
        seed: `[2]` int64; equal seeds and sizes give equal draws, on every device.
        greatest_area: `[batch]` float32, share of the crop's area; 0 for no rectangle.
        aspect: greatest ratio of the sides, at least 1.
    """
    shape = tf.concat([tf.shape(greatest_area), [6]], axis=0)
    draws = tf.random.stateless_uniform(shape, seed, alg="philox")
    draws = tf.ensure_shape(draws, [*greatest_area.shape, 6])
    area = greatest_area * draws[:, 0]
    ratio = 1.0 / aspect + (aspect - 1.0 / aspect) * draws[:, 1]
    sides = tf.sqrt(tf.stack([area / ratio, area * ratio], axis=-1))
    sides = tf.minimum(sides, 1.0)
    first = (1.0 - sides) * draws[:, 2:4]
    return Rectangle(
        tf.concat([first, first + sides], axis=-1),
        tf.cast(draws[:, 4:] * float(2**31 - 256), tf.int32),
    )


def inside(size: int, corners: tf.Tensor) -> tf.Tensor:
    """Returns `[size, size, 1]` bool: which pixels' centres lie in a rectangle `[4]`."""
    places = (tf.range(size, dtype=tf.float32) + 0.5) / size
    in_column = (places >= corners[0]) & (places < corners[2])
    in_row = (places >= corners[1]) & (places < corners[3])
    return (in_row[:, None] & in_column)[..., None]


def add_noise(crop: tf.Tensor, rectangle: Rectangle) -> tf.Tensor:
    """Returns a crop `[size, size, 3]`, RGB in [0, 1], with noise in place of a rectangle of it."""
    noise = tf.random.stateless_uniform(crop.shape, rectangle.seed, alg="philox")
    return tf.where(inside(crop.shape[0], rectangle.corners), noise, crop)
