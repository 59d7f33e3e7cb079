"""Where the people are: boxes from the command line, or from files of people.

A box that nobody gives spans the keypoints with a confidence over 0.2, as in the original HMR
release.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

from hmr_tf.errors import ImageError
from hmr_tf.image_files import people_files
from hmr_tf.image_files.people_files import People

MIN_CONFIDENCE = 0.2


@dataclasses.dataclass(frozen=True)
class PersonBox:
    """One person in an image.

    Attributes:
        xyxy: left, top, right and bottom, full-image px.
        score: confidence of whoever found the person.
    """

    xyxy: tuple[float, float, float, float]
    score: float = 1.0


def read_boxes(text: str) -> People[PersonBox]:
    """Reads what the user gave as boxes.

    Args:
        text: ``x,y,w,h`` in px, or what `people_files.read_people` takes.

    Raises:
        ImageError: if it is none of these or a box is not one.
    """
    if not os.path.exists(text) and not text.endswith(".json"):
        return People(f"--boxes {text}", common=[_from_text(text)])
    return people_files.read_people(text, lambda points, _: around(points), of_entry)


def around(points: people_files.Points) -> PersonBox | None:
    """Returns the box that spans the sure keypoints.

    Args:
        points: x, y (px) and confidence of each.

    Returns:
        The box; None without a sure keypoint, and if all sure ones coincide.
    """
    sure = [point for point in points if point[2] > MIN_CONFIDENCE]
    if not sure:
        return None
    xs, ys, confidences = zip(*sure)
    if (max(xs), max(ys)) == (min(xs), min(ys)):
        return None
    score = sum(confidences) / len(confidences)
    return PersonBox((min(xs), min(ys), max(xs), max(ys)), score)


def of_entry(entry: Mapping[str, Any], where: str) -> PersonBox:
    """Returns the box of an entry of a COCO-style file.

    Raises:
        ImageError: if it has none.
    """
    xyxy = _from_xywh(entry.get("bbox"), f"the bbox of {where}")
    return PersonBox(xyxy, float(entry.get("score", 1.0)))


def _from_text(text: str) -> PersonBox:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise ImageError(
            f"boxes must be x,y,w,h in px, a .json file or a folder of them; got '{text}'."
        )
    return PersonBox(_from_xywh(numbers, "the box given"))


def _from_xywh(numbers: Any, where: str) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(number) for number in numbers)
    except (TypeError, ValueError):
        raise ImageError(f"{where} must be four numbers x,y,w,h; got {numbers}.") from None
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise ImageError(
            f"{where} must have a positive width and height in px; got {x:g},{y:g},{width:g},"
            f"{height:g}."
        )
    return (x, y, x + width, y + height)
