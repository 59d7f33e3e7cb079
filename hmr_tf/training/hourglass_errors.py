"""What an hourglass gets wrong: the noise that the networks behind it should learn to bear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.errors import DataError
from hmr_tf.geometry import volume_axes, volumes
from hmr_tf.training import point_noise

# How many people a training looks at: so many errors cannot be learned by heart.
COUNT = 8192
BATCH_SIZE = 32


def collect(model: tf.keras.Model, elements: Iterable[Any], count: int) -> tf.Tensor:
    """Runs a model's hourglass on people whose points are known.

    Args:
        model: a `hmr_tf.models.smplr.SMPLR`.
        elements: endless, of `hmr_tf.data.pipeline.training_dataset` with SMPLR's targets.
        count: people to collect.

    Returns:
        `[count, 41, 3]` float32, m, camera frame: what it found, less the truth.

    Raises:
        DataError: if nobody's points are known.
    """
    locate = tf.function(lambda batch: locate_points(model, batch)[0], autograph=False)
    found, num_found, num_seen = [], 0, 0
    for batch, _ in elements:
        errors = point_noise.errors_of(locate(batch), batch["points"], batch["has_smpl"])
        found.append(errors)
        num_found, num_seen = num_found + len(errors), num_seen + len(batch["image"])
        if num_found >= count:
            break
        if not num_found and num_seen >= count:
            raise DataError(
                f"None of {num_seen} people has SMPL labels, without which an hourglass's errors "
                "are not known; take another --noise_law or other records."
            )
    return tf.constant(np.concatenate(found)[:count])


def locate_points(
    model: tf.keras.Model, batch: Mapping[str, tf.Tensor], training: bool = False
) -> tuple[tf.Tensor, tf.Tensor, list[volumes.Reading]]:
    """Returns what a model's hourglass makes of a batch of training.

    Args:
        model: a `hmr_tf.models.smplr.SMPLR`.
        batch: images and SMPLR's targets, of which the camera is used if the model is given it.
        training: whether batch statistics and dropout are those of training.

    Returns:
        Points `[batch, 41, 3]` m, camera frame, relative to the pelvis; the crops' camera
        `[batch, 3]`; and what all stacks drew.
    """
    drawn, camera = model.observe(batch["image"], training=training)
    if model.config.camera == "given":
        camera = batch["points_camera"]
    points = volume_axes.points_of(model.places(drawn[-1]), camera, model.config.axes)
    return points, camera, drawn
