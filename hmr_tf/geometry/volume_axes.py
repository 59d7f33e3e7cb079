"""What a volume's axes mean: from places in it to points around the pelvis, and back.

With `camera` axes u and v are those of the crop, in sides from its middle, and d is the depth
behind the pelvis as a share of `EDGE`; a crop's camera is `[batch, 3]`: scale, sides of the crop
per metre, and shift, m, so that u = scale (x + shift).

SMPLR's release has its dataset's axes instead: u points to the camera, v to the picture's right, d
up, each a share of `EDGE`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

AXES = ("camera", "release")
EDGE = 2.5  # m
# To the camera's x right, y down, z forward.
_FROM_RELEASE = np.float32([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])


def rotation(axes: str) -> np.ndarray:
    """Returns the matrix `[3, 3]` that takes vectors along the volume's axes to the camera's."""
    return _FROM_RELEASE if axes == "release" else np.eye(3, dtype=np.float32)


def to_camera(points: tf.Tensor, axes: str) -> tf.Tensor:
    """Returns points `[batch, K, 3]` given along the volume's axes along the camera's."""
    return points if axes == "camera" else points @ _FROM_RELEASE.T


def from_camera(points: tf.Tensor, axes: str) -> tf.Tensor:
    """Returns points `[batch, K, 3]` given along the camera's axes along the volume's."""
    return points if axes == "camera" else points @ _FROM_RELEASE


def points_of(uvd: tf.Tensor, camera: tf.Tensor, axes: str = "camera") -> tf.Tensor:
    """Returns points `[batch, K, 3]`, m, camera frame, from the pelvis.

    Args:
        uvd: `[batch, K, 3]` float32, places in the volume.
        camera: `[batch, 3]` float32, of the crop.
        axes: one of `AXES`.
    """
    if axes == "release":
        return to_camera(EDGE * uvd, axes)
    flat = uvd[..., :2] / camera[:, tf.newaxis, :1] - camera[:, tf.newaxis, 1:]
    return tf.concat([flat, EDGE * uvd[..., 2:]], axis=-1)


def places_of(points: tf.Tensor, camera: tf.Tensor, axes: str = "camera") -> tf.Tensor:
    """Returns the places of points in the volume; the inverse of `points_of`."""
    if axes == "release":
        return from_camera(points, axes) / EDGE
    flat = camera[:, tf.newaxis, :1] * (points[..., :2] + camera[:, tf.newaxis, 1:])
    return tf.concat([flat, points[..., 2:] / EDGE], axis=-1)
