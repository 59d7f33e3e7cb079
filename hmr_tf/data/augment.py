"""Random changes of a training crop, applied to its image and to every label alike.

The parameters are drawn by stateless operations from a seed, so a sample's changes depend on that
seed alone. The order is fixed: shift, scale, in-plane rotation, then mirror. An in-plane rotation
of the picture turns the person about the camera's z axis, by the same angle and, as y points down
in the picture and in the camera frame, with the same sign. A mirror negates x and swaps left and
right, by the flip tables of `tfrecords_tools.skeletons`.

The label functions take any leading dimensions, so they run once per batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from hmr_tf.config import AugmentConfig
from hmr_tf.data import crops
from hmr_tf.geometry import rotations
from tfrecords_tools import skeletons


class CropParameters(NamedTuple):
    """How one crop, or a batch of them, is taken.

    Attributes:
        center: `[..., 2]` float32, px of the stored image, the point at the middle of the crop.
        window: `[...]` float32, px of the stored image, side of the square that fills the crop.
        rotation: `[...]` float32, radians, positive turns the picture from x towards y.
        flip: `[...]` bool, whether the crop is mirrored.
        color_gain: `[..., 3]` float32, factor of each color channel.
    """

    center: tf.Tensor
    window: tf.Tensor
    rotation: tf.Tensor
    flip: tf.Tensor
    color_gain: tf.Tensor


def plain_parameters(center: tf.Tensor, window_px: float | tf.Tensor) -> CropParameters:
    """Returns the parameters of a crop without random changes.

    Args:
        center: `[..., 2]` float32, px.
        window_px: side of the square, px; `[...]` or a number.

    Returns:
        Parameters with the leading dimensions of ``center``.
    """
    center = tf.convert_to_tensor(center, tf.float32)
    zeros = tf.zeros_like(center[..., 0])
    ones = tf.ones_like(zeros)[..., None]
    return CropParameters(
        center=center,
        window=zeros + window_px,
        rotation=zeros,
        flip=tf.zeros_like(zeros, tf.bool),
        color_gain=tf.concat([ones, ones, ones], axis=-1),
    )


def draw_parameters(
    seed: tf.Tensor,
    center: tf.Tensor,
    window_px: float | tf.Tensor,
    config: AugmentConfig,
    enlargement: float | tf.Tensor = 1.0,
) -> CropParameters:
    """Draws the changes of a batch of samples, or of one.

    Args:
        seed: `[2]` int64; equal seeds and shapes give equal parameters, on every device.
        center: `[..., 2]` float32, px of the stored image.
        window_px: side of the square that the unchanged crop covers, px of the stored image;
            `[...]` or a number.
        config: the ranges.
        enlargement: px of the stored image that make one of ``config``'s, `[...]` or a number.

    Returns:
        Parameters with the leading dimensions of ``center``, drawn independently.
    """
    # One operation draws everything a sample may need, so that switching one change off leaves
    # the others as they were.
    shape = tf.concat([tf.shape(center)[:-1], [9]], axis=0)
    draws = tf.random.stateless_uniform(shape, seed, alg="philox")
    draws = tf.ensure_shape(draws, [*center.shape[:-1], 9])
    shift = _spread(draws[..., 1:3], -config.shift_px, config.shift_px)
    limit = math.radians(config.rotation_deg)
    if config.spread == "normal":
        widest, narrowest = 1.0 / config.scale_min, 1.0 / config.scale_max
        side = _clipped_normal(draws[..., 0], narrowest, widest, 0.5 * (widest - narrowest))
        scale = 1.0 / side
        angle = _clipped_normal(draws[..., 3], -limit, limit, 0.5 * limit)
    else:
        scale = _spread(draws[..., 0], config.scale_min, config.scale_max)
        angle = _spread(draws[..., 3], -limit, limit)
    gain = _spread(draws[..., 6:9], 1.0 - config.color_jitter, 1.0 + config.color_jitter)
    return CropParameters(
        center=center + shift * tf.convert_to_tensor(enlargement)[..., None],
        window=window_px / scale,
        rotation=tf.where(draws[..., 4] < config.rotation_probability, angle, 0.0),
        flip=draws[..., 5] < config.flip_probability,
        color_gain=gain,
    )


def plan_crops(parameters: CropParameters, size: int) -> crops.CropPlan:
    """Returns what crops of ``size`` px will read, with the parameters' leading dimensions."""
    return crops.plan_crop(
        parameters.center, parameters.window, size, parameters.rotation, parameters.flip
    )


def augment_image(
    image: tf.Tensor,
    plan: crops.CropPlan,
    color_gain: tf.Tensor,
    size: int,
    change_colors: bool = True,
    hide: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """Crops one image and changes its colors.

    Args:
        image: `[height, width, 3]` uint8 RGB.
        plan: of its crop, from `plan_crops`.
        color_gain: `[3]` float32, factor of each color channel.
        size: side of the crop, px.
        change_colors: whether the gains are applied; without, gains of 1 cost no time.
        hide: what is done to the crop before.

    Returns:
        `[size, size, 3]` float32 RGB in [0, 1].
    """
    crop = crops.read_crop(image, plan, size)
    if hide is not None:
        crop = hide(crop)
    return tf.clip_by_value(crop * color_gain, 0.0, 1.0) if change_colors else crop


def transform_keypoints_2d(
    keypoints: tf.Tensor,
    parameters: CropParameters,
    size: int,
    flip: Sequence[int] = skeletons.COCOPLUS19.flip,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes labelled points from the stored image to the crop.

    Args:
        keypoints: `[..., num_points, 3]` float32 (x, y, visibility), px of the stored image.
        parameters: with the leading dimensions of ``keypoints``.
        size: side of the crop, px.
        flip: which point each point of the mirrored body comes from.

    Returns:
        Points `[..., num_points, 2]` float32 in crop units, (0, 0) where not visible, and their
        visibility `[..., num_points]` float32, 0 or 1. A visible point may lie outside the crop.
    """
    affine = crops.crop_affine(
        parameters.center, parameters.window, size, parameters.rotation, parameters.flip
    )
    points = crops.transform_points(keypoints[..., :2], affine)
    points = crops.pixels_to_crop_units(points, size)
    visibility = tf.cast(keypoints[..., 2] > 0, tf.float32)
    points = swap_sides(points, parameters.flip, flip, axis=-2)
    visibility = swap_sides(visibility, parameters.flip, flip, axis=-1)
    # A product would turn infinite coordinates of invisible points into NaN.
    return tf.where(visibility[..., None] > 0, points, 0.0), visibility


def transform_joints_3d(
    joints: tf.Tensor,
    parameters: CropParameters,
    flip: Sequence[int] = skeletons.LSP14.flip,
) -> tf.Tensor:
    """Turns and mirrors joints about the camera's axis.

    Args:
        joints: `[..., num_joints, 3]` float32, m, camera frame.
        parameters: with the leading dimensions of ``joints``.
        flip: which joint each joint of the mirrored body comes from.

    Returns:
        `[..., num_joints, 3]` float32, m, camera frame. Only differences between joints are kept:
        shift and scale move the crop, not the body.
    """
    turned = tf.linalg.matmul(joints, _rotation_about_z(parameters.rotation), transpose_b=True)
    mirrored = tf.gather(turned, list(flip), axis=-2) * tf.constant([-1.0, 1.0, 1.0])
    return tf.where(parameters.flip[..., None, None], mirrored, turned)


def transform_pose(pose_axis_angle: tf.Tensor, parameters: CropParameters) -> tf.Tensor:
    """Turns and mirrors SMPL poses.

    The rotation of the picture is composed with the global rotation, joint 0; the mirror swaps
    sides and reflects every joint's rotation, the global one included. The shape stays.

    Args:
        pose_axis_angle: `[..., 72]` float32, radians, global rotation in the camera frame.
        parameters: with the leading dimensions of ``pose_axis_angle``.

    Returns:
        `[..., 72]` float32, radians. Poses that are not turned keep their exact values.
    """
    root = rotations.axis_angle_to_matrix(pose_axis_angle[..., :3])
    root = tf.linalg.matmul(_rotation_about_z(parameters.rotation), root)
    is_turned = tf.not_equal(parameters.rotation, 0.0)[..., None]
    root = tf.where(is_turned, rotations.matrix_to_axis_angle(root), pose_axis_angle[..., :3])
    turned = tf.concat([root, pose_axis_angle[..., 3:]], axis=-1)
    mirrored = rotations.mirror_axis_angle(turned, skeletons.SMPL24.flip)
    return tf.where(parameters.flip[..., None], mirrored, turned)


def _spread(draws: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Maps [0, 1) onto [low, high)."""
    return low + (high - low) * draws


def _clipped_normal(draws: tf.Tensor, low: float, high: float, deviation: float) -> tf.Tensor:
    """Maps [0, 1) onto a normal distribution about the middle of a range, cut off at its ends."""
    # The quantile of 0 is infinite.
    quantile = tf.math.ndtri(tf.maximum(draws, 1e-7))
    return tf.clip_by_value(0.5 * (low + high) + deviation * quantile, low, high)


def _rotation_about_z(angle: tf.Tensor) -> tf.Tensor:
    """Returns `[..., 3, 3]` matrices that turn x towards y by ``angle``, radians."""
    cosine, sine = tf.cos(angle), tf.sin(angle)
    zero, one = tf.zeros_like(angle), tf.ones_like(angle)
    rows = [(cosine, -sine, zero), (sine, cosine, zero), (zero, zero, one)]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def swap_sides(
    values: tf.Tensor, is_flipped: tf.Tensor, flip: Sequence[int], axis: int
) -> tf.Tensor:
    """Permutes ``axis`` by ``flip`` in the samples that are mirrored."""
    for _ in range(-axis):
        is_flipped = is_flipped[..., None]
    return tf.where(is_flipped, tf.gather(values, list(flip), axis=axis), values)
