"""COCO keypoints (2014 and 2017), and any other file in COCO's keypoint style.

Source tree: ``annotations/person_keypoints_{train,val}{2014,2017}.json`` and the images in
``images/train2014``, ``train2014`` or ``train_2017/train2017``. The two years hold the same
pictures split otherwise; ``--option year=2017`` chooses, else 2014 is taken if it is there. Another
file in the same style is named by ``--option annotations=FILE``, its images by
``--option images=FOLDER`` and its joints by ``--option skeleton=NAME``, all below ``--data_dir``.

As in the original release: no crowds, at least 6 keypoints that are visible and not just labelled,
a mask more than 60 px high, something below the shoulders labelled. Unlike there, images are stored
as they are, byte by byte: COCO's have at most 640 px, and a record needs no more than its reader
can scale. ``--option person_px=150`` brings people to 150 px in crops of at most 400 px, as the
original release does; that takes less space, and is the way for large photographs in COCO's style.

A keypoint that is labelled but hidden (flag 1) counts as visible; in the 24-joint set its
confidence is 0.5.

Reference:
    T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfrecords_tools import coco_format, person_scale, photo_people, skeletons
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.labelled_people import Framing, LabelledPerson
from tfrecords_tools.photo_people import Photo

_YEARS = (2014, 2017)
_IMAGE_FOLDERS = ("images/{set}", "{set}", "{split}_{year}/{set}", "images/train-valid{year}")
_MARGIN_PX = 200


class _AnnotatedPhoto(NamedTuple):
    """The work item: an image, and the file's entries of the people in it."""

    path: str
    annotations: Sequence[Mapping[str, Any]]


class COCOConverter(Converter):
    """Converts COCO's people, or those of a file in COCO's keypoint style."""

    name = "coco"
    splits = ("train", "val")
    option_defaults = {  # noqa: RUF012
        "year": 0,
        "annotations": "",
        "images": "",
        "skeleton": "coco17",
        "min_visible": 6,
        "min_height_px": 60,
        "person_px": 0.0,
    }

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        year = self.options["year"]
        if year not in (0, *_YEARS):
            raise DatasetError(f"coco: option year must be 2014 or 2017; received {year}.")
        try:
            self._skeleton = skeletons.get(self.options["skeleton"])
        except ValueError as error:
            raise DatasetError(f"coco: {error}") from error
        self._framing = Framing(
            self.options["person_px"], _MARGIN_PX, person_scale.scale_from_trunk
        )
        self._read: dict[str, list[_AnnotatedPhoto]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what was read: workers get their images one by one."""
        return {**self.__dict__, "_read": {}}

    def fingerprint(self, part: str) -> str:
        """Hashes the annotations and the list of images."""
        labels, _ = self._source()
        return fingerprint_files(self.data_dir, [labels], [item.path for item in self.items(part)])

    def items(self, part: str) -> Sequence[_AnnotatedPhoto]:
        """Returns the images that show people, in order of their numbers."""
        if part not in self._read:
            labels, folder = self._source()
            content = coco_format.read_keypoints(labels, self.name, self._skeleton)
            self._read[part] = [
                _AnnotatedPhoto(coco_format.image_path(folder, entry), content.annotations[number])
                for number, entry in content.images.items()
                if content.annotations[number]
            ]
        return self._read[part]

    def convert(self, item: _AnnotatedPhoto) -> Iterable[Output]:
        """Turns one image into one sample per person."""
        people = tuple(self._person(item.path, one) for one in item.annotations)
        return list(photo_people.convert_photo(Photo(item.path, people), self.name, self._framing))

    def _source(self) -> tuple[str, str]:
        """Returns the annotation file and the folder of images."""
        if self.options["annotations"]:
            labels = os.path.join(self.data_dir, self.options["annotations"])
            folder = os.path.join(self.data_dir, self.options["images"])
            if not os.path.isdir(folder):
                raise DatasetError(f"coco: {folder} is not a folder; check --option images=FOLDER.")
            return labels, folder
        years = (self.options["year"],) if self.options["year"] else _YEARS
        names = [f"annotations/person_keypoints_{self.split}{year}.json" for year in years]
        for year, name in zip(years, names):
            labels = os.path.join(self.data_dir, name)
            if os.path.isfile(labels):
                return labels, self._image_folder(year)
        raise DatasetError(
            f"coco: {self.data_dir} holds no {' or '.join(names)}. Check --data_dir and --split; "
            "other files in COCO's style are named by --option annotations=FILE."
        )

    def _image_folder(self, year: int) -> str:
        """Returns where the images of a year are."""
        if self.options["images"]:
            return os.path.join(self.data_dir, self.options["images"])
        words = {"split": self.split, "year": year, "set": f"{self.split}{year}"}
        tried = [pattern.format(**words) for pattern in _IMAGE_FOLDERS]
        for name in tried:
            if os.path.isdir(os.path.join(self.data_dir, name)):
                return os.path.join(self.data_dir, name)
        raise DatasetError(
            f"coco: {self.data_dir} holds none of the image folders {', '.join(tried)}; give "
            "--option images=FOLDER."
        )

    def _person(self, path: str, annotation: Mapping[str, Any]) -> LabelledPerson | Drop:
        """Reads a person, and says why not where one is left out."""
        name = f"annotation {annotation.get('id', '?')}"
        try:
            if annotation.get("iscrowd", 0):
                return Drop("crowd", name=name)
            points = np.array(annotation.get("keypoints") or np.zeros(0), np.float64)
            if not points.size or not (points[2::3] > 0).any():
                return Drop("no labelled keypoint", name=name)
            points = points.reshape(self._skeleton.num_joints, 3)
            if (points[:, 2] >= 2).sum() < self.options["min_visible"]:
                return Drop(
                    f"fewer than {self.options['min_visible']} visible keypoints", name=name
                )
            if coco_format.mask_rows(annotation) <= self.options["min_height_px"]:
                return Drop(f"at most {self.options['min_height_px']} px high", name=name)
            box = _box(annotation.get("bbox"))
        except (ValueError, TypeError, KeyError, IndexError):
            return Drop("malformed annotation", is_error=True, name=name)
        return LabelledPerson(
            path,
            points,
            self._skeleton.name,
            box_xyxy=box,
            confidence=np.minimum(points[:, 2], 2.0) / 2.0,
            subject=str(annotation.get("id", "")),
            sequence=str(annotation.get("image_id", "")),
            name=name,
        )


def _box(bbox: Any) -> np.ndarray | None:
    """Returns box_xyxy of COCO's x, y, width, height, whose origin is the picture's corner."""
    if bbox is None:
        return None
    x, y, width, height = (float(value) for value in bbox)
    box = np.array([x, y, x + width, y + height]) - 0.5
    return box if np.isfinite(box).all() else None
