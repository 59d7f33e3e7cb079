"""Volumes of voxels around a body: where points lie in them, what is drawn there, and its mean.

Places are (u, v, d): shares of the volume's sides from its middle, -0.5 to 0.5. Voxel i of n lies
at share i / n - 0.5 of its axis. A volume is `[batch, rows, columns, depths, maps]`: rows run along
v, columns along u. Sizes are numbers of voxels along (u, v, d).

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

_SPACE = [1, 2, 3]
_TINY = 1e-5  # voxels^2, beside the squared length of a limb, as in the release


def uvd_to_voxels(uvd: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Returns the voxel coordinates `[..., 3]` (u, v, d) of places `[..., 3]`."""
    return (uvd + 0.5) * tf.constant(sizes, uvd.dtype)


def voxels_to_uvd(voxels: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Returns the places of voxel coordinates; the inverse of `uvd_to_voxels`."""
    return voxels / tf.constant(sizes, voxels.dtype) - 0.5


class Reading(NamedTuple):
    """What the softmax of each map of a volume says.

    Attributes:
        logits: `[batch, rows, columns, depths, K]`.
        log_total: `[batch, K]`, logarithm of the sum of a map's exponentials.
        voxels: `[batch, K, 3]` voxel coordinates (u, v, d) of a map's mean place. A peak in an
            outermost voxel is pulled inwards, as half of it is cut off.
    """

    logits: tf.Tensor
    log_total: tf.Tensor
    voxels: tf.Tensor


def read(logits: tf.Tensor) -> Reading:
    """Reads a volume of logits `[batch, rows, columns, depths, K]`, float32 or float64."""
    return Reading(logits, *_softmax_moments(logits))


def expected_voxels(logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean place of each map's softmax; see `Reading`."""
    return read(logits).voxels


@tf.custom_gradient
def _softmax_moments(logits: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Any]:
    """Returns `log_total` and `voxels` of a `Reading`.

    Volumes are large and each operation on one takes as long as a network's layer: all that is read
    off a map shares one exponential, and both gradients are one product.
    """
    peak = tf.reduce_max(logits, axis=_SPACE, keepdims=True)
    weights = tf.exp(logits - peak)
    plane = tf.reduce_sum(weights, axis=3)  # Rows and columns, for both of which it serves.
    sums = (
        tf.reduce_sum(plane, axis=1),
        tf.reduce_sum(plane, axis=2),
        tf.reduce_sum(weights, axis=[1, 2]),
    )
    total = tf.reduce_sum(sums[2], axis=1)
    grids = [tf.range(part.shape[1], dtype=part.dtype) for part in sums]
    means = [tf.einsum("bnk,n->bk", part, grid) / total for part, grid in zip(sums, grids)]

    def gradient(of_log: tf.Tensor, of_voxels: tf.Tensor) -> tf.Tensor:
        """With p the softmax: d log_total = p, and d mean = p (place - mean)."""
        u, v, d = (
            (of_voxels[..., axis] / total)[:, tf.newaxis] * (grid[:, tf.newaxis] - mean[:, None])
            for axis, (grid, mean) in enumerate(zip(grids, means))
        )
        flat = v[:, :, tf.newaxis] + u[:, tf.newaxis] + (of_log / total)[:, None, None]
        return weights * (flat[:, :, :, tf.newaxis] + d[:, None, None])

    log_total = peak[:, 0, 0, 0] + tf.math.log(total)
    return (log_total, tf.stack(means, axis=-1)), gradient


def gaussian_factors(voxels: tf.Tensor, sizes: Sequence[int]) -> list[tf.Tensor]:
    """Returns the three factors of Gaussians with a standard deviation of one voxel.

    Their product is the density: 0.0635 at a point that lies on a voxel, and about 1 in all unless
    the volume's border cuts it off.

    Args:
        voxels: `[batch, K, 3]` voxel coordinates (u, v, d).
        sizes: numbers of voxels along (u, v, d).

    Returns:
        `[batch, K, size]` each, along u, v and d.
    """
    peak = 1.0 / math.sqrt(2.0 * math.pi)
    factors = []
    for axis, size in enumerate(sizes):
        offset = tf.range(size, dtype=voxels.dtype) - voxels[..., axis, None]
        factors.append(peak * tf.exp(-0.5 * tf.square(offset)))
    return factors


def gaussian_maps(voxels: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Returns `[batch, rows, columns, depths, K]` densities of Gaussians; see the factors."""
    return tf.einsum("bku,bkv,bkd->bvudk", *gaussian_factors(voxels, sizes))


def limb_distances(starts: tf.Tensor, ends: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Returns how far every voxel is from line segments.

    Args:
        starts, ends: `[batch, n, 3]` voxel coordinates (u, v, d).
        sizes: numbers of voxels along (u, v, d).

    Returns:
        `[batch, rows, columns, depths, n]`, squares, voxels^2.
    """
    v, u, d = tf.meshgrid(
        *(tf.range(sizes[axis], dtype=starts.dtype) for axis in (1, 0, 2)), indexing="ij"
    )
    grid = tf.stack([u, v, d], axis=-1)[:, :, :, None]
    first = starts[:, None, None, None]
    along = (ends - starts)[:, None, None, None]
    square = tf.reduce_sum(along * along, axis=-1) + _TINY
    share = tf.reduce_sum((grid - first) * along, axis=-1) / square
    nearest = first + tf.clip_by_value(share, 0.0, 1.0)[..., None] * along
    return tf.reduce_sum(tf.square(grid - nearest), axis=-1)


def tubes(distances: tf.Tensor) -> tf.Tensor:
    """Returns maps of limbs: 1 on their segments, falling off like a Gaussian of one voxel.

    Args:
        distances: `[batch, rows, columns, depths, n]` of `limb_distances`.

    Returns:
        `[batch, rows, columns, depths]`: the greatest over the n segments of the limb.
    """
    return tf.exp(-0.5 * tf.reduce_min(distances, axis=-1))


def released_limbs(distances: tf.Tensor) -> tf.Tensor:
    """Returns maps of limbs as the release draws them: nearly the same everywhere.

    Each segment's is the softmax over the volume of 1 / (1 + distance^2), whose exponent runs from
    0 to 1 only, so that it says next to nothing of the limb.

    Args:
        distances: `[batch, rows, columns, depths, n]` of `limb_distances`.

    Returns:
        `[batch, rows, columns, depths]`: the greatest over the n segments of the limb.
    """
    weights = tf.exp(1.0 / (1.0 + distances))
    shares = weights / tf.reduce_sum(weights, axis=[1, 2, 3], keepdims=True)
    return tf.reduce_max(shares, axis=-1)
