"""From an estimate and a record's truth to the numbers of each person that a protocol needs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from hmr_tf import metrics, outputs
from hmr_tf.body.model_file import Body
from hmr_tf.evaluation import corrections
from hmr_tf.evaluation.protocol import REGRESSORS, Protocol
from hmr_tf.evaluation.truth import TrueBodies, true_joints, true_rotations
from hmr_tf.geometry import alignment
from tfrecords_tools import schema, skeletons

# An estimate of joints alone, without a body: `[B, J, 3]` m, all of the protocol's joint set, or
# its first `num_joints`, then relative to the protocol's root.
PROTOCOL_JOINTS = "protocol_joints_3d"
_LSP = {name: index for index, name in enumerate(skeletons.LSP14.joints)}
_TORSOS = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
_HEADS = (("neck", "head_top"),)
# Side of the box over the extent of the labelled joints.
_BOX_MARGIN = 1.2
_SMPL_SOURCES = {"smpl_mpjpe_mm", "located_mpjpe_mm"}
_SMPL_ROOT = (0,)
Tensors = Mapping[str, tf.Tensor]


class Scorer:
    """Compares estimates with records; all graph operations.

    Args:
        protocol: what is measured.
        body: the body of the estimates.
        true_bodies: `male` and `female` bodies of the truth, where known (and `neutral`, if it is
            not the estimates' own).
    """

    def __init__(
        self, protocol: Protocol, body: Body, true_bodies: Mapping[str, Body] | None = None
    ) -> None:
        self.protocol = protocol
        self._estimated = TrueBodies({"neutral": body})
        bodies = {"neutral": body, **(true_bodies or {})}
        self._true = TrueBodies(bodies, protocol.is_gendered)
        if self._true.bodies == self._estimated.bodies:
            self._true = self._estimated  # Their layers are costly to make.
        self._needs_mesh = "pve_mm" in protocol.sources

    @property
    def genders(self) -> tuple[str, ...]:
        """Genders whose true people have a body of their own."""
        return self._true.genders

    def errors(self, estimate: Tensors, batch: Tensors) -> dict[str, tf.Tensor]:
        """Returns the numbers of each person.

        Args:
            estimate: `rotations` and `betas`, or `protocol_joints_3d`; and `keypoints_2d`, if 2D
                is measured. What an estimate lacks is not measured.
            batch: of `hmr_tf.data.pipeline.evaluation_dataset`.

        Returns:
            Source (`hmr_tf.evaluation.measures`) -> `[B, ...]` float32, NaN where unknown.
        """
        found = {}
        if self.protocol.needs_joints:
            found.update(self._errors_3d(estimate, batch))
        if self._needs_mesh:
            found["pve_mm"] = self._vertex_error(estimate, batch)
        if _SMPL_SOURCES & set(self.protocol.sources):
            found.update(self._smpl_joint_errors(estimate, batch))
        if outputs.KEYPOINTS_2D in estimate:
            found.update(errors_2d(estimate[outputs.KEYPOINTS_2D], batch))
        return {name: found[name] for name in self.protocol.sources if name in found}

    def _errors_3d(self, estimate: Tensors, batch: Tensors) -> dict[str, tf.Tensor]:
        pred = self._joints(estimate, batch)
        gt, is_known = true_joints(batch, self.protocol, self._true)
        return joint_numbers(pred, gt, is_known, self.protocol, batch)

    def _joints(self, estimate: Tensors, batch: Tensors) -> tf.Tensor:
        """Returns the estimated joints of the protocol's set."""
        if PROTOCOL_JOINTS in estimate:
            return estimate[PROTOCOL_JOINTS]
        regressor, order = REGRESSORS[self.protocol.joints]
        joints = self._estimated.keypoints(
            regressor, estimate[outputs.ROTATIONS], estimate[outputs.BETAS], batch["gender"]
        )
        return schema.rearrange(joints, order, skeletons.get(self.protocol.joints))

    def _vertex_error(self, estimate: Tensors, batch: Tensors) -> tf.Tensor:
        if outputs.ROTATIONS not in estimate:
            return tf.fill(tf.shape(batch["has_smpl"]), np.nan)
        bodies = self._true if self.protocol.has_true_gender_mesh else self._estimated
        gender = batch["gender"]
        meshes = [
            self._mesh(bodies, estimate[outputs.ROTATIONS], estimate[outputs.BETAS], gender),
            self._mesh(self._true, true_rotations(batch), batch["betas"], gender),
        ]
        return _where_known(metrics.pve(*meshes), batch["has_smpl"] > 0)

    def _mesh(
        self, bodies: TrueBodies, rotations: tf.Tensor, betas: tf.Tensor, gender: tf.Tensor
    ) -> tf.Tensor:
        """Returns vertices where the protocol compares them."""
        vertices = bodies.vertices(rotations, betas, gender)
        if not self.protocol.joins_meshes:
            return vertices
        return vertices - self._root(bodies, rotations, betas, gender)

    def _root(
        self, bodies: TrueBodies, rotations: tf.Tensor, betas: tf.Tensor, gender: tf.Tensor
    ) -> tf.Tensor:
        """Returns the regressed root of the protocol's joint set, `[B, 1, 3]`."""
        regressor, order = REGRESSORS[self.protocol.joints]
        joints = bodies.keypoints(regressor, rotations, betas, gender)
        joints = schema.rearrange(joints, order, skeletons.get(self.protocol.joints))
        return tf.reduce_mean(tf.gather(joints, self.protocol.root, axis=1), 1, keepdims=True)

    def _smpl_joint_errors(self, estimate: Tensors, batch: Tensors) -> dict[str, tf.Tensor]:
        """Compares SMPL's own joints: those of the body, and those that were located."""
        gt = self._true.smpl_joints(true_rotations(batch), batch["betas"], batch["gender"])
        found = {}
        if outputs.ROTATIONS in estimate:
            found["smpl_mpjpe_mm"] = self._estimated.smpl_joints(
                estimate[outputs.ROTATIONS], estimate[outputs.BETAS], batch["gender"]
            )
        if outputs.HEATMAP_JOINTS_3D in estimate:
            located = estimate[outputs.HEATMAP_JOINTS_3D]
            found["located_mpjpe_mm"] = located[:, : skeletons.SMPL24.num_joints]
        return {
            name: _where_known(metrics.mpjpe(joints, gt, root=_SMPL_ROOT), batch["has_smpl"] > 0)
            for name, joints in found.items()
        }


def joint_numbers(
    pred: tf.Tensor, gt: tf.Tensor, is_known: tf.Tensor, protocol: Protocol, batch: Tensors
) -> dict[str, tf.Tensor]:
    """Compares joints as a protocol says.

    Args:
        pred: `[B, J, 3]` m, all of the protocol's joint set, or `[B, num_joints, 3]` m relative to
            the protocol's root.
        gt: `[B, J, 3]` m, all of the joint set.
        is_known: `[B]` bool, whose truth is known.
        protocol: which joints, root and corrections.
        batch: `center`, `intrinsics` and `has_intrinsics`, for protocols that turn to the ray.

    Returns:
        `mpjpe_mm`, `pa_mpjpe_mm` `[B]` and `joint_errors_mm`, `pa_joint_errors_mm`
        `[B, num_pck_joints]`, NaN where unknown.
    """
    has_root = pred.shape[1] == gt.shape[1]
    if protocol.turns_to_ray:
        intrinsics = batch["intrinsics"] * batch["has_intrinsics"][:, None]
        pred = corrections.turn_to_ray(pred, batch["center"], intrinsics)
    if has_root:
        pred = alignment.align_root(pred, protocol.root)
        if protocol.fits_bones:
            pred = corrections.fit_bones(pred, gt)
    gt = alignment.align_root(gt, protocol.root)
    num_joints, num_fitted = protocol.num_joints, protocol.num_fitted or protocol.num_joints
    raw = metrics.joint_errors(pred[:, :num_joints], gt[:, :num_joints])
    aligned = tf.fill(tf.shape(raw), np.nan)
    if pred.shape[1] >= num_fitted:
        aligned = metrics.pa_joint_errors(pred[:, :num_fitted], gt[:, :num_fitted])[:, :num_joints]
    values = {
        "mpjpe_mm": tf.reduce_mean(raw, axis=-1),
        "pa_mpjpe_mm": tf.reduce_mean(aligned, axis=-1),
        "joint_errors_mm": raw[:, : protocol.num_pck_joints],
        "pa_joint_errors_mm": aligned[:, : protocol.num_pck_joints],
    }
    return {name: _where_known(value, is_known) for name, value in values.items()}


def errors_2d(keypoints_2d: tf.Tensor, batch: Tensors) -> dict[str, tf.Tensor]:
    """Compares keypoints in the image with the visible labels.

    Args:
        keypoints_2d: `[B, 14 or 19, 2]` crop units, cocoplus.
        batch: `keypoints_2d` `[B, 19, 2]`, `visibility` `[B, 19]`, `window` `[B]`.

    Returns:
        `keypoints_2d_px` `[B]` and `errors_in_torsos`, `errors_in_heads`, `errors_in_boxes`
        `[B, 14]`; NaN where a joint, or the length that it is measured by, is not visible.
    """
    num_points = keypoints_2d.shape[1]
    gt, visibility = batch["keypoints_2d"][:, :num_points], batch["visibility"][:, :num_points]
    is_any = tf.reduce_any(visibility > 0, axis=-1)
    # One crop unit is half a window.
    mean = 0.5 * batch["window"] * metrics.keypoint_error(keypoints_2d, gt, visibility)
    points, seen = gt[:, : len(_LSP)], visibility[:, : len(_LSP)] > 0
    distance = tf.norm(keypoints_2d[:, : len(_LSP)] - points, axis=-1)
    lengths = {
        "errors_in_torsos": _length(points, seen, _TORSOS),
        "errors_in_heads": _length(points, seen, _HEADS),
        "errors_in_boxes": _box_side(points, seen),
    }
    found = {"keypoints_2d_px": _where_known(mean, is_any)}
    for name, length in lengths.items():
        is_known = seen & (length > 0)[:, None]
        found[name] = _where_known(tf.math.divide_no_nan(distance, length[:, None]), is_known)
    return found


def _length(points: tf.Tensor, seen: tf.Tensor, ends: tuple) -> tf.Tensor:
    """Returns the length of the first of some segments that is visible, `[B]`; 0 if none is."""
    length = tf.zeros_like(points[:, 0, 0])
    for first, second in reversed(ends):
        first, second = _LSP[first], _LSP[second]
        distance = tf.norm(points[:, first] - points[:, second], axis=-1)
        length = tf.where(seen[:, first] & seen[:, second], distance, length)
    return length


def _box_side(points: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
    """Returns the side of the square box around the visible points, `[B]`."""
    lowest = tf.reduce_min(tf.where(seen[..., None], points, np.inf), axis=1)
    highest = tf.reduce_max(tf.where(seen[..., None], points, -np.inf), axis=1)
    return _BOX_MARGIN * tf.reduce_max(tf.maximum(highest - lowest, 0.0), axis=-1)


def _where_known(values: tf.Tensor, is_known: tf.Tensor) -> tf.Tensor:
    """Returns the values with NaN where they are not known; ``is_known`` may lack last axes."""
    for _ in range(values.shape.rank - is_known.shape.rank):
        is_known = is_known[..., None]
    return tf.where(is_known, values, np.nan)
