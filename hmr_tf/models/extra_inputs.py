"""What some models see beside images: named by the model, and taken from where it is known.

A model names keys of `INPUTS` as its `extra_inputs` and takes them as arguments of these names, in
crop units. People of whom one is not known have zeros for it. A model that cannot do without says
so by `needs_extra_inputs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import camera as camera_lib
from tfrecords_tools import skeletons


@dataclasses.dataclass(frozen=True)
class Points:
    """Points of a person, `[num_points, 3]` float32 (x, y, visibility).

    Attributes:
        word: how names speak of them.
        skeleton: which points.
    """

    word: str
    skeleton: skeletons.Skeleton

    @property
    def shape(self) -> tuple[int, int]:
        """Of one person's."""
        return self.skeleton.num_joints, 3


INPUTS = {outputs.POSE_2D: Points("pose", skeletons.SGRE30)}


def names(model: tf.keras.Model) -> tuple[str, ...]:
    """Returns the keys of batches that a model may be given as arguments of these names."""
    return getattr(model, "extra_inputs", ())


def are_needed(model: tf.keras.Model) -> bool:
    """Whether a model must be given them."""
    return getattr(model, "needs_extra_inputs", False)


def of_batch(model: tf.keras.Model, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns a model's further arguments, as far as a batch has them."""
    return {name: batch[name] for name in names(model) if name in batch}


def signature(model: tf.keras.Model) -> dict[str, tf.TensorSpec]:
    """Returns the specifications of functions' arguments that hold them."""
    return {
        name: tf.TensorSpec([None, *INPUTS[name].shape], tf.float32, name=name)
        for name in names(model)
    }


def filled(
    model: tf.keras.Model, given: Mapping[str, np.ndarray], num_people: int
) -> dict[str, np.ndarray]:
    """Returns a model's further arguments, zeros for those that are not given.

    Args:
        model: a model of `hmr_tf.models`.
        given: arrays of a row per person by name.
        num_people: how many people there are.

    Raises:
        ConfigError: if the model needs what somebody lacks.
        ValueError: if the model does not take what is given, or not of this shape.
    """
    unknown = sorted(set(given) - set(names(model)))
    if unknown:
        known = ", ".join(names(model)) or "nothing"
        raise ValueError(f"This model takes {known} beside images; received {', '.join(unknown)}.")
    found = {}
    for name in names(model):
        shape = (num_people, *INPUTS[name].shape)
        values = np.asarray(given.get(name, np.zeros(shape)), np.float32)
        if values.shape != shape:
            raise ValueError(f"{name} must be {list(shape)}; received {list(values.shape)}.")
        if are_needed(model) and not values[..., 2].any(axis=1).all():
            raise ConfigError(
                f"This model finds no {INPUTS[name].word} by itself; give the {name} of everybody."
            )
        found[name] = values
    return found


def to_crop(
    inputs: Mapping[str, tf.Tensor], center: tf.Tensor, window: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Takes points of whole images to the crops, beyond which they are not visible.

    Args:
        inputs: a model's further arguments, `[batch, K, 3]` (x, y, visibility), full-image px.
        center: `[batch, 2]` float32, full-image px, of the crops.
        window: `[batch]` float32, full-image px, of the crops.

    Returns:
        The same in crop units.
    """
    found = {}
    for name, points in inputs.items():
        places = camera_lib.image_to_crop(points[..., :2], center, window)
        is_inside = tf.reduce_all((places >= -1.0) & (places < 1.0), axis=-1, keepdims=True)
        is_seen = is_inside & (points[..., 2:] > 0.0)
        found[name] = tf.where(is_seen, tf.concat([places, points[..., 2:]], axis=-1), 0.0)
    return found
