"""Photographs of one or several people and what annotators would note, for twins of photo datasets.

Every tenth picture or so is one of the awkward kinds that such datasets are full of (`SCENES`). One
image of the training split is corrupt and one missing if there are at least `_BROKEN_FROM`, so that
they stay a small share of the whole.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hmr_tf.synthetic import scene
from hmr_tf.synthetic.twin_folder import TwinMaker
from hmr_tf.synthetic.twins import TwinPerson
from tfrecords_tools import atomic_file

# Kinds of pictures, by turns: one or more people; the first cut by the border; five people of whom
# only two are labelled one by one; people noted without joints; only the face labelled; so small
# that it is of no use; a third of the joints not labelled.
SCENES = (
    *("one", "two", "border", "crowd", "empty", "face", "small", "unlabelled"),
    *("three", "one", "two", "one", "three", "one", "two", "one", "one", "two", "one", "one"),
)
_PEOPLE = {"two": 2, "three": 3, "border": 2, "crowd": 5}
_BROKEN_FROM = 80  # images
_CORRUPT, _MISSING = 9, 11  # Pictures of one person.
_SMALL_PX = 56


class PhotoTwin(TwinMaker):
    """Draws photographs; a subclass names their files and writes the labels."""

    def pieces(self) -> Sequence[int]:
        """Returns one piece per image."""
        return range(self.config.num_images)

    def split(self, index: int) -> str:
        """Returns `train` or `test`."""
        num_train = self.config.num_images - self.config.num_test
        return "train" if index < num_train else "test"

    @abc.abstractmethod
    def image_names(self, index: int) -> Sequence[str]:
        """Returns the paths of an image, relative to the folder; more than one means copies."""

    @abc.abstractmethod
    def write_labels(self, notes: Sequence[dict[str, Any]]) -> None:
        """Writes the dataset's label files from what was noted about every image."""

    def draw(self, index: int, piece: int) -> list[tuple]:
        """Draws one image, and notes what annotators would see."""
        random = self.random(index)
        kind = SCENES[index % len(SCENES)]
        long = round(self.config.image_size * 4 / 3)
        height, width = self.config.image_size, long
        if random.random() < 0.3:
            height, width = width, height
        if kind == "small":
            height, width = _SMALL_PX, _SMALL_PX * 2
        picture = self.studio.photograph(
            random,
            height,
            width,
            num_people=_PEOPLE.get(kind, 1),
            split=self.split(index),
            at_border=kind == "border",
        )
        content = scene.encode_jpeg(picture.image, scene.draw_jpeg_quality(random))
        num_train = self.config.num_images - self.config.num_test
        if num_train >= _BROKEN_FROM and index == _CORRUPT:
            content = content[: len(content) // 2]
        names = self.image_names(index)
        if not (num_train >= _BROKEN_FROM and index == _MISSING):
            for name in names:
                atomic_file.write_bytes(self.folder / name, content)
        notes = {
            "index": index,
            "split": self.split(index),
            "kind": kind,
            "height": height,
            "width": width,
            "people": [_note(random, person, kind) for person in picture.people],
        }
        atomic_file.write_json(self._notes_path(index), notes)
        return [
            (name, number, person, picture.intrinsics)
            for name in names
            for number, person in enumerate(picture.people)
        ]

    def finish(self) -> None:
        """Writes the labels."""
        paths = [self._notes_path(index) for index in self.pieces()]
        self.write_labels([json.loads(path.read_text(encoding="utf-8")) for path in paths])

    def _notes_path(self, index: int) -> Path:
        return self.folder / "unfinished" / f"notes_{index:07d}.json"


def _note(random: np.random.Generator, person: TwinPerson, kind: str) -> dict[str, Any]:
    """Returns what annotators would note about a person, as JSON types.

    Keys: `j24` [24][2] px, pixel centres at integers; `state` [24] 0 not labelled, 1 hidden,
    2 visible; `box` x, y of the first and last pixel of the silhouette; `area` px; `outline`
    polygons of x and y, the picture's corner being the origin; `runs` run lengths of the mask down
    its columns, beginning with background; `is_labelled`.
    """
    pixels = person.project(person.j24)
    height, width = person.mask.shape
    inside = ((pixels > -0.5) & (pixels < (width - 0.5, height - 0.5))).all(axis=1)
    state = np.where(inside, np.where(person.hidden_j24, 1, 2), 0)
    if kind == "unlabelled":
        state[random.permutation(24)[:8]] = 0
    if kind == "face":
        # Shoulders and what is above them, all of it plain to see.
        state[:] = np.where(np.isin(np.arange(24), [8, 9, *range(19, 24)]), 2, 0)
    if kind == "empty":
        state[:] = 0
    return {
        "j24": pixels.tolist(),
        "state": state.tolist(),
        "box": person.box_xyxy.tolist(),
        "area": int(person.mask.sum()),
        "outline": _outline(person.mask),
        "runs": mask_runs(person.mask),
    }


def _outline(mask: np.ndarray) -> list[list[float]]:
    """Returns polygons around the pixels of a mask, x and y by turns."""
    # Every pixel becomes 2 x 2, of which the contour touches the outer halves' middles.
    doubled = np.kron(mask.astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = [contour.reshape(-1).astype(np.float64) for contour in contours]
    return [((one + 0.5) / 2).round(2).tolist() for one in points if one.size >= 6]


def mask_runs(mask: np.ndarray) -> list[int]:
    """Returns the run lengths of a `[H, W]` mask down its columns, beginning with background."""
    flat = mask.T.reshape(-1).astype(np.int8)
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    runs = np.diff(ends).tolist()
    return [0, *runs] if flat[0] else runs


def joints(note: dict[str, Any], slots: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns `[J, 2]` px and `[J]` states of the joints in given places of J24."""
    return np.array(note["j24"])[list(slots)], np.array(note["state"])[list(slots)]
