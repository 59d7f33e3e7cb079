"""The losses of an estimate against its image's labels: which of them are in use, and their sum.

What each of them is stands in `hmr_tf.losses`; how much it weighs in `hmr_tf.config.LossConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf import metrics, outputs
from hmr_tf.config import LossConfig
from hmr_tf.geometry import rotations

# In the order in which they are reported and added.
_NAMES = (
    *("keypoints_2d", "heatmap", "depth", "joints_3d"),
    *("smpl", "pose", "betas", "vertices", "camera", "mean_pose"),
)
# Reported whatever their weights.
_ALWAYS = ("keypoints_2d", "joints_3d", "smpl")
_FROM_HEATMAPS = ("heatmap", "depth")
_WITH_3D_LABELS = ("depth", "joints_3d", "smpl", "pose", "betas", "vertices")
_NUM_LSP = 14


def names(losses: LossConfig) -> tuple[str, ...]:
    """Returns the names of the losses in use; the weight of each is the setting ``NAME_weight``."""
    return tuple(
        name
        for name in _NAMES
        if (name in _ALWAYS or getattr(losses, f"{name}_weight"))
        and (losses.use_3d_labels or name not in _WITH_3D_LABELS)
    )


def need_heatmaps(losses: LossConfig) -> tuple[str, ...]:
    """Returns the names of the losses in use that need an encoder which draws heatmaps."""
    return tuple(name for name in names(losses) if name in _FROM_HEATMAPS)


def weighted(losses: LossConfig, scalars: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the sum of the losses in use, each times its weight.

    Args:
        losses: the weights.
        scalars: the value of each of `names`, `[]` float32.
    """
    return sum(getattr(losses, f"{name}_weight") * scalars[name] for name in names(losses))


def terms(
    losses: LossConfig,
    estimate: Mapping[str, tf.Tensor],
    batch: Mapping[str, tf.Tensor],
    model: tf.keras.Model,
) -> dict[str, losses_lib.Loss]:
    """Computes the losses in use, without their weights.

    Args:
        losses: forms, weights and switches.
        estimate: of the last iteration.
        batch: the labels, as `hmr_tf.data.pipeline` makes them.
        model: what made the estimate; of it `body` and `mean` where a loss needs them.

    Returns:
        One loss for each of `names`.
    """
    used = names(losses)
    points, visibility = batch["keypoints_2d"], batch["visibility"]
    made = {
        "keypoints_2d": losses_lib.keypoints_2d_loss(
            estimate[outputs.KEYPOINTS_2D], points, visibility, losses.keypoints_2d_loss
        )
    }
    if "heatmap" in used:
        made["heatmap"] = losses_lib.heatmap_loss(estimate[outputs.HEATMAPS], points, visibility)
    if "depth" in used:
        made["depth"] = losses_lib.depth_loss(
            estimate[outputs.DEPTHS], batch["joints_3d"], batch["has_3d"]
        )
    if losses.use_3d_labels:
        made["joints_3d"] = losses_lib.joints_3d_loss(
            estimate[outputs.JOINTS_3D], batch["joints_3d"], batch["has_3d"], losses.joints_3d_loss
        )
        made.update(_smpl_terms(used, estimate, batch, model))
    if "camera" in used:
        made["camera"] = losses_lib.camera_loss(estimate[outputs.CAMERA])
    if "mean_pose" in used:
        made["mean_pose"] = losses_lib.mean_pose_loss(
            estimate[outputs.ROTATIONS], model.mean[outputs.ROTATIONS]
        )
    return made


def _smpl_terms(
    used: tuple[str, ...],
    estimate: Mapping[str, tf.Tensor],
    batch: Mapping[str, tf.Tensor],
    model: tf.keras.Model,
) -> dict[str, losses_lib.Loss]:
    """Losses against pose and shape."""
    pred = estimate[outputs.ROTATIONS], estimate[outputs.BETAS]
    pose = tf.reshape(batch["pose_axis_angle"], [-1, 24, 3])
    gt = rotations.axis_angle_to_matrix(pose), batch["betas"]
    has_smpl = batch["has_smpl"]
    made = {"smpl": losses_lib.smpl_loss(*pred, *gt, has_smpl)}
    if "pose" in used:
        made["pose"] = losses_lib.pose_loss(pred[0], gt[0], has_smpl)
    if "betas" in used:
        made["betas"] = losses_lib.betas_loss(pred[1], gt[1], has_smpl)
    if "vertices" in used:
        meshes = [model.body(*parameters)["vertices"] for parameters in (pred, gt)]
        made["vertices"] = losses_lib.vertices_loss(*meshes, has_smpl)
    return made


def joint_error(joints_3d: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> losses_lib.Loss:
    """MPJPE of the LSP joints over labelled items, mm, as a sum with its count; no gradient.

    Args:
        joints_3d: `[batch, K >= 14, 3]` m; the first 14 joints are LSP's.
        batch: `joints_3d` and `has_3d`.
    """
    joints = tf.stop_gradient(joints_3d[:, :_NUM_LSP])
    errors = metrics.mpjpe(joints, batch["joints_3d"])
    return losses_lib.Loss(tf.reduce_sum(errors * batch["has_3d"]), tf.reduce_sum(batch["has_3d"]))
