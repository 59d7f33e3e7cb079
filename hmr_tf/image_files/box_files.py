"""Where the people are: boxes from OpenPose files, COCO files or the command line.

OpenPose writes one file per image, with the key `pose_keypoints_2d` (`pose_keypoints` before 2017);
a box then spans the keypoints with a confidence over 0.2, as in the original HMR release. A
COCO-style file holds boxes of many images, as annotations or as a detector's results.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from hmr_tf.errors import ImageError

MIN_CONFIDENCE = 0.2
_KEYPOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints")
_PERSON_CATEGORY = 1
_SUFFIXES = ("_keypoints.json", ".json")


@dataclasses.dataclass(frozen=True)
class PersonBox:
    """One person in an image.

    Attributes:
        xyxy: left, top, right and bottom, full-image px.
        score: confidence of whoever found the person.
    """

    xyxy: tuple[float, float, float, float]
    score: float = 1.0


class Boxes:
    """Boxes for the images of one run.

    Args:
        source: what the user gave, for messages.
        common: boxes of every image, or None.
        by_image: boxes by the image's file name, or None.
        folder: folder of OpenPose files named after the images, or None.
    """

    def __init__(
        self,
        source: str,
        common: Sequence[PersonBox] | None = None,
        by_image: Mapping[str, Sequence[PersonBox]] | None = None,
        folder: str | None = None,
    ) -> None:
        self._source = source
        self._common = common
        self._by_image = by_image
        self._folder = folder

    def for_image(self, path: str, best_only: bool = False) -> list[PersonBox]:
        """Returns the people of an image, the surest first.

        Args:
            path: the image; only its file name counts.
            best_only: whether only the surest person is returned.

        Raises:
            ImageError: if there is none.
        """
        name = os.path.basename(path)
        people = self._common
        if self._by_image is not None:
            people = self._by_image.get(name, ())
        elif self._folder is not None:
            people = self._from_folder(name)
        if not people:
            raise ImageError(f"{self._source} has no person for the image {name}.")
        ranked = sorted(people, key=lambda person: -person.score)
        return ranked[:1] if best_only else ranked

    def _from_folder(self, name: str) -> Sequence[PersonBox]:
        stem = os.path.splitext(name)[0]
        for suffix in _SUFFIXES:
            path = os.path.join(self._folder, stem + suffix)
            if os.path.isfile(path):
                return _people(_openpose_people, _read_json(path), path)
        raise ImageError(
            f"{self._folder} has no boxes for the image {name}; expected {stem}_keypoints.json."
        )


def read_boxes(text: str) -> Boxes:
    """Reads what the user gave as boxes.

    Args:
        text: ``x,y,w,h`` in px; an OpenPose file; a folder of OpenPose files named after the images
            (``photo_keypoints.json`` for ``photo.jpg``); or a COCO-style file of annotations or of
            a detector's results.

    Raises:
        ImageError: if it is none of these or a box is not one.
    """
    if os.path.isdir(text):
        return Boxes(text, folder=text)
    if not os.path.exists(text) and not text.endswith(".json"):
        return Boxes(f"--boxes {text}", common=[_from_text(text)])
    content = _read_json(text)
    if isinstance(content, dict) and "people" in content:
        return Boxes(text, common=_people(_openpose_people, content, text))
    return Boxes(text, by_image=_people(_coco_people, content, text))


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


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise ImageError(f"box file {path} does not exist; check the path.") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"box file {path} is not readable as JSON: {error}.") from error


def _people(parse: Callable[[Any, str], Any], content: Any, path: str) -> Any:
    """Parses a box file; whatever is not where it should be is one kind of error."""
    try:
        return parse(content, path)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ImageError(
            f"{path} is not laid out as OpenPose's or COCO's files are: {error}."
        ) from error


def _openpose_people(content: Any, path: str) -> list[PersonBox]:
    """Returns the people of an OpenPose file that have at least two sure keypoints."""
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise ImageError(f"{path} is no OpenPose file: it has no list of people.")
    boxes = []
    for person in people:
        numbers = next((person[key] for key in _KEYPOINT_KEYS if person.get(key)), [])
        if len(numbers) % 3:
            raise ImageError(
                f"{path}: keypoints must come as x, y, confidence; got {len(numbers)} numbers."
            )
        points = [numbers[k : k + 3] for k in range(0, len(numbers), 3)]
        sure = [point for point in points if point[2] > MIN_CONFIDENCE]
        # A person without a sure keypoint has no box; nor has one whose keypoints coincide.
        if not sure:
            continue
        xs, ys, confidences = zip(*sure)
        if (max(xs), max(ys)) != (min(xs), min(ys)):
            score = sum(confidences) / len(confidences)
            boxes.append(PersonBox((min(xs), min(ys), max(xs), max(ys)), score))
    return boxes


def _coco_people(content: Any, path: str) -> dict[str, list[PersonBox]]:
    """Returns the people of a COCO-style file by file name."""
    names = {}
    entries = content
    if isinstance(content, dict):
        names = {image.get("id"): image.get("file_name") for image in content.get("images", [])}
        entries = content.get("annotations")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ImageError(
            f"{path} is not a box file: expected OpenPose's 'people', COCO's 'annotations' or a "
            "list of results with 'file_name' and 'bbox'."
        )
    boxes: dict[str, list[PersonBox]] = {}
    for number, entry in enumerate(entries):
        if entry.get("category_id", _PERSON_CATEGORY) != _PERSON_CATEGORY or entry.get("iscrowd"):
            continue
        name = entry.get("file_name") or names.get(entry.get("image_id"))
        if not isinstance(name, str):
            raise ImageError(
                f"{path}: entry {number} names no image; expected a 'file_name', or an 'image_id' "
                "that stands in 'images'."
            )
        xyxy = _from_xywh(entry.get("bbox"), f"{path}: the bbox of entry {number}")
        person = PersonBox(xyxy, float(entry.get("score", 1.0)))
        boxes.setdefault(os.path.basename(name), []).append(person)
    return boxes
