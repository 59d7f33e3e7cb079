"""Where in the stored image the joints of a record's body are seen."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.data.record_parsing import Parsed
from hmr_tf.geometry import camera_fit


def has_camera(parsed: Parsed) -> tf.Tensor:
    """Returns `[B]` 1 where translation and camera are known, else 0."""
    return parsed["has_translation"] * parsed["has_intrinsics"]


def places_of_joints(parsed: Parsed, joints: tf.Tensor, cocoplus: tf.Tensor) -> tf.Tensor:
    """Projects joints by the record's camera; without one, by weak perspective onto its labels.

    Args:
        parsed: records, of `record_parsing.batch_parser`.
        joints: `[B, K, 3]` m, camera frame, of the records' bodies, not translated.
        cocoplus: `[B, 19, 3]` likewise, the keypoints that the labels are of.

    Returns:
        `[B, K, 3]` x, y px and 1 where they are known; else zeros.
    """
    placed = joints + parsed["translation"][:, None]
    focal, center = tf.split(parsed["intrinsics"][:, None], 2, axis=-1)
    is_before = placed[..., 2:] > 0.0
    by_camera = focal * placed[..., :2] / tf.where(is_before, placed[..., 2:], 1.0) + center
    labelled = parsed["keypoints_2d"]
    scale, shift, is_solved = camera_fit.solve_camera(
        labelled[..., :2], cocoplus, labelled[..., 2], np.inf
    )
    by_labels = scale[:, None, None] * (joints[..., :2] + shift[:, None])
    is_seen = has_camera(parsed)[:, None, None] > 0.0
    is_known = tf.where(is_seen, is_before, is_solved[:, None, None])
    places = tf.where(is_known, tf.where(is_seen, by_camera, by_labels), 0.0)
    return tf.concat([places, tf.cast(is_known, tf.float32)], axis=-1)
