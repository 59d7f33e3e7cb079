"""What SGRE is shown and learns of a record: a 2D pose, labelled joints, and those of the body.

A record's labels give some of the 30 joints (`labelled_pose`), its body gives all. The pose shown
is that of the labels with a detector's errors (`pose_errors`): of the joints that detectors find;
others, as neck and pelvis, stay where they are.

Bodies of Human3.6M and MuCo whose joints lie on average more than 25 mm from the labels, both about
their means, are not learned from, if the body model knows Human3.6M's joints.

=====================  ==================  =========================================================
key                    shape, dtype        meaning
=====================  ==================  =========================================================
pose_2d                [B, 30, 3]          x, y in crop units and visibility, with errors; zeros for
                                           people whose pose is withheld
label_uvd              [B, 30, 3]          joints in the crop: x and y in sides of the crop from its
                                           middle, depth behind the pelvis as a share of 2 m
label_uvd_weights      [B, 30, 3]          1 where labelled and inside of that volume, else 0
label_joints           [B, 30, 3]          m, from the pelvis
label_joints_weights   [B, 30]             1 where labelled
body_uvd               [B, 30, 3]          as label_uvd, of the body
body_uvd_weights       [B, 30]             1 where known and inside
body_joints            [B, 30, 3]          m, from the pelvis
has_body               [B]                 1 where the body is learned from
body_betas             [B, 10]             zeros for shapes that are farther out than 3
=====================  ==================  =========================================================

All are float32.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, and its release's loaders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from hmr_tf.body import sgre_joints
from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import Body
from hmr_tf.data import augment, body_places, labelled_pose, pose_errors
from hmr_tf.data.record_parsing import Parsed
from hmr_tf.geometry import rotations as rotations_lib
from tfrecords_tools import skeletons

Batch = dict[str, tf.Tensor]

DEPTH_RANGE = 2.0
_FLIP = skeletons.SGRE30.flip
_NUM_JOINTS = skeletons.SGRE30.num_joints
_POINTS = "sgre30_and_labels"
_NUM_COCOPLUS = skeletons.COCOPLUS19.num_joints
# Which labels bodies are compared with; MuCo's others mean other points.
_FIT_SLOTS = skeletons.mapping("j24", "h36m17")
_FIT_JOINTS = np.ones((len(labelled_pose.READINGS), len(_FIT_SLOTS)), np.float32)
_FIT_JOINTS[2, [skeletons.H36M17.index(name) for name in ("spine", "neck", "jaw")]] = 0.0
_LEAST_FIT_JOINTS = 8
_FARTHEST_FIT = 0.025
_GREATEST_BETA = 3.0
# COCO's joints among the 30.
_COCO = tuple(
    skeletons.sgre_mapping("coco17").index(joint) for joint in range(pose_errors.NUM_JOINTS)
)
_NOT_COCO = tuple(joint for joint in range(_NUM_JOINTS) if joint not in _COCO)
# The box about a person's joints is as much larger as the release's.
_BOX_MARGIN = 1.2


class _Joints(NamedTuple):
    """The 30 joints of one source in a crop.

    Attributes:
        uvd: `[B, 30, 3]`.
        is_seen: `[B, 30]` 1 where x and y are known.
        points: `[B, 30, 3]` m, from the pelvis.
        has_depth: `[B, 30]` 1 where points are known.
    """

    uvd: tf.Tensor
    is_seen: tf.Tensor
    points: tf.Tensor
    has_depth: tf.Tensor

    @property
    def inside(self) -> tf.Tensor:
        """`[B, 30]` 1 where a joint is seen inside of the volume, as far as that is known."""
        is_inside = (self.uvd >= -0.5) & (self.uvd < 0.5)
        is_deep = is_inside[..., 2] | (self.has_depth == 0.0)
        return self.is_seen * tf.cast(is_inside[..., 0] & is_inside[..., 1] & is_deep, tf.float32)


class SGRETargets:
    """Makes the targets of batches of records, in the input graph.

    Args:
        body: whose joints are learned.
        use_pose_errors: whether the poses shown have a detector's errors.
        own_pose_share: share of the people whose pose is withheld.
    """

    def __init__(
        self, body: Body, use_pose_errors: bool = True, own_pose_share: float = 0.0
    ) -> None:
        self._use_pose_errors = use_pose_errors
        self._own_pose_share = own_pose_share
        parts = [sgre_joints.with_sgre_joints(body).regressor(sgre_joints.REGRESSOR)]
        parts.append(body.regressor("cocoplus"))
        self._has_h36m = "h36m" in body.keypoint_regressors
        if self._has_h36m:
            parts.append(body.regressor("h36m"))
        both = body.with_regressor(_POINTS, np.concatenate(parts), body.kind)
        self._points = MeshFreeKeypoints(both, _POINTS)

    def __call__(
        self,
        parsed: Parsed,
        parameters: augment.CropParameters,
        labels: Batch,
        image_size: int,
        seed: tf.Tensor,
    ) -> Batch:
        """Returns the targets of a batch: this module's table.

        Args:
            parsed: records, of `record_parsing.batch_parser`.
            parameters: how their crops are taken.
            labels: of the crops; not used.
            image_size: side of the crops, px.
            seed: `[2]` int, of the poses' errors.
        """
        reading = labelled_pose.reading_of(parsed["dataset"])
        points, fit_joints = self._of_bodies(parsed)
        known = tf.concat([points, tf.ones_like(points[..., :1])], axis=-1)
        cocoplus = fit_joints[:, :_NUM_COCOPLUS]
        places = body_places.places_of_joints(parsed, points, cocoplus)
        of_body = _seen(places, known * parsed["has_smpl"][:, None, None], parameters, image_size)
        of_labels = _seen(
            labelled_pose.labelled_joints(parsed["keypoints_24_2d"], reading),
            labelled_pose.labelled_joints(parsed["joints_24_3d"], reading),
            parameters,
            image_size,
        )
        has_body = parsed["has_smpl"]
        if self._has_h36m:
            has_body *= _fits(fit_joints[:, _NUM_COCOPLUS:], parsed["joints_24_3d"], reading)
        inside = of_labels.inside
        weights = tf.stack([inside, inside, inside * of_labels.has_depth], axis=-1)
        is_usual = tf.reduce_all(tf.abs(parsed["betas"]) <= _GREATEST_BETA, axis=1, keepdims=True)
        return {
            "pose_2d": self._shown(of_labels, parsed, parameters, seed),
            "label_uvd": of_labels.uvd,
            "label_uvd_weights": weights,
            "label_joints": of_labels.points,
            "label_joints_weights": of_labels.has_depth,
            "body_uvd": of_body.uvd,
            "body_uvd_weights": of_body.inside * has_body[:, None],
            "body_joints": of_body.points,
            "has_body": has_body,
            "body_betas": tf.where(is_usual, parsed["betas"], 0.0),
        }

    def _of_bodies(self, parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the 30 joints, and those that labels are of, `[B, K, 3]` m, not translated."""
        pose = tf.reshape(parsed["pose_axis_angle"], [-1, skeletons.SMPL24.num_joints, 3])
        points, _ = self._points(rotations_lib.axis_angle_to_matrix(pose), parsed["betas"])
        return points[:, :_NUM_JOINTS], points[:, _NUM_JOINTS:]

    def _shown(
        self,
        joints: _Joints,
        parsed: Parsed,
        parameters: augment.CropParameters,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Returns `[B, 30, 3]` the poses with which people are shown."""
        points = 2.0 * joints.uvd[..., :2]
        if self._use_pose_errors:
            disturbed = pose_errors.disturb(
                seed,
                tf.gather(points, _COCO, axis=1),
                tf.gather(joints.is_seen, _COCO, axis=1),
                _area(parsed, parameters, points, joints.is_seen),
            )
            both = tf.concat([disturbed, tf.gather(points, _NOT_COCO, axis=1)], axis=1)
            points = tf.gather(both, np.argsort([*_COCO, *_NOT_COCO]), axis=1)
        visibility = joints.inside
        if self._own_pose_share:
            draws = tf.random.stateless_uniform(tf.shape(points)[:1], seed, alg="philox")
            visibility *= tf.cast(draws >= self._own_pose_share, tf.float32)[:, None]
        return tf.concat([points, tf.ones_like(points[..., :1])], axis=-1) * visibility[..., None]


def _seen(
    places: tf.Tensor, joints: tf.Tensor, parameters: augment.CropParameters, image_size: int
) -> _Joints:
    """Takes joints to the crop.

    Args:
        places: `[B, 30, 3]` x, y px of the stored image, and whether they are known.
        joints: `[B, 30, 4]` m, camera frame, and whether they are known.
        parameters: how the crops are taken.
        image_size: side of the crops, px.
    """
    uv, is_seen = augment.transform_keypoints_2d(places, parameters, image_size, _FLIP)
    known = augment.swap_sides(joints[..., 3], parameters.flip, _FLIP, axis=-1)
    # Depths are from the pelvis.
    has_depth = known * known[:, :1]
    points = augment.transform_joints_3d(joints[..., :3], parameters, _FLIP)
    points = (points - points[:, :1]) * has_depth[..., None]
    # A crop unit is half a side.
    uvd = tf.concat([0.5 * uv, points[..., 2:] / DEPTH_RANGE], axis=-1)
    return _Joints(uvd, is_seen, points, has_depth)


def _fits(joints: tf.Tensor, labels: tf.Tensor, reading: tf.Tensor) -> tf.Tensor:
    """Returns `[B]` 1 where bodies lie near to labels that were measured, or there are few such.

    Args:
        joints: `[B, 17, 3]` m, Human3.6M's joints of the bodies.
        labels: `[B, 24, 4]` m, and confidence, in J24's order.
        reading: `[B]` int32.
    """
    labels = tf.gather(labels, _FIT_SLOTS, axis=1)
    known = tf.cast(labels[..., 3] > 0.0, tf.float32) * tf.gather(_FIT_JOINTS, reading)
    count = tf.reduce_sum(known, axis=1, keepdims=True)
    shares = tf.math.divide_no_nan(known, count)
    apart = joints - labels[..., :3]
    apart -= tf.reduce_sum(shares[..., None] * apart, axis=1, keepdims=True)
    error = tf.reduce_sum(shares * tf.norm(apart, axis=-1), axis=1)
    is_unknown = (reading == 0) | (count[:, 0] < _LEAST_FIT_JOINTS)
    return tf.cast((error <= _FARTHEST_FIT) | is_unknown, tf.float32)


def _area(
    parsed: Parsed, parameters: augment.CropParameters, points: tf.Tensor, is_seen: tf.Tensor
) -> tf.Tensor:
    """Returns the area `[B]` of people's boxes, or of those about their joints, crop units^2."""
    corners = parsed["box_xyxy"]
    sides = (corners[:, 2:] - corners[:, :2]) * (2.0 / parameters.window[:, None])
    is_known = is_seen[..., None] > 0.0
    least = tf.reduce_min(tf.where(is_known, points, np.inf), axis=1)
    greatest = tf.reduce_max(tf.where(is_known, points, -np.inf), axis=1)
    about = tf.where(tf.reduce_any(is_known, axis=1), _BOX_MARGIN * (greatest - least), 0.0)
    sides = tf.where(parsed["has_box"][:, None] > 0.0, sides, about)
    return tf.reduce_prod(tf.maximum(sides, 0.0), axis=1)
