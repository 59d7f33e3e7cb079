"""HybrIK's training: heatmap joints, twists, shape, rotations and the camera against labels.

Rotations are solved by the naive method while training and give the joints no gradient, as in the
release: joints learn from their places alone, shape and twists also through the rotations.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf import outputs
from hmr_tf.body.inverse_kinematics import LEAF_PARENTS
from hmr_tf.data import hybrik_targets
from hmr_tf.geometry import rotations
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models.hybrik import FOCAL
from hmr_tf.training import hybrik_losses
from hmr_tf.training.supervised import Batch, SupervisedTask
from tfrecords_tools import skeletons

_NUM_TWISTS = skeletons.SMPL24.num_joints - 1
_NUM_ALL = skeletons.HYBRIK29.num_joints


class HybrIKTask(SupervisedTask):
    """Trains `hmr_tf.models.hybrik.HybrIK`; losses are a `HybrIKLossConfig`."""

    def targets(self) -> hybrik_targets.HybrIKTargets:
        """Returns what makes the targets in the input graph."""
        config, losses = self._model_config, self._losses
        return hybrik_targets.HybrIKTargets(
            self._body, config.depth_range, FOCAL, losses.drop_outside
        )

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """The losses in use."""
        losses = self._losses
        weights = {"uvd": losses.uvd_weight}
        if losses.marginal_weight:
            weights["marginal"] = losses.marginal_weight
        weights.update(
            betas=losses.betas_weight, pose=losses.pose_weight, twist=losses.twist_weight
        )
        if self._model_config.camera != "given":
            weights["weak_camera"] = losses.weak_camera_weight
        return weights

    def estimate(self, batch: Batch, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Runs the model as in training; see `SupervisedTask`."""
        view = None
        if self._model_config.camera == "given":
            view = CropView(*(batch[f"view_{name}"] for name in CropView._fields))
        return self.model(batch["image"], training=True, view=view, seed=seed)

    def terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Computes the losses in use, without their weights."""
        uvd = estimate[outputs.JOINTS_UVD]
        num_joints = uvd.shape[1]
        gt, weights = batch["uvd"][:, :num_joints], batch["uvd_weights"][:, :num_joints]
        has_smpl = batch["has_smpl"]
        pose = tf.reshape(batch["pose_axis_angle"], [-1, skeletons.SMPL24.num_joints, 3])
        square = hybrik_losses.masked_square_loss
        made = {
            "uvd": self._uvd_term(estimate, gt, weights),
            "betas": square(estimate[outputs.BETAS], batch["betas"], has_smpl),
            "pose": square(
                estimate[outputs.ROTATIONS], rotations.axis_angle_to_matrix(pose), has_smpl
            ),
            "twist": square(
                estimate[outputs.TWIST],
                batch["twists"],
                has_smpl[:, tf.newaxis] * _twists_in_use(num_joints),
            ),
        }
        if "marginal" in self.loss_weights:
            made["marginal"] = hybrik_losses.marginal_loss(
                estimate[outputs.HEATMAP_MARGINALS], gt, weights
            )
        if "weak_camera" in self.loss_weights:
            made["weak_camera"] = self._camera_term(estimate[outputs.CROP_CAMERA], batch)
        return made

    def _uvd_term(self, estimate: Batch, gt: tf.Tensor, weights: tf.Tensor) -> losses_lib.Loss:
        uvd = estimate[outputs.JOINTS_UVD]
        if self._losses.uvd_loss == "l1":
            return hybrik_losses.uvd_l1_loss(uvd, gt, weights)
        return hybrik_losses.uvd_laplace_loss(uvd, gt, weights, estimate[outputs.SIGMA])

    def _camera_term(self, camera: tf.Tensor, batch: Batch) -> losses_lib.Loss:
        """The mean square of the scale plus, if it is estimated, that of the shift."""
        gt, known = batch["crop_camera"], batch["has_crop_camera"]
        scale = hybrik_losses.masked_square_loss(camera[:, 0], gt[:, 0], known)
        if self._model_config.camera != "predicted":
            return scale
        shift = hybrik_losses.masked_square_loss(camera[:, 1:], gt[:, 1:], known)
        # Two numbers a person, so that their mean counts half.
        return losses_lib.Loss(scale.total + 0.5 * shift.total, scale.count)


def _twists_in_use(num_joints: int) -> tf.Tensor:
    """Returns `[1, 23]` 0 for joints whose bones end at leaves that are not located."""
    unused = () if num_joints == _NUM_ALL else LEAF_PARENTS
    return tf.constant([[float(joint + 1 not in unused) for joint in range(_NUM_TWISTS)]])
