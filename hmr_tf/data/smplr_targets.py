"""What SMPLR learns of a record: points on a body's joints and skin, and the crop's camera.

All follows from a record's pose and shape, so any dataset with SMPL labels serves.

=====================  ==================  =========================================================
key                    shape, dtype        meaning
=====================  ==================  =========================================================
points                 [B, 41, 3]          m, camera frame, relative to the pelvis, of the crop: in
                                           the order of `hmr_tf.body.landmarks`
points_camera          [B, 3]              scale, sides of the crop per metre, and shift, m, that
                                           put them where the labelled keypoints are, or, in metric
                                           crops, where the record's camera sees the pelvis
has_points_camera      [B]                 1 where it is known
gender                 [B] int32           -1 unknown, 0 neutral, 1 male, 2 female
=====================  ==================  =========================================================

All but the gender are float32; without a body they mean nothing (`has_smpl`).

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.body import landmarks
from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import NUM_JOINTS, Body
from hmr_tf.data import augment, root_crop
from hmr_tf.data.record_parsing import Parsed
from hmr_tf.geometry import camera_fit, rotations
from tfrecords_tools.skeletons import COCOPLUS19

Batch = dict[str, tf.Tensor]


class SMPLRTargets:
    """Makes the targets of batches of records, in the input graph.

    Args:
        body: whose points are learned.
        squares: of metric crops, whose camera follows from where people stand; None for others.
    """

    def __init__(self, body: Body, squares: root_crop.RootSquares | None = None) -> None:
        self._squares = squares
        self._points = MeshFreeKeypoints(
            landmarks.with_landmarks(body, "cocoplus"), landmarks.REGRESSOR
        )

    def __call__(
        self,
        parsed: Parsed,
        parameters: augment.CropParameters,
        labels: Batch,
        image_size: int,
        seed: tf.Tensor | None = None,
    ) -> Batch:
        """Returns the targets of a batch: this module's table.

        Args:
            parsed: records, of `record_parsing.batch_parser`.
            parameters: how their crops are taken.
            labels: of the crops.
            image_size: side of the crops, px.
            seed: not used.
        """
        del seed
        keypoints, points = self.points_of(labels["pose_axis_angle"], labels["betas"])
        if self._squares is None:
            scale, shift, is_solved = camera_fit.solve_camera(
                0.5 * labels["keypoints_2d"], keypoints, labels["visibility"], np.inf
            )
            camera = tf.concat([scale[:, None], shift], axis=-1)
            is_known = tf.cast(is_solved, tf.float32)
        else:
            camera, is_known = self._squares.cameras(parsed, parameters, image_size)
        return {
            "points": points,
            "points_camera": camera,
            "has_points_camera": is_known * labels["has_smpl"],
            "gender": parsed["gender"],
        }

    def points_of(
        self, pose_axis_angle: tf.Tensor, betas: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the cocoplus keypoints `[B, 19, 3]` and the points of bodies, from the pelvis.

        Args:
            pose_axis_angle: `[B, 72]`.
            betas: `[B, S]`.
        """
        pose = tf.reshape(pose_axis_angle, [-1, NUM_JOINTS, 3])
        found, joints = self._points(rotations.axis_angle_to_matrix(pose), betas)
        pelvis, count = joints[:, :1], COCOPLUS19.num_joints
        points = tf.concat([joints[:, 1:], found[:, count:]], axis=1)
        return found[:, :count] - pelvis, points - pelvis
