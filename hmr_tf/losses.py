"""Losses of the original release and of the later ones, as sums with their counts.

The original divides each loss by the number of elements with non-zero weight in the whole batch. A
replica sees only its part of the batch, so every function returns the sum and the count; the caller
adds the counts of all replicas and divides: the gradients are then those of one device with the
whole batch.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, sections
3.1-3.3, and the reductions of its release; N. Kolotouros et al., Learning to Reconstruct 3D Human
Pose and Shape via Model-fitting in the Loop, ICCV 2019, and mmhuman3d for the later forms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

_NUM_LSP = 14
# Of the Gaussians that maps are drawn to, cells.
HEATMAP_SIGMA = 0.7
_HIPS = (2, 3)  # right and left, in LSP order


def _smooth_l1(difference: tf.Tensor) -> tf.Tensor:
    size = tf.abs(difference)
    return tf.where(size < 1.0, 0.5 * tf.square(difference), size - 0.5)


# What becomes of each difference.
FORMS = {
    "l1": tf.abs,
    "mse": tf.square,
    "half_mse": lambda difference: 0.5 * tf.square(difference),
    "smooth_l1": _smooth_l1,
}


class Loss(NamedTuple):
    """A loss before its division.

    Attributes:
        total: `[]` float32 sum over this replica's elements.
        count: `[]` float32 number of this replica's elements with non-zero weight.
    """

    total: tf.Tensor
    count: tf.Tensor

    def mean(self, count: tf.Tensor | None = None) -> tf.Tensor:
        """Returns total / count, or zero if nothing counts.

        Args:
            count: `[]` count of the global batch; this replica's own if not given. With the global
                count the values and gradients of the replicas ADD UP to the global ones.
        """
        return tf.math.divide_no_nan(self.total, self.count if count is None else count)


def keypoints_2d_loss(
    pred_keypoints_2d: tf.Tensor,
    gt_keypoints_2d: tf.Tensor,
    visibility: tf.Tensor,
    form: str = "l1",
) -> Loss:
    """Reprojection error of visible keypoints.

    Args:
        pred_keypoints_2d: `[batch, K, 2]` crop units.
        gt_keypoints_2d: `[batch, K, 2]` crop units; any finite value where invisible.
        visibility: `[batch, K]` 0 or 1, or a confidence between.
        form: one of ``FORMS``.

    Returns:
        Sum over keypoints of visibility (f(dx) + f(dy)); count 2 per visible keypoint.
    """
    error = FORMS[form](pred_keypoints_2d - gt_keypoints_2d)
    return Loss(
        tf.reduce_sum(visibility[..., tf.newaxis] * error),
        2.0 * tf.math.count_nonzero(visibility, dtype=tf.float32),
    )


def heatmap_loss(logits: tf.Tensor, gt_keypoints_2d: tf.Tensor, visibility: tf.Tensor) -> Loss:
    """Cross-entropy between heatmaps and a Gaussian at each visible keypoint inside the crop.

    The Gaussian's standard deviation is 0.7 cells, and its values sum to one.

    Args:
        logits: `[batch, h, w, K]`.
        gt_keypoints_2d: `[batch, K, 2]` crop units.
        visibility: `[batch, K]` 0 or 1.

    Returns:
        Sum over keypoints, nats; count: keypoints.
    """
    _, height, width, num_keypoints = logits.shape
    size = tf.constant([width, height], tf.float32)
    # In cells from here on.
    gt = (gt_keypoints_2d + 1.0) * 0.5 * size - 0.5
    logarithms = []
    for axis, count in enumerate((width, height)):
        offset = tf.range(count, dtype=tf.float32)[:, tf.newaxis] - gt[:, tf.newaxis, :, axis]
        logarithms.append(tf.nn.log_softmax(-0.5 * tf.square(offset / HEATMAP_SIGMA), axis=1))
    target = tf.exp(logarithms[1][:, :, tf.newaxis] + logarithms[0][:, tf.newaxis])
    flat = tf.reshape(tf.cast(logits, tf.float32), [-1, height * width, num_keypoints])
    log_heatmaps = tf.nn.log_softmax(flat, axis=1)
    entropy = -tf.reduce_sum(tf.reshape(target, tf.shape(flat)) * log_heatmaps, axis=1)
    is_inside = tf.reduce_all(tf.abs(gt_keypoints_2d) < 1.0, axis=-1)
    weights = visibility * tf.cast(is_inside, tf.float32)
    return Loss(tf.reduce_sum(weights * entropy), tf.math.count_nonzero(weights, dtype=tf.float32))


def joints_3d_loss(
    pred_joints_3d: tf.Tensor,
    gt_joints_3d: tf.Tensor,
    has_3d: tf.Tensor,
    form: str = "half_mse",
) -> Loss:
    """Error of the 14 LSP joints, both sides relative to the middle of the hips.

    Args:
        pred_joints_3d: `[batch, K >= 14, 3]` m; the first 14 joints are LSP's.
        gt_joints_3d: `[batch, 14, 3]` m.
        has_3d: `[batch]` 0 or 1.
        form: one of ``FORMS``.

    Returns:
        Sum of f over coordinates; count 42 per labelled item.
    """
    pred, gt = _centred(pred_joints_3d[:, :_NUM_LSP]), _centred(gt_joints_3d[:, :_NUM_LSP])
    return _labelled(pred - gt, has_3d, form)


def depth_loss(depths: tf.Tensor, gt_joints_3d: tf.Tensor, has_3d: tf.Tensor) -> Loss:
    """Absolute error of the 14 LSP joints' depths, the truth relative to the middle of the hips.

    Args:
        depths: `[batch, K >= 14]` m.
        gt_joints_3d: `[batch, 14, 3]` m.
        has_3d: `[batch]` 0 or 1.

    Returns:
        Sum; count 14 per labelled item.
    """
    error = tf.abs(depths[:, :_NUM_LSP] - _centred(gt_joints_3d)[..., 2])
    count = _NUM_LSP * tf.math.count_nonzero(has_3d, dtype=tf.float32)
    return Loss(tf.reduce_sum(has_3d[:, tf.newaxis] * error), count)


def smpl_loss(
    pred_rotations: tf.Tensor,
    pred_betas: tf.Tensor,
    gt_rotations: tf.Tensor,
    gt_betas: tf.Tensor,
    has_smpl: tf.Tensor,
) -> Loss:
    """Squared error of the rotation matrices, the global one included, and of the betas, together.

    Args:
        pred_rotations, gt_rotations: `[batch, 24, 3, 3]`.
        pred_betas, gt_betas: `[batch, S]`.
        has_smpl: `[batch]` 0 or 1.

    Returns:
        Half the sum of squares; count 216 + S per labelled item.
    """
    difference = tf.concat(
        [tf.reshape(pred_rotations - gt_rotations, [-1, 24 * 9]), pred_betas - gt_betas], axis=-1
    )
    return _labelled(difference, has_smpl, "half_mse")


def pose_loss(pred_rotations: tf.Tensor, gt_rotations: tf.Tensor, has_smpl: tf.Tensor) -> Loss:
    """Squared error of the rotation matrices, the global one included.

    Args:
        pred_rotations, gt_rotations: `[batch, 24, 3, 3]`.
        has_smpl: `[batch]` 0 or 1.

    Returns:
        Sum of squares; count 216 per labelled item.
    """
    return _labelled(pred_rotations - gt_rotations, has_smpl, "mse")


def betas_loss(pred_betas: tf.Tensor, gt_betas: tf.Tensor, has_smpl: tf.Tensor) -> Loss:
    """Squared error of the betas.

    Args:
        pred_betas, gt_betas: `[batch, S]`.
        has_smpl: `[batch]` 0 or 1.

    Returns:
        Sum of squares; count S per labelled item.
    """
    return _labelled(pred_betas - gt_betas, has_smpl, "mse")


def vertices_loss(pred_vertices: tf.Tensor, gt_vertices: tf.Tensor, has_smpl: tf.Tensor) -> Loss:
    """Absolute error of the mesh, each body about its own origin.

    Args:
        pred_vertices, gt_vertices: `[batch, V, 3]` m.
        has_smpl: `[batch]` 0 or 1.

    Returns:
        Sum over coordinates; count 3 V per labelled item.
    """
    return _labelled(pred_vertices - gt_vertices, has_smpl, "l1")


def camera_loss(camera: tf.Tensor) -> Loss:
    """Keeps the camera's scale positive: exp(-10 scale)^2, as in SPIN.

    Args:
        camera: `[batch, 3]` (scale, tx, ty).

    Returns:
        Sum; count: items.
    """
    total = tf.reduce_sum(tf.exp(-20.0 * camera[:, 0]))
    return Loss(total, tf.cast(tf.shape(camera)[0], tf.float32))


def mean_pose_loss(pred_rotations: tf.Tensor, mean_rotations: tf.Tensor) -> Loss:
    """Squared distance of the body's rotations from those at which estimation begins.

    It makes a body nearly rigid, so that the global rotation alone has to explain the keypoints.

    Args:
        pred_rotations: `[batch, 24, 3, 3]`; the first one, the global rotation, does not count.
        mean_rotations: `[1, 24, 3, 3]`.

    Returns:
        Sum of squares; count 207 per item.
    """
    difference = (pred_rotations - mean_rotations)[:, 1:]
    return _labelled(difference, tf.ones(tf.shape(difference)[0]), "mse")


def adversarial_generator_loss(fake_outputs: tf.Tensor) -> Loss:
    """Least-squares loss that draws the critics' outputs on estimates to one.

    Args:
        fake_outputs: `[rows, 25]`, the rows of all iterations.

    Returns:
        Sum of (D - 1)^2 over rows and outputs; count: rows.
    """
    return _distance_to(fake_outputs, 1.0)


def discriminator_loss(real_outputs: tf.Tensor, fake_outputs: tf.Tensor) -> tuple[Loss, Loss]:
    """Least-squares losses of the critics; their loss is the sum of the two means.

    Args:
        real_outputs: `[rows, 25]` on motion-capture bodies, drawn to one.
        fake_outputs: `[rows, 25]` on estimates, drawn to zero.

    Returns:
        (real, fake), each a sum over rows and outputs with the number of rows as count.
    """
    return _distance_to(real_outputs, 1.0), _distance_to(fake_outputs, 0.0)


def _distance_to(outputs: tf.Tensor, target: float) -> Loss:
    total = tf.reduce_sum(tf.square(outputs - target))
    return Loss(total, tf.cast(tf.shape(outputs)[0], tf.float32))


def _centred(joints: tf.Tensor) -> tf.Tensor:
    """Returns `[batch, 14, 3]` LSP joints relative to the middle of the hips."""
    return joints - 0.5 * (joints[:, _HIPS[0], tf.newaxis] + joints[:, _HIPS[1], tf.newaxis])


def _labelled(difference: tf.Tensor, has_label: tf.Tensor, form: str) -> Loss:
    """Sums the errors of labelled items; counts their elements.

    Args:
        difference: `[batch, ...]`.
        has_label: `[batch]` 0 or 1.
        form: one of ``FORMS``.
    """
    errors = tf.reduce_sum(FORMS[form](difference), axis=list(range(1, len(difference.shape))))
    num_elements = float(math.prod(difference.shape[1:]))
    return Loss(
        tf.reduce_sum(has_label * errors),
        num_elements * tf.math.count_nonzero(has_label, dtype=tf.float32),
    )
