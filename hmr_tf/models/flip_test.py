"""Flip test: an estimate averaged with that of the mirrored image, mirrored back."""

from __future__ import annotations

import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.geometry import alignment, rotations
from tfrecords_tools import skeletons


def mirror_estimate(estimate: dict[str, tf.Tensor], image_size: int) -> dict[str, tf.Tensor]:
    """Returns what an estimate of a mirrored image says about the image itself.

    Args:
        estimate: `rotations`, `betas`, `camera`.
        image_size: side of the crop, px; its columns were reversed.

    Returns:
        The same keys.
    """
    scale, shift_x, shift_y = tf.unstack(estimate[outputs.CAMERA], axis=-1)
    # Reversed columns take x to -x - 2 / size in crop units, as these count from pixel centres.
    shift_x = -shift_x - tf.math.divide_no_nan(2.0 / image_size, scale)
    mirrored = rotations.mirror_matrix(estimate[outputs.ROTATIONS], skeletons.SMPL24.flip)
    return {
        outputs.ROTATIONS: mirrored,
        outputs.BETAS: estimate[outputs.BETAS],
        outputs.CAMERA: tf.stack([scale, shift_x, shift_y], axis=-1),
    }


def average(first: dict[str, tf.Tensor], second: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the mean of two estimates.

    Of rotations it is the one nearest to the mean matrix; of cameras the one that puts a body's
    points midway between where the two put them.

    Args:
        first, second: `rotations`, `betas`, `camera`.
    """
    rotation = 0.5 * (first[outputs.ROTATIONS] + second[outputs.ROTATIONS])
    # p = scale (X + t): scale and scale t are what is linear.
    scales, shifts = zip(
        *((one[outputs.CAMERA][:, :1], one[outputs.CAMERA][:, 1:]) for one in (first, second))
    )
    scale = 0.5 * (scales[0] + scales[1])
    shift = 0.5 * (scales[0] * shifts[0] + scales[1] * shifts[1])
    return {
        outputs.ROTATIONS: alignment.nearest_rotation(rotation),
        outputs.BETAS: 0.5 * (first[outputs.BETAS] + second[outputs.BETAS]),
        outputs.CAMERA: tf.concat([scale, tf.math.divide_no_nan(shift, scale)], axis=-1),
    }


def estimate(model: tf.keras.Model, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Estimates people from their crops and from the mirrored crops.

    Args:
        model: a model of `hmr_tf.models`.
        images: `[B, size, size, 3]` RGB in [0, 1].

    Returns:
        `rotations`, `betas` and `camera`.
    """
    plain = model(images, training=False)
    mirrored = model(tf.reverse(images, axis=[2]), training=False)
    return average(plain, mirror_estimate(mirrored, images.shape[2]))
