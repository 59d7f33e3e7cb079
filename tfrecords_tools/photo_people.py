"""Photographs that show several labelled people: what MPII, COCO and their kin share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from tfrecords_tools import labelled_people
from tfrecords_tools.converter import Drop, Output
from tfrecords_tools.errors import ImageError
from tfrecords_tools.labelled_people import Framing, LabelledPerson


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """The work item: an image and what is known about the people in it.

    Attributes:
        path: of the image; it may be missing.
        people: those to convert, and those that are already known to be left out.
    """

    path: str
    people: tuple[LabelledPerson | Drop, ...]


def convert_photo(photo: Photo, dataset: str, framing: Framing) -> Iterator[Output]:
    """Yields a sample or a drop for each person; the image is read once, and only if needed.

    Args:
        photo: the image.
        dataset: its name.
        framing: how people are stored.
    """
    image: Any = None
    for person in photo.people:
        drop = person if isinstance(person, Drop) else labelled_people.refusal(person, framing)
        if drop is not None:
            yield drop
            continue
        if image is None:
            image = _load(photo.path, framing)
        if isinstance(image, Drop):
            yield dataclasses.replace(image, name=person.name)
        else:
            yield labelled_people.to_sample(person, dataset, framing, image)


def _load(path: str, framing: Framing) -> labelled_people.Image | Drop:
    """Returns the image, or a drop if it cannot be used."""
    try:
        return labelled_people.load_image(path, framing)
    except ImageError as error:
        return Drop(str(error).split(":")[0], is_error=True)
