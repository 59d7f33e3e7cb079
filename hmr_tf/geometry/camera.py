"""Cameras: weak perspective over a crop, full perspective over an image, and the way between.

Camera frame: x right, y down, z forward, metres. Full-image pixels have their origin at the centre
of the top-left pixel. A crop is the square of side ``window`` px around ``center`` px; its crop
units run from -1 to 1 over that square. A weak-perspective camera is (scale, tx, ty) with
``p = scale * (X_xy + t)`` in crop units. Every function takes any leading dimensions.
"""

from __future__ import annotations

import tensorflow as tf

# Keeps the depth of a camera of scale 0 finite, as in SPIN and 4D-Humans.
_SCALE_SHIFT = 1e-9
# Points nearer to the camera plane than this are moved off it, on their side, metres.
_NEAREST_DEPTH = 1e-6


def weak_perspective(points: tf.Tensor, camera: tf.Tensor) -> tf.Tensor:
    """Projects points with a weak-perspective camera: ``scale * (X_xy + t)``.

    Args:
        points: `[..., K, 3]` float32, m, camera frame.
        camera: `[..., 3]` float32 (scale, tx, ty); scale in crop units per metre, t in metres.

    Returns:
        `[..., K, 2]` float32, crop units.

    Reference:
        Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, section 3.1.
    """
    points, camera = tf.convert_to_tensor(points), tf.convert_to_tensor(camera)
    _require_last(points, 3, "points")
    _require_last(camera, 3, "camera")
    return camera[..., None, :1] * (points[..., :2] + camera[..., None, 1:])


def perspective(points: tf.Tensor, focal_px: tf.Tensor, center_px: tf.Tensor) -> tf.Tensor:
    """Projects points with a pinhole camera: ``focal X_xy / X_z + center``.

    Args:
        points: `[..., K, 3]` float32, m, camera frame, already translated in front of the camera.
        focal_px: `[...]` float32, px.
        center_px: `[..., 2]` float32, principal point, px.

    Returns:
        `[..., K, 2]` float32, px.
    """
    points = tf.convert_to_tensor(points)
    _require_last(points, 3, "points")
    focal_px = tf.convert_to_tensor(focal_px, points.dtype)
    center_px = tf.convert_to_tensor(center_px, points.dtype)
    depth = points[..., 2:]
    nearest = tf.where(depth < 0.0, -_NEAREST_DEPTH, _NEAREST_DEPTH)
    depth = tf.where(tf.abs(depth) < _NEAREST_DEPTH, nearest, depth)
    return focal_px[..., None, None] * points[..., :2] / depth + center_px[..., None, :]


def crop_to_image(points_crop: tf.Tensor, center: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Converts crop units to full-image pixels.

    Args:
        points_crop: `[..., K, 2]` float32, crop units.
        center: `[..., 2]` float32, centre of the crop, full-image px.
        window: `[...]` float32, side of the crop's square, full-image px.

    Returns:
        `[..., K, 2]` float32, full-image px.
    """
    points_crop, center, window = _same_type(points_crop, center, window)
    return center[..., None, :] + 0.5 * window[..., None, None] * points_crop


def image_to_crop(points_image: tf.Tensor, center: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Converts full-image pixels to crop units; the inverse of `crop_to_image`.

    Args:
        points_image: `[..., K, 2]` float32, full-image px.
        center: `[..., 2]` float32, centre of the crop, full-image px.
        window: `[...]` float32, side of the crop's square, full-image px.

    Returns:
        `[..., K, 2]` float32, crop units.
    """
    points_image, center, window = _same_type(points_image, center, window)
    return (points_image - center[..., None, :]) / (0.5 * window[..., None, None])


def image_center(image_size_hw: tf.Tensor) -> tf.Tensor:
    """Returns the centre of an image in full-image pixels, ((W - 1) / 2, (H - 1) / 2).

    Args:
        image_size_hw: `[..., 2]`, height and width, px.

    Returns:
        `[..., 2]` float32 (x, y), px.
    """
    size = tf.cast(image_size_hw, tf.float32)
    return 0.5 * (tf.reverse(size, [-1]) - 1.0)


def camera_to_translation(camera: tf.Tensor, focal_px: tf.Tensor, size_px: tf.Tensor) -> tf.Tensor:
    """Returns the translation that makes a pinhole camera over the crop agree at the body's depth.

    The pinhole's principal point is the crop's centre.

    Args:
        camera: `[..., 3]` float32 (scale, tx, ty).
        focal_px: `[...]` float32, focal length in crop px (500 in the original release's
            renderings, 5000 in SPIN and 4D-Humans).
        size_px: `[...]` float32, side of the crop, px.

    Returns:
        `[..., 3]` float32, m: (tx, ty, 2 focal / (size scale)).
    """
    camera = tf.convert_to_tensor(camera)
    _require_last(camera, 3, "camera")
    focal_px = tf.convert_to_tensor(focal_px, camera.dtype)
    size_px = tf.convert_to_tensor(size_px, camera.dtype)
    depth = 2.0 * focal_px / (size_px * camera[..., 0] + _SCALE_SHIFT)
    return tf.concat([camera[..., 1:], depth[..., None]], axis=-1)


def full_image_camera(
    camera: tf.Tensor,
    center: tf.Tensor,
    window: tf.Tensor,
    image_size_hw: tf.Tensor,
    focal_px: tf.Tensor,
) -> tf.Tensor:
    """Returns the translation of a body in the camera of the full image.

    The pinhole's principal point is `image_center`. Points of the body at z = 0 (before the
    translation) land exactly where the weak-perspective camera puts them.

    Args:
        camera: `[..., 3]` float32 (scale, tx, ty) over the crop.
        center: `[..., 2]` float32, centre of the crop, full-image px.
        window: `[...]` float32, side of the crop's square, full-image px.
        image_size_hw: `[..., 2]`, height and width of the image, px.
        focal_px: `[...]` float32, focal length, full-image px.

    Returns:
        `[..., 3]` float32, m.
    """
    camera, center, window = _same_type(camera, center, window)
    _require_last(camera, 3, "camera")
    translation = camera_to_translation(camera, focal_px, window)
    px_per_metre = 0.5 * window * camera[..., 0] + 0.5 * _SCALE_SHIFT
    shift = (center - image_center(image_size_hw)) / px_per_metre[..., None]
    return tf.concat([translation[..., :2] + shift, translation[..., 2:]], axis=-1)


def crop_camera(
    translation: tf.Tensor,
    center: tf.Tensor,
    window: tf.Tensor,
    image_size_hw: tf.Tensor,
    focal_px: tf.Tensor,
) -> tf.Tensor:
    """Returns the weak-perspective camera of a crop; the inverse of `full_image_camera`.

    Args:
        translation: `[..., 3]` float32, m, of the body in the full image's camera.
        center: `[..., 2]` float32, centre of the crop, full-image px.
        window: `[...]` float32, side of the crop's square, full-image px.
        image_size_hw: `[..., 2]`, height and width of the image, px.
        focal_px: `[...]` float32, focal length, full-image px.

    Returns:
        `[..., 3]` float32 (scale, tx, ty).
    """
    translation, center, window = _same_type(translation, center, window)
    _require_last(translation, 3, "translation")
    focal_px = tf.convert_to_tensor(focal_px, translation.dtype)
    px_per_metre = focal_px / translation[..., 2]
    scale = 2.0 * px_per_metre / window
    shift = (center - image_center(image_size_hw)) / px_per_metre[..., None]
    return tf.concat([scale[..., None], translation[..., :2] - shift], axis=-1)


def _same_type(first: tf.Tensor, *others: tf.Tensor) -> tuple[tf.Tensor, ...]:
    first = tf.convert_to_tensor(first)
    return (first, *(tf.convert_to_tensor(other, first.dtype) for other in others))


def _require_last(tensor: tf.Tensor, size: int, name: str) -> None:
    if tensor.shape.rank is not None and (
        tensor.shape.rank == 0 or tensor.shape[-1] not in (None, size)
    ):
        raise ValueError(f"{name} must be [..., {size}]; received {tensor.shape.as_list()}.")
