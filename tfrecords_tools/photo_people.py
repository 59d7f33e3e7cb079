"""Photographs that show several labelled people: what MPII, COCO and their kin share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tfrecords_tools import labelled_people
from tfrecords_tools.converter import Drop, Output
from tfrecords_tools.errors import ImageError
from tfrecords_tools.labelled_people import FramedPerson, Framing, LabelledPerson


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
    framed = [
        person if isinstance(person, Drop) else labelled_people.frame(person, framing)
        for person in photo.people
    ]
    people = [person for person in framed if isinstance(person, FramedPerson)]
    try:
        image = labelled_people.load_image(photo.path, people) if people else None
    except ImageError as error:
        image = error
    for person in framed:
        if isinstance(person, Drop):
            yield person
        elif isinstance(image, ImageError):
            yield labelled_people.unusable(image, person.person)
        else:
            yield labelled_people.framed_sample(person, dataset, image)
