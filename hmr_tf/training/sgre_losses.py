"""SGRE's losses, as sums with their counts (`hmr_tf.losses.Loss`).

The release takes the mean over all elements of a batch, those without a label included, so that the
share of labelled people scales each loss. Places in the crop are compared in eighths of its side:
cells of the release's last map.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, and the reductions of its release.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.geometry import global_rotations, rotations
from hmr_tf.losses import Loss
from hmr_tf.models.rotation_chain import TREE
from hmr_tf.training.hybrik_losses import marginal_loss, masked_square_loss

NAMES = (
    *("body_joint_img", "smpl_joint_img", "smpl_pose", "smpl_shape"),
    *("body_joint_proj", "body_joint_cam", "smpl_joint_cam"),
)
MARGINAL = "marginal"
# A side of the crop, and a crop unit.
_CELLS, _HALF_CELLS = 8.0, 4.0


def masked_l1_loss(pred: tf.Tensor, gt: tf.Tensor, weights: tf.Tensor) -> Loss:
    """Mean absolute error in which what has no weight counts as right.

    Args:
        pred, gt: `[batch, ...]`.
        weights: `[batch]` 0 or 1, or of more of the axes.

    Returns:
        Sum; count: all elements.
    """
    for _ in range(pred.shape.rank - weights.shape.rank):
        weights = weights[..., tf.newaxis]
    # Chosen before it is weighed: a wild estimate times zero is not zero.
    difference = tf.where(weights > 0.0, weights * (pred - gt), 0.0)
    return Loss(tf.reduce_sum(tf.abs(difference)), tf.cast(tf.size(pred), tf.float32))


def terms(
    estimate: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], estimation: str
) -> dict[str, Loss]:
    """Computes the losses of a model's estimate, without their weights.

    Args:
        estimate: of `hmr_tf.models.sgre.SGRE`, in training.
        batch: labels, with those of `hmr_tf.data.sgre_targets`.
        estimation: the model's: which rotations are compared.

    Returns:
        One loss for each of `NAMES`, and `marginal` if the estimate has the marginals.
    """
    uvd, has_body = estimate[outputs.JOINTS_UVD], batch["has_body"]
    joints = estimate[outputs.BODY_JOINTS_3D]
    joints = joints - joints[:, :1]
    label_uv = 2.0 * batch["label_uvd"][..., :2]
    made = {
        "body_joint_img": _scaled(
            _CELLS, masked_l1_loss(uvd, batch["label_uvd"], batch["label_uvd_weights"])
        ),
        "smpl_joint_img": _scaled(
            _CELLS, masked_l1_loss(uvd, batch["body_uvd"], batch["body_uvd_weights"])
        ),
        "smpl_pose": _pose_loss(estimate, batch, estimation),
        "smpl_shape": masked_l1_loss(estimate[outputs.BETAS], batch["body_betas"], has_body),
        "body_joint_proj": _scaled(
            _HALF_CELLS,
            masked_l1_loss(
                estimate[outputs.BODY_JOINTS_2D], label_uv, batch["label_uvd_weights"][..., :2]
            ),
        ),
        "body_joint_cam": masked_l1_loss(
            joints, batch["label_joints"], batch["label_joints_weights"]
        ),
        "smpl_joint_cam": masked_l1_loss(joints, batch["body_joints"], has_body),
    }
    if outputs.HEATMAP_MARGINALS in estimate:
        made[MARGINAL] = marginal_loss(
            estimate[outputs.HEATMAP_MARGINALS],
            batch["body_uvd"],
            batch["body_uvd_weights"][..., tf.newaxis],
        )
    return made


def _pose_loss(
    estimate: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], estimation: str
) -> Loss:
    """The mean square of the rotation matrices: global ones, if these are estimated."""
    pose = tf.reshape(batch["pose_axis_angle"], [-1, TREE.num_joints, 3])
    gt = rotations.axis_angle_to_matrix(pose)
    pred = estimate[outputs.ROTATIONS]
    if estimation == "sequential":
        gt = global_rotations.local_to_global(gt, TREE)
        pred = estimate[outputs.GLOBAL_ROTATIONS]
    return masked_square_loss(pred, gt, batch["has_body"])


def _scaled(factor: float, loss: Loss) -> Loss:
    return Loss(factor * loss.total, loss.count)
