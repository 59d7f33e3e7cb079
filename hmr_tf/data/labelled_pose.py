"""The 30 joints of `skeletons.SGRE30` that a record's labels give, by the words they share.

A pelvis that is not labelled lies midway between the hips, and the top of the head may be that of
Human3.6M. What labels call spine and middle of the head depends on the dataset
(`skeletons.SGRE_READINGS`).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.data import augment
from hmr_tf.data.record_parsing import Parsed
from tfrecords_tools import skeletons

NUM_JOINTS = skeletons.SGRE30.num_joints
_FLIP = skeletons.SGRE30.flip
_PELVIS, _HIPS, _HEAD_TOP = 0, (1, 2), skeletons.SGRE30.index("head_top")
_H36M_HEAD_TOP = skeletons.J24.index("h36m_head_top")
# Reading of labels -> datasets that have it; others have the first.
READINGS = {"": "", "h36m": "h36m.*", "muco": "(muco|mpi_inf_3dhp).*"}
# By reading, where J24 holds the 30 joints; behind its end where it does not.
_SLOTS = np.array([skeletons.sgre_mapping("j24", reading) for reading in READINGS])
_SLOTS[_SLOTS < 0] = skeletons.J24.num_joints


def reading_of(dataset: tf.Tensor) -> tf.Tensor:
    """Returns `[B]` int32, by which of `READINGS` the labels of each dataset `[B]` go."""
    found = tf.zeros(tf.shape(dataset), tf.int32)
    for number, pattern in enumerate(READINGS.values()):
        found = tf.where(tf.strings.regex_full_match(dataset, pattern), number, found)
    return found


def labelled_joints(points: tf.Tensor, reading: tf.Tensor) -> tf.Tensor:
    """Returns the 30 joints of labels.

    Args:
        points: `[B, 24, n]` in J24's order; the last number says how sure they are.
        reading: `[B]` int32, of `reading_of`.

    Returns:
        `[B, 30, n]` whose last number is 0 or 1; zeros for joints without a label.
    """
    is_known = tf.cast(points[..., -1:] > 0.0, tf.float32)
    points = tf.where(is_known > 0.0, tf.concat([points[..., :-1], is_known], axis=-1), 0.0)
    slots = tf.gather(_SLOTS, reading)
    found = tf.gather(tf.pad(points, [[0, 0], [0, 1], [0, 0]]), slots, batch_dims=1)
    hips = tf.gather(found, _HIPS, axis=1)
    pelvis = tf.reduce_mean(hips, axis=1, keepdims=True)
    pelvis *= tf.reduce_prod(hips[..., -1:], axis=1, keepdims=True)
    stand_ins = {_PELVIS: pelvis, _HEAD_TOP: points[:, _H36M_HEAD_TOP, tf.newaxis]}
    parts = []
    for joint in range(NUM_JOINTS):
        own = found[:, joint : joint + 1]
        parts.append(tf.where(own[..., -1:] > 0.0, own, stand_ins.get(joint, own)))
    return tf.concat(parts, axis=1)


def pose_in_crop(parsed: Parsed, parameters: augment.CropParameters, image_size: int) -> tf.Tensor:
    """Returns the labelled 2D pose of records.

    Args:
        parsed: records, of `record_parsing.batch_parser`.
        parameters: how their crops are taken.
        image_size: side of the crops, px.

    Returns:
        `[B, 30, 3]` float32 (x, y, visibility), crop units; what lies outside is not visible.
    """
    places = labelled_joints(parsed["keypoints_24_2d"], reading_of(parsed["dataset"]))
    points, visibility = augment.transform_keypoints_2d(places, parameters, image_size, _FLIP)
    is_inside = tf.reduce_all((points >= -1.0) & (points < 1.0), axis=-1)
    visibility = (visibility * tf.cast(is_inside, tf.float32))[..., None]
    return tf.concat([points * visibility, visibility], axis=-1)
