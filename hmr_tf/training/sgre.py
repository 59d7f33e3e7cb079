"""SGRE's training: joints in the crop and in space, global rotations and shape against labels."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf.data import sgre_targets
from hmr_tf.training import sgre_losses
from hmr_tf.training.supervised import Batch, SupervisedTask


class SGRETask(SupervisedTask):
    """Trains `hmr_tf.models.sgre.SGRE`; losses are an `SGRELossConfig`."""

    def targets(self) -> sgre_targets.SGRETargets:
        """Returns what makes the targets in the input graph."""
        losses = self._losses
        return sgre_targets.SGRETargets(self._body, losses.use_pose_errors, losses.own_pose_share)

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """The losses in use."""
        names = sgre_losses.NAMES
        if self._losses.marginal_weight:
            names = (*names, sgre_losses.MARGINAL)
        return {name: getattr(self._losses, f"{name}_weight") for name in names}

    def estimate(self, batch: Batch, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Runs the model as in training; see `SupervisedTask`."""
        return self.model(batch["image"], training=True, pose_2d=batch["pose_2d"])

    def terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Computes the losses in use, without their weights."""
        made = sgre_losses.terms(estimate, batch, self._model_config.estimation)
        return {name: made[name] for name in self.loss_weights}
