"""Files that say who is in an image: OpenPose's, COCO's annotations, and detectors' results.

OpenPose writes one file per image, with the key `pose_keypoints_2d` (`pose_keypoints` before 2017).
A COCO-style file holds people of many images, as annotations or as a list of results; these name
their image by `file_name`, or by an `image_id` that is the file's name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, Generic, Optional, Protocol, TypeVar

from hmr_tf.errors import ImageError

_KEYPOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints")
_PERSON_CATEGORY = 1
_SUFFIXES = ("_keypoints.json", ".json")


class Scored(Protocol):
    """What is kept of a person; `score` says how sure its finder was."""

    @property
    def score(self) -> float:
        """The higher, the surer."""


Person = TypeVar("Person", bound=Scored)
Points = list[tuple[float, float, float]]
# From keypoints (x, y, confidence), or an entry of a COCO-style file, and words that say where they
# stand, to the person; None for what is passed over.
FromPoints = Callable[[Points, str], Optional[Person]]
FromEntry = Callable[[Mapping[str, Any], str], Optional[Person]]


class People(Generic[Person]):
    """People in the images of one run.

    Args:
        source: what the user gave, for messages.
        common: the people of every image, or None.
        by_image: people by the image's file name, or None.
        read_one: reads the people of an image by its file name, or None.
    """

    def __init__(
        self,
        source: str,
        common: Sequence[Person] | None = None,
        by_image: Mapping[str, Sequence[Person]] | None = None,
        read_one: Callable[[str], Sequence[Person]] | None = None,
    ) -> None:
        self.source = source
        self._common = common
        self._by_image = by_image
        self._read_one = read_one

    def found(self, path: str) -> list[Person]:
        """Returns the people of an image, the surest first; there may be none.

        Args:
            path: the image; only its file name counts.

        Raises:
            ImageError: if the image's file is not there or broken.
        """
        name = os.path.basename(path)
        people = self._common or ()
        if self._by_image is not None:
            people = self._by_image.get(name, ())
        elif self._read_one is not None:
            people = self._read_one(name)
        return sorted(people, key=lambda person: -person.score)

    def for_image(self, path: str, best_only: bool = False) -> list[Person]:
        """Returns the people of an image as `found` does, or only the surest.

        Raises:
            ImageError: if there is none.
        """
        ranked = self.found(path)
        if not ranked:
            name = os.path.basename(path)
            raise ImageError(f"{self.source} has no person for the image {name}.")
        return ranked[:1] if best_only else ranked


def read_people(
    path: str, from_points: FromPoints[Person], from_entry: FromEntry[Person]
) -> People[Person]:
    """Reads a file, or gets ready to read those of a folder.

    Args:
        path: an OpenPose file; a folder of them named after the images (``photo_keypoints.json``
            for ``photo.jpg``); or a COCO-style file of annotations or of a detector's results.
        from_points: makes a person of OpenPose's keypoints.
        from_entry: makes a person of an entry of a COCO-style file.

    Raises:
        ImageError: if it is none of these.
    """

    def openpose(content: Any, where: str) -> list[Person]:
        made = (from_points(points, where) for points in _openpose_people(content, where))
        return [person for person in made if person is not None]

    def coco(content: Any, where: str) -> dict[str, list[Person]]:
        people: dict[str, list[Person]] = {}
        for name, entry, place in _coco_people(content, where):
            person = from_entry(entry, place)
            if person is not None:
                people.setdefault(name, []).append(person)
        return people

    def read_one(name: str) -> list[Person]:
        stem = os.path.splitext(name)[0]
        for suffix in _SUFFIXES:
            file = os.path.join(path, stem + suffix)
            if os.path.isfile(file):
                return _parsed(openpose, _read_json(file), file)
        raise ImageError(
            f"{path} has no file for the image {name}; expected {stem}_keypoints.json."
        )

    if os.path.isdir(path):
        return People(path, read_one=read_one)
    content = _read_json(path)
    if isinstance(content, dict) and "people" in content:
        return People(path, common=_parsed(openpose, content, path))
    return People(path, by_image=_parsed(coco, content, path))


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise ImageError(f"file {path} does not exist; check the path.") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"file {path} is not readable as JSON: {error}.") from error


def _parsed(parse: Callable[[Any, str], Any], content: Any, path: str) -> Any:
    """Parses a file; whatever is not where it should be is one kind of error."""
    try:
        return parse(content, path)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ImageError(
            f"{path} is not laid out as OpenPose's or COCO's files are: {error}."
        ) from error


def triples(numbers: Sequence[float], where: str) -> Points:
    """Returns keypoints written one after the other as x, y, confidence.

    Raises:
        ImageError: if their count is not three each.
    """
    if len(numbers) % 3:
        raise ImageError(
            f"{where}: keypoints must come as x, y, confidence; got {len(numbers)} numbers."
        )
    return [tuple(numbers[k : k + 3]) for k in range(0, len(numbers), 3)]


def _openpose_people(content: Any, path: str) -> Iterator[Points]:
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise ImageError(f"{path} is no OpenPose file: it has no list of people.")
    for person in people:
        yield triples(next((person[key] for key in _KEYPOINT_KEYS if person.get(key)), []), path)


def _coco_people(content: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yields file name, entry and the words for it of each person."""
    names = {}
    entries = content
    if isinstance(content, dict):
        names = {image.get("id"): image.get("file_name") for image in content.get("images", [])}
        entries = content.get("annotations")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ImageError(
            f"{path} says of nobody where they are: expected OpenPose's 'people', COCO's "
            "'annotations' or a list of results with 'file_name'."
        )
    for number, entry in enumerate(entries):
        if entry.get("category_id", _PERSON_CATEGORY) != _PERSON_CATEGORY or entry.get("iscrowd"):
            continue
        image = entry.get("image_id")
        name = entry.get("file_name") or names.get(image, image)
        if not isinstance(name, str):
            raise ImageError(
                f"{path}: entry {number} names no image; expected a 'file_name', or an 'image_id' "
                "that stands in 'images'."
            )
        yield os.path.basename(name), entry, f"{path}: entry {number}"
