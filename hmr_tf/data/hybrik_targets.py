"""What HybrIK learns of a record: joints in the crop's volume, twists and the camera.

All follows from a record's pose and shape where it has them, so any dataset with SMPL labels gives
all targets. Where the body stands is known from its translation and the camera; without those, it
is found from the labelled keypoints by weak perspective. Records without a body supervise the
joints that their labels share with SMPL: knees, ankles, shoulders, elbows and wrists, and beside
labels in 3D also pelvis and neck, which are taken for SMPL's.

=====================  ==================  =========================================================
key                    shape, dtype        meaning
=====================  ==================  =========================================================
uvd                    [B, 29, 3]          `skeletons.HYBRIK29` in the crop: x and y in sides of the
                                           crop from its middle, depth behind the pelvis as a share
uvd_weights            [B, 29, 3]          1 where known, else 0
twists                 [B, 23, 2]          (cos, sin) of the twists of joints 1 to 23
crop_camera            [B, 3]              scale, sides of the crop per metre, and shift, m
has_crop_camera        [B]                 1 where it is known
view_offset            [B, 2]              fields of `crop_pinhole.CropView`, of the record's camera
view_focal             [B, 2]              as the crop shows it; zeros where unknown
view_root_depth        [B]
=====================  ==================  =========================================================

All are float32.

Reference: J. Li et al., HybrIK, CVPR 2021, and its release's loaders.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.body import inverse_kinematics
from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import Body
from hmr_tf.data import augment, body_places
from hmr_tf.data.record_parsing import Parsed
from hmr_tf.geometry import camera_fit
from hmr_tf.geometry import rotations as rotations_lib
from tfrecords_tools import skeletons

Batch = dict[str, tf.Tensor]

_FLIP = skeletons.HYBRIK29.flip
_POINTS = "cocoplus_and_leaves"
_NUM_COCOPLUS = skeletons.COCOPLUS19.num_joints
# SMPL's joints that labels in 3D alone give, by their names there.
_WITH_DEPTH = {0: "pelvis", 12: "neck"}


def _from_j24() -> list[int]:
    """Returns where each of the 29 joints stands in J24; behind its end where it does not."""
    slots = [skeletons.J24.num_joints if slot < 0 else slot for slot in _shared()]
    for joint, name in _WITH_DEPTH.items():
        slots[joint] = skeletons.J24.joints.index(name)
    return slots


def _shared() -> tuple[int, ...]:
    return skeletons.mapping(skeletons.J24, skeletons.HYBRIK29)


class HybrIKTargets:
    """Makes the targets of batches of records, in the input graph.

    Args:
        body: whose joints are learned.
        depth_range: m; depths are shares of it.
        crop_focal: focal length of the camera that is learned, sides of the crop.
        drop_outside: whether joints of records with 3D labels that lie outside of the crop, or
            beyond its depth, get no weight.
    """

    def __init__(
        self, body: Body, depth_range: float, crop_focal: float, drop_outside: bool = False
    ) -> None:
        self._body = body
        self._depth_range = depth_range
        self._crop_focal = crop_focal
        self._drop_outside = drop_outside
        leaves = np.eye(body.num_vertices, dtype=np.float32)[
            [body.surface_point(name) for name in skeletons.HYBRIK_LEAVES]
        ]
        both = np.concatenate([body.regressor("cocoplus"), leaves])
        self._points = MeshFreeKeypoints(body.with_regressor(_POINTS, both, body.kind), _POINTS)

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
            labels: of the crops: `pose_axis_angle` and `betas`.
            image_size: side of the crops, px.
            seed: not used; nothing is drawn.
        """
        places, joints = _choose(
            parsed["has_smpl"], self._joints_of_bodies(parsed), _joints_of_labels(parsed)
        )
        uv, is_seen = augment.transform_keypoints_2d(places, parameters, image_size, _FLIP)
        has_depth = augment.swap_sides(joints[..., 3], parameters.flip, _FLIP, axis=-1)
        turned = augment.transform_joints_3d(joints[..., :3], parameters, _FLIP)
        turned = (turned - turned[:, :1]) * has_depth[..., None]
        # A crop unit is half a side.
        uvd = tf.concat([0.5 * uv, turned[..., 2:] / self._depth_range], axis=-1)
        weights = tf.stack([is_seen, is_seen, has_depth], axis=-1)
        if self._drop_outside:
            weights *= _inside(uvd, has_depth)
        scale, shift, is_known = camera_fit.solve_camera(
            uvd[..., :2], turned, tf.reduce_min(weights, axis=-1), self._crop_focal
        )
        pose = tf.reshape(labels["pose_axis_angle"], [-1, skeletons.SMPL24.num_joints, 3])
        rest = inverse_kinematics.rest_skeleton(self._body, labels["betas"])
        root_z = (joints[:, 0, 2] + parsed["translation"][:, 2]) * parsed["has_smpl"]
        return {
            "uvd": uvd,
            "uvd_weights": weights,
            "twists": inverse_kinematics.twist_angles(
                rotations_lib.axis_angle_to_matrix(pose), rest
            ),
            "crop_camera": tf.concat([scale[:, None], shift], axis=-1),
            "has_crop_camera": tf.cast(is_known, tf.float32),
            **_view(parsed, parameters, image_size, root_z),
        }

    def _joints_of_bodies(self, parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the joints of bodies, in the image and in space.

        Returns:
            `[B, 29, 3]` x, y px and whether known; `[B, 29, 4]` m, not translated, and 1.
        """
        pose = tf.reshape(parsed["pose_axis_angle"], [-1, skeletons.SMPL24.num_joints, 3])
        points, posed = self._points(rotations_lib.axis_angle_to_matrix(pose), parsed["betas"])
        joints = tf.concat([posed, points[:, _NUM_COCOPLUS:]], axis=1)
        places = body_places.places_of_joints(parsed, joints, points[:, :_NUM_COCOPLUS])
        ones = tf.ones_like(joints[..., :1])
        return places, tf.concat([joints, ones], axis=-1)


def _joints_of_labels(parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the joints that labels share with SMPL, as `_joints_of_bodies` does."""
    slots = _from_j24()
    places, joints = (
        tf.gather(tf.pad(parsed[key], [[0, 0], [0, 1], [0, 0]]), slots, axis=1)
        for key in ("keypoints_24_2d", "joints_24_3d")
    )
    # Depths are from the pelvis.
    has_depth = (joints[..., 3:] > 0.0) & (joints[:, :1, 3:] > 0.0)
    needs_depth = tf.constant([[slot in _WITH_DEPTH] for slot in range(len(slots))])
    is_seen = (places[..., 2:] > 0.0) & (has_depth | ~needs_depth)
    seen, known = tf.cast(is_seen, tf.float32), tf.cast(has_depth, tf.float32)
    places = tf.concat([places[..., :2] * seen, seen], axis=-1)
    return places, tf.concat([joints[..., :3] * known, known], axis=-1)


def _choose(has_smpl: tf.Tensor, of_bodies: tuple, of_labels: tuple) -> list[tf.Tensor]:
    """Returns the joints of bodies where there are some."""
    is_body = has_smpl[:, None, None] > 0.0
    return [tf.where(is_body, body, label) for body, label in zip(of_bodies, of_labels)]


def _inside(uvd: tf.Tensor, has_depth: tf.Tensor) -> tf.Tensor:
    """Returns `[B, 29, 1]` 0 for joints outside of the volume of people with labels in 3D."""
    is_inside = tf.reduce_all(tf.abs(uvd) <= 0.5, axis=-1)
    has_3d = tf.reduce_any(has_depth > 0.0, axis=-1, keepdims=True)
    return tf.cast(is_inside | ~has_3d, tf.float32)[..., None]


def _view(
    parsed: Parsed, parameters: augment.CropParameters, image_size: int, root_z: tf.Tensor
) -> Batch:
    """Returns the record's camera as the crop shows it.

    Turning a crop turns the camera about its axis, and with it the way from the principal point to
    the crop's middle; a mirror mirrors that. Focal lengths are taken to be equal, or nearly.
    """
    known = body_places.has_camera(parsed) * parsed["has_smpl"]
    window = parameters.window[:, None]
    focal, center = tf.split(parsed["intrinsics"], 2, axis=-1)
    offset = (parameters.center - center) / window
    cosine, sine = tf.cos(parameters.rotation), tf.sin(parameters.rotation)
    x, y = offset[:, 0], offset[:, 1]
    turned_x = cosine * x - sine * y
    # The mirror reverses the columns of the crop, whose middle lies between two of them.
    turned_x = tf.where(parameters.flip, 1.0 / image_size - turned_x, turned_x)
    return {
        "view_offset": tf.stack([turned_x, sine * x + cosine * y], axis=-1) * known[:, None],
        "view_focal": focal / window * known[:, None],
        "view_root_depth": root_z * known,
    }
