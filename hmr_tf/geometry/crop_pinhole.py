"""Points seen by a pinhole camera, written in the crop: u, v in sides of the crop, depth in shares.

(u, v) runs from -0.5 to 0.5 over the crop, x right, y down: half of crop units. d is the depth
behind the pelvis as a share of `depth_range`. The crop need not lie at the principal point.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from hmr_tf.geometry import camera as camera_lib

# Half a millimetre: nothing is seen nearer than this.
_NEAREST = 5e-4


class CropView(NamedTuple):
    """Where a crop lies in its camera's picture.

    Attributes:
        offset: `[batch, 2]` float32, from the principal point to the crop's middle, sides of the
            crop.
        focal: `[batch, 2]` float32, focal lengths along x and y, sides of the crop; 0 if unknown.
        root_depth: `[batch]` float32, m, depth of the pelvis; 0 if unknown.
    """

    offset: tf.Tensor
    focal: tf.Tensor
    root_depth: tf.Tensor


# Of functions that take a view.
VIEW_SIGNATURE = CropView(
    tf.TensorSpec([None, 2], tf.float32),
    tf.TensorSpec([None, 2], tf.float32),
    tf.TensorSpec([None], tf.float32),
)


def centred_view(batch_size: tf.Tensor) -> CropView:
    """Returns the view of crops around the principal point, of which nothing else is known."""
    zeros = tf.zeros([batch_size, 2])
    return CropView(zeros, zeros, zeros[:, 0])


def image_view(
    center: tf.Tensor, window: tf.Tensor, image_size_hw: tf.Tensor, focal_px: tf.Tensor
) -> CropView:
    """Returns the view of crops of images whose principal point is their middle.

    Args:
        center: `[batch, 2]` float32, middle of the crop, full-image px.
        window: `[batch]` float32, side of the crop, full-image px.
        image_size_hw: `[batch, 2]` int, height and width, px.
        focal_px: `[batch]` float32, px.
    """
    side = window[:, tf.newaxis]
    offset = (center - camera_lib.image_center(image_size_hw)) / side
    focal = tf.repeat(focal_px[:, tf.newaxis] / side, 2, axis=1)
    return CropView(offset, focal, tf.zeros_like(window))


def uvd_to_points(
    uvd: tf.Tensor,
    root_depth: tf.Tensor,
    focal: tf.Tensor,
    offset: tf.Tensor,
    depth_range: float,
) -> tf.Tensor:
    """Returns points in the camera frame.

    Args:
        uvd: `[batch, K, 3]` float32.
        root_depth: `[batch]` float32, m.
        focal: `[batch, 2]` float32, sides of the crop.
        offset: `[batch, 2]` float32, see `CropView`.
        depth_range: m.

    Returns:
        `[batch, K, 3]` float32, m.
    """
    depth = uvd[..., 2:] * depth_range + root_depth[:, tf.newaxis, tf.newaxis]
    rays = (uvd[..., :2] + offset[:, tf.newaxis]) / focal[:, tf.newaxis]
    return tf.concat([rays * depth, depth], axis=-1)


def points_to_uvd(
    points: tf.Tensor,
    root_depth: tf.Tensor,
    focal: tf.Tensor,
    offset: tf.Tensor,
    depth_range: float,
) -> tf.Tensor:
    """Projects points of the camera frame; the inverse of `uvd_to_points`.

    Args:
        points: `[batch, K, 3]` float32, m.
        root_depth, focal, offset, depth_range: as there.

    Returns:
        `[batch, K, 3]` float32.
    """
    places = camera_lib.perspective(points, tf.ones_like(root_depth), tf.zeros_like(offset))
    places = places * focal[:, tf.newaxis] - offset[:, tf.newaxis]
    depth = points[..., 2:] - root_depth[:, tf.newaxis, tf.newaxis]
    return tf.concat([places, depth / depth_range], axis=-1)


def depth_by_bones(
    uvd: tf.Tensor,
    focal: tf.Tensor,
    offset: tf.Tensor,
    depth_range: float,
    bones: tf.Tensor,
    square_length: tf.Tensor,
) -> tf.Tensor:
    """Returns the depth of the pelvis at which a skeleton is as large as it should be.

    Points, and so bones, are linear in that depth: it is a root of a quadratic equation.

    Args:
        uvd: `[batch, K, 3]` float32.
        focal, offset, depth_range: as in `uvd_to_points`.
        bones: `[bones, K]` float32 matrix from points to bones.
        square_length: `[batch]` float32, m^2, sum of the squares of the bones' lengths.

    Returns:
        `[batch]` float32, m, positive.
    """
    zeros = tf.zeros_like(square_length)
    at_zero = tf.linalg.matmul(bones, uvd_to_points(uvd, zeros, focal, offset, depth_range))
    flat = uvd_to_points(uvd * (1.0, 1.0, 0.0), zeros + 1.0, focal, offset, depth_range)
    slope = tf.linalg.matmul(bones, flat)
    square, product, constant = (
        tf.reduce_sum(first * second, axis=[1, 2])
        for first, second in ((slope, slope), (slope, at_zero), (at_zero, at_zero))
    )
    room = tf.maximum(product * product - square * (constant - square_length), 0.0)
    depth = tf.math.divide_no_nan(tf.sqrt(room) - product, square)
    return tf.maximum(depth, _NEAREST)


def refined_scale(
    scale: tf.Tensor,
    uvd: tf.Tensor,
    points: tf.Tensor,
    weights: tf.Tensor,
    focal: tf.Tensor,
    offset: tf.Tensor,
) -> tf.Tensor:
    """Solves the scale of a camera again, from a skeleton whose bones have true lengths.

    Least squares of (u + offset) / scale = x - (u + offset) z / focal, and likewise in y.

    Args:
        scale: `[batch]` float32, sides of the crop per metre, kept where there is no solution.
        uvd: `[batch, K, 3]` float32.
        points: `[batch, K, 3]` float32, m, with x and y in the camera frame and z from the pelvis'
            plane.
        weights: `[batch, K]` float32, not negative.
        focal, offset: as in `uvd_to_points`.

    Returns:
        `[batch]` float32.
    """
    places = uvd[..., :2] + offset[:, tf.newaxis]
    wanted = points[..., :2] - places * points[..., 2:] / focal[:, tf.newaxis]
    squares = tf.square(weights)[..., tf.newaxis]
    product = tf.reduce_sum(squares * places * wanted, axis=[1, 2])
    norm = tf.reduce_sum(squares * places * places, axis=[1, 2])
    is_solved = product > 0.0
    return tf.where(is_solved, norm / tf.where(is_solved, product, 1.0), scale)
