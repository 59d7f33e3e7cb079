"""Writes photographs of things, some with a synthetic person, in the layout of PASCAL VOC 2012.

    VOCdevkit/VOC2012/Annotations/2007_000032.xml ...
    VOCdevkit/VOC2012/ImageSets/Main/{train,val,trainval,person_trainval}.txt
    VOCdevkit/VOC2012/ImageSets/Segmentation/{train,val,trainval}.txt
    VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg ...
    VOCdevkit/VOC2012/SegmentationClass/2007_000032.png ...    with VOC's palette
    VOCdevkit/VOC2012/SegmentationObject/2007_000032.png ...
    smpl_truth.npz                                             of the people

A thing is a coloured shape; every fifth image has no masks, every fifth no person. Things are
truncated by the border, too small, difficult, or none of this; a band of `void` lies around them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import backgrounds, label_png, scene, twin_folder
from tfrecords_tools import atomic_file, voc_format

_ROOT = "VOCdevkit/VOC2012"
_CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_PERSON = "person"
_SPLITS = {"train": "train", "test": "val"}
_BROKEN_FROM = 80  # images
_CORRUPT, _NO_MASK = 8, 12


@dataclasses.dataclass(frozen=True, eq=False)
class _Thing:
    """Something in a picture: its category, where it is, and what annotators say of it."""

    category: str
    mask: np.ndarray
    is_truncated: bool
    is_difficult: bool


class _Maker(twin_folder.TwinMaker):
    """Draws the pictures, their masks and annotations."""

    dataset = "voc"

    def pieces(self) -> Sequence[int]:
        """Returns one piece per image."""
        return range(self.config.num_images)

    def split(self, index: int) -> str:
        """Returns VOC's name of an image's split."""
        num_train = self.config.num_images - self.config.num_test
        return _SPLITS["train" if index < num_train else "test"]

    def draw(self, index: int, piece: int) -> list[tuple]:
        """Draws one image."""
        random = self.random(index)
        height, width = self.config.image_size, round(self.config.image_size * 4 / 3)
        split = "train" if self.split(index) == "train" else "test"
        has_person = index % 5 != 0
        things, entries = [], []
        if has_person:
            picture = self.studio.photograph(random, height, width, split=split)
            image, (person,) = picture.image, picture.people
            things.append(_Thing(_PERSON, person.mask, False, False))
            entries = [(f"{_ROOT}/JPEGImages/{_name(index)}.jpg", 0, person, picture.intrinsics)]
        else:
            image = (backgrounds.texture(random, height, width) * 255).astype(np.uint8)
        image = image.copy()
        for number in range(int(random.integers(1, 4))):
            thing = _place_thing(random, image, number)
            things = [dataclasses.replace(t, mask=t.mask & ~thing.mask) for t in things]
            things.append(thing)
        # The order of an annotation is no order of depth.
        things = [things[place] for place in random.permutation(len(things))]
        self._write(random, index, image, [thing for thing in things if thing.mask.any()])
        return entries

    def finish(self) -> None:
        """Writes the lists of images."""
        notes = [json.loads(self._notes_path(i).read_text()) for i in self.pieces()]
        sets = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}
        for name, splits in sets.items():
            chosen = [note for note in notes if note["split"] in splits]
            names = [note["name"] for note in chosen]
            segmented = [note["name"] for note in chosen if note["is_segmented"]]
            self._write_list(f"Main/{name}.txt", names)
            self._write_list(f"Segmentation/{name}.txt", segmented)
            # VOC aligns the flags.
            flags = [f"{note['name']} {1 if note['has_person'] else -1:2d}" for note in chosen]
            self._write_list(f"Main/person_{name}.txt", flags)

    def _write_list(self, name: str, lines: Sequence[str]) -> None:
        path = self.folder / _ROOT / "ImageSets" / name
        atomic_file.write_bytes(path, "".join(f"{line}\n" for line in lines).encode())

    def _notes_path(self, index: int) -> Path:
        return self.folder / "unfinished" / f"notes_{index:07d}.json"

    def _write(
        self,
        random: np.random.Generator,
        index: int,
        image: np.ndarray,
        things: Sequence[_Thing],
    ) -> None:
        """Writes an image's files."""
        root, name = self.folder / _ROOT, _name(index)
        is_large = self.config.num_images - self.config.num_test >= _BROKEN_FROM
        is_segmented = index % 5 != 4
        content = scene.encode_jpeg(image, scene.draw_jpeg_quality(random))
        if is_large and index == _CORRUPT:
            content = content[: len(content) // 2]
        atomic_file.write_bytes(root / "JPEGImages" / f"{name}.jpg", content)
        xml = _annotation(name, image.shape, things, is_segmented)
        atomic_file.write_bytes(root / "Annotations" / f"{name}.xml", xml.encode())
        if is_segmented and not (is_large and index == _NO_MASK):
            for kind, values in (
                ("SegmentationObject", range(1, len(things) + 1)),
                ("SegmentationClass", [1 + _CATEGORIES.index(t.category) for t in things]),
            ):
                png = label_png.encode(_label(things, values), voc_format.palette())
                atomic_file.write_bytes(root / kind / f"{name}.png", png)
        notes: dict[str, Any] = {
            "name": name,
            "split": self.split(index),
            "is_segmented": is_segmented,
            "has_person": any(thing.category == _PERSON for thing in things),
        }
        atomic_file.write_json(self._notes_path(index), notes)


def write(out_dir: str, config: SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the twin, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, ("VOCdevkit",))
    return (
        f"VOC 2012: {config.num_images - config.num_test} train and {config.num_test} val images "
        f"in {out_dir}"
    )


def _name(index: int) -> str:
    return f"2007_{32 + 7 * index:06d}"


def _place_thing(random: np.random.Generator, image: np.ndarray, number: int) -> _Thing:
    """Draws a thing into an image, in place."""
    height, width = image.shape[:2]
    size = height * random.uniform(0.1, 0.22)
    is_small, is_cut = random.random() < 0.15, random.random() < 0.2
    if is_small:
        size = 0.02 * height
    margin = 0.0 if is_cut else size + 2
    x = random.uniform(margin, width - margin)
    y = 0.0 if is_cut else random.uniform(margin, height - margin)
    mask = np.zeros((height, width), np.uint8)
    angle = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(6, 12))))
    radius = size * random.uniform(0.6, 1.0, angle.size)
    points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    if number % 2:
        axes = int(size) + 1, int(size * random.uniform(0.4, 0.9)) + 1
        cv2.ellipse(mask, (int(x), int(y)), axes, random.uniform(0, 180), 0, 360, 1, -1)
    else:
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    material = (backgrounds.texture(random, height, width) * 255).astype(np.uint8)
    is_inside = mask.astype(bool)
    image[is_inside] = material[is_inside]
    choice = [name for name in _CATEGORIES if name != _PERSON]
    rows, columns = np.nonzero(mask)
    touches = rows.size and (rows.min() == 0 or columns.min() == 0)
    touches = touches or (rows.size and (rows.max() == height - 1 or columns.max() == width - 1))
    return _Thing(
        choice[int(random.integers(len(choice)))],
        is_inside,
        bool(touches),
        bool(random.random() < 0.1),
    )


def _label(things: Sequence[_Thing], values: Sequence[int]) -> np.ndarray:
    """Returns `[h, w]` uint8 labels of things that do not overlap, with void around each."""
    labels = np.zeros(things[0].mask.shape, np.uint8)
    for thing, value in zip(things, values):
        labels[thing.mask] = value
    for thing in things:
        mask = thing.mask.astype(np.uint8)
        band = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
        # A thing of a few pixels would be nothing but its band.
        if mask.sum() > 60:
            labels[band > 0] = voc_format.VOID
    return labels


def _annotation(
    name: str, shape: tuple[int, ...], things: Sequence[_Thing], is_segmented: bool
) -> str:
    """Returns the XML file."""
    lines = [
        "<annotation>",
        "\t<folder>VOC2012</folder>",
        f"\t<filename>{name}.jpg</filename>",
        "\t<source><database>Synthetic twin</database></source>",
        f"\t<size><width>{shape[1]}</width><height>{shape[0]}</height><depth>3</depth></size>",
        f"\t<segmented>{int(is_segmented)}</segmented>",
    ]
    for thing in things:
        rows, columns = np.nonzero(thing.mask)
        # Pixels count from 1.
        box = zip(
            ("xmin", "ymin", "xmax", "ymax"),
            (columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1),
        )
        corners = "".join(f"<{side}>{value}</{side}>" for side, value in box)
        lines += [
            "\t<object>",
            f"\t\t<name>{thing.category}</name>",
            "\t\t<pose>Unspecified</pose>",
            f"\t\t<truncated>{int(thing.is_truncated)}</truncated>",
            f"\t\t<difficult>{int(thing.is_difficult)}</difficult>",
            f"\t\t<bndbox>{corners}</bndbox>",
            "\t</object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])
