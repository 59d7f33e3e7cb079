"""SMPLR's losses, as sums with their counts (`hmr_tf.losses.Loss`).

The release compares volumes by the cross-entropy of every voxel by itself, whose targets are nearly
all zero, and all else by mean absolute differences. `volume_cross_entropy` trains what is read off
the volumes instead: the softmax over each map.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020, and the reductions of its release.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from hmr_tf.body import landmarks
from hmr_tf.geometry import volumes
from hmr_tf.losses import Loss

LIMB_TARGETS = ("tube", "release")
_SPACE = [1, 2, 3]


def limb_maps(voxels: tf.Tensor, sizes: Sequence[int], form: str = "tube") -> tf.Tensor:
    """Draws arms and legs.

    Args:
        voxels: `[batch, 41, 3]` voxel coordinates of the points.
        sizes: numbers of voxels along u, v and d.
        form: `tube`, or as the `release` draws them.

    Returns:
        `[batch, rows, columns, depths, 4]`.
    """
    draw = volumes.tubes if form == "tube" else volumes.released_limbs
    maps = []
    for limb in landmarks.LIMBS:
        ends = tf.gather(voxels, limb, axis=1)
        # Points are those of the tree without its pelvis, on which no limb hangs.
        parents = [landmarks.POINT_PARENTS[bone + 1] - 1 for bone in limb]
        starts = tf.gather(voxels, parents, axis=1)
        maps.append(draw(volumes.limb_distances(starts, ends, sizes)))
    return tf.stack(maps, axis=-1)


def volume_cross_entropy(
    drawn: volumes.Reading,
    voxels: tf.Tensor,
    has_points: tf.Tensor,
    limbs: tf.Tensor | None = None,
) -> Loss:
    """Cross-entropy between the softmax over each map and what should be drawn, made to sum to 1.

    Args:
        drawn: 41 maps of points, and those of limbs if there are any.
        voxels: `[batch, 41, 3]` voxel coordinates; points outside of the volume do not count.
        has_points: `[batch]` 0 or 1.
        limbs: `[batch, rows, columns, depths, 4]` of `limb_maps`; None without limbs.

    Returns:
        Sum over maps, nats; count: maps.
    """
    num_points = voxels.shape[1]
    rows, columns, depths = drawn.logits.shape[1:4]
    sizes = (columns, rows, depths)
    maps = drawn.logits if limbs is None else drawn.logits[..., :num_points]
    u, v, d = (
        tf.math.divide_no_nan(factor, tf.reduce_sum(factor, axis=-1, keepdims=True))
        for factor in volumes.gaussian_factors(voxels, sizes)
    )
    # One axis after the other: the product of all three would be another volume.
    wanted = tf.reduce_sum(maps * tf.transpose(d, [0, 2, 1])[:, None, None], axis=3)
    wanted = tf.reduce_sum(tf.einsum("bvuk,bku->bkv", wanted, u) * v, axis=-1)
    limit = tf.constant(sizes, voxels.dtype) - 0.5
    is_inside = tf.reduce_all((voxels >= -0.5) & (voxels <= limit), axis=-1)
    weights = tf.cast(is_inside, tf.float32) * has_points[:, tf.newaxis]
    if limbs is not None:
        total = tf.reduce_sum(limbs, axis=_SPACE, keepdims=True)
        shares = tf.math.divide_no_nan(limbs, total)
        of_limbs = tf.reduce_sum(shares * drawn.logits[..., num_points:], axis=_SPACE)
        wanted = tf.concat([wanted, of_limbs], axis=-1)
        is_drawn = tf.cast(total[:, 0, 0, 0] > 1e-3, tf.float32) * has_points[:, tf.newaxis]
        weights = tf.concat([weights, is_drawn], axis=-1)
    entropy = drawn.log_total - wanted
    return Loss(tf.reduce_sum(weights * entropy), tf.reduce_sum(weights))


def volume_sigmoid_loss(
    drawn: volumes.Reading,
    voxels: tf.Tensor,
    has_points: tf.Tensor,
    limbs: tf.Tensor | None = None,
) -> Loss:
    """Cross-entropy of every voxel by itself, as in the release.

    Args:
        drawn, voxels, has_points, limbs: as for `volume_cross_entropy`.

    Returns:
        Sum over voxels and maps; count: these. The release adds up the means of its stacks.
    """
    logits = drawn.logits
    rows, columns, depths = logits.shape[1:4]
    targets = volumes.gaussian_maps(voxels, (columns, rows, depths))
    if limbs is not None:
        targets = tf.concat([targets, limbs], axis=-1)
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    total = tf.reduce_sum(has_points * tf.reduce_sum(each, axis=[1, 2, 3, 4]))
    count = rows * columns * depths * logits.shape[-1]
    return Loss(total, count * tf.reduce_sum(has_points))


def l1_loss(pred: tf.Tensor, gt: tf.Tensor, mask: tf.Tensor) -> Loss:
    """Mean absolute difference over all elements of what is known.

    Args:
        pred, gt: `[batch, ...]`.
        mask: `[batch]` 0 or 1.

    Returns:
        Sum; count: elements.
    """
    difference = tf.reshape(tf.abs(pred - gt), [tf.shape(pred)[0], -1])
    each = tf.reduce_sum(difference, axis=-1)
    # Chosen, not multiplied: what is not known may be anything.
    total = tf.reduce_sum(tf.where(mask > 0.0, each, 0.0))
    elements = tf.cast(tf.shape(difference)[-1], tf.float32)
    return Loss(total, elements * tf.reduce_sum(mask))


def gender_loss(score: tf.Tensor, gender: tf.Tensor) -> Loss:
    """Logistic loss of the gender.

    Args:
        score: `[batch]`, positive for men.
        gender: `[batch]` int32 as in records: 1 male, 2 female, others unknown.

    Returns:
        Sum, nats; count: people whose gender is known.
    """
    is_male = tf.cast(tf.equal(gender, 1), tf.float32)
    known = tf.cast(tf.equal(gender, 1) | tf.equal(gender, 2), tf.float32)
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=is_male, logits=score)
    return Loss(tf.reduce_sum(known * each), tf.reduce_sum(known))


def gender_l1_loss(score: tf.Tensor, gender: tf.Tensor) -> Loss:
    """Absolute difference of the score from 1 for men and -1 for women, as in the release.

    Args:
        score, gender: as for `gender_loss`.

    Returns:
        Sum; count: people whose gender is known.
    """
    is_male = tf.equal(gender, 1)
    return l1_loss(
        score[:, tf.newaxis],
        tf.where(is_male, 1.0, -1.0)[:, tf.newaxis],
        tf.cast(is_male | tf.equal(gender, 2), tf.float32),
    )
