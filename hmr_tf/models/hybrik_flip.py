"""What HybrIK reads off a mirrored image, turned back, and the mean of two readings."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import outputs
from tfrecords_tools import skeletons

# The skeleton's joints and the leaves of the variant without them, left and right exchanged.
_TWIST_FLIP = tuple(joint - 1 for joint in skeletons.SMPL24.flip[1:])
_LEAF_FLIP = (1, 0, 2, 4, 3)


def mirror(observed: Mapping[str, tf.Tensor], image_size: int) -> dict[str, tf.Tensor]:
    """Returns what a reading of a mirrored image says about the image itself.

    Args:
        observed: what `HybrIK.observe` returned.
        image_size: side of the crop, px; its columns were reversed.

    Returns:
        The same keys, but for `heatmap_marginals`.
    """
    uvd = observed[outputs.JOINTS_UVD]
    flip = skeletons.HYBRIK29.flip[: uvd.shape[1]]
    # Reversed columns take u to -u - 1 / size, as u counts from pixel centres.
    uvd = tf.gather(uvd, flip, axis=1) * (-1.0, 1.0, 1.0) - (1.0 / image_size, 0.0, 0.0)
    mirrored = {
        outputs.JOINTS_UVD: uvd,
        outputs.BETAS: observed[outputs.BETAS],
        outputs.TWIST: tf.gather(observed[outputs.TWIST], _TWIST_FLIP, axis=1) * (1.0, -1.0),
    }
    if outputs.LEAF_QUATERNIONS in observed:
        leaves = tf.gather(observed[outputs.LEAF_QUATERNIONS], _LEAF_FLIP, axis=1)
        mirrored[outputs.LEAF_QUATERNIONS] = leaves * (1.0, 1.0, -1.0, -1.0)
    if outputs.CROP_CAMERA in observed:
        mirrored[outputs.CROP_CAMERA] = observed[outputs.CROP_CAMERA] * (1.0, -1.0, 1.0)
        mirrored[outputs.SIGMA] = tf.gather(observed[outputs.SIGMA], flip, axis=1)
    return mirrored


def average(
    first: Mapping[str, tf.Tensor], second: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Returns the mean of two readings, of the keys that both have.

    The mean of two heatmaps has the mean of their places.
    """
    mean = {key: 0.5 * (first[key] + second[key]) for key in second}
    if outputs.LEAF_QUATERNIONS in second:
        mean[outputs.LEAF_QUATERNIONS] = _mean_quaternion(
            first[outputs.LEAF_QUATERNIONS], second[outputs.LEAF_QUATERNIONS]
        )
    return mean


def _mean_quaternion(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns the rotation halfway; a quaternion and its negative are the same."""
    first, second = (tf.math.l2_normalize(x, axis=-1) for x in (first, second))
    product = tf.reduce_sum(first * second, axis=-1, keepdims=True)
    return first + tf.where(product < 0.0, -second, second)
