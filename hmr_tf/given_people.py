"""The people of an image as a user gives them: by boxes, by 2D poses, by both or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.errors import ConfigError, ImageError
from hmr_tf.image_files import pose_files
from hmr_tf.image_files.box_files import PersonBox
from hmr_tf.image_files.people_files import People
from hmr_tf.image_files.pose_files import PersonPose
from hmr_tf.models import extra_inputs


class Given(NamedTuple):
    """What the user says of the people in the images, if anything."""

    boxes: People[PersonBox] | None
    poses: People[PersonPose] | None


def find(
    path: str, given: Given, best_only: bool
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Finds the people of an image.

    Args:
        path: of the image.
        given: what is known of all images.
        best_only: whether only the surest person is taken.

    Returns:
        (boxes `[n, 4]` float32, full-image px, or None if nothing is given; `pose_2d` `[n, 30, 3]`
        full-image px if poses are given, zeros for those who have none).

    Raises:
        ImageError: if nobody is given for the image.
    """
    source = given.boxes or given.poses
    if source is None:
        return None, {}
    people = source.for_image(path, best_only)
    boxes_xyxy = np.array([person.xyxy for person in people], np.float32)
    if given.poses is None:
        return boxes_xyxy, {}
    if given.boxes is None:
        return boxes_xyxy, {outputs.POSE_2D: np.stack([person.pose_2d for person in people])}
    return boxes_xyxy, {outputs.POSE_2D: pose_files.match(given.poses.found(path), boxes_xyxy)}


def check_poses(model: tf.keras.Model, given: Given) -> None:
    """Refuses poses where they have no effect, and a model that needs them without them.

    Raises:
        ConfigError: if so.
    """
    if given.poses is not None and outputs.POSE_2D not in extra_inputs.names(model):
        raise ConfigError("--poses has no effect: this model takes no 2D poses; leave it out.")
    if given.poses is None and extra_inputs.are_needed(model):
        raise ConfigError("this model finds no 2D poses by itself; give --poses.")


def check_people(model: tf.keras.Model, beside: Mapping[str, np.ndarray], path: str) -> None:
    """Raises ImageError if a model that needs poses has none of somebody."""
    poses = beside.get(outputs.POSE_2D)
    if poses is not None and extra_inputs.are_needed(model) and not poses.any(axis=(1, 2)).all():
        raise ImageError(f"--poses has nobody for a box of {path}, and this model finds no poses.")


def check_boxes(boxes_xyxy: np.ndarray, image: np.ndarray, path: str) -> None:
    """Raises ImageError if a box misses the image."""
    height, width = image.shape[:2]
    for left, top, right, bottom in boxes_xyxy.tolist():
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ImageError(
                f"a box of {path} lies outside of the image: {left:g},{top:g} to {right:g},"
                f"{bottom:g} px in {width} x {height} px."
            )
