"""Writes photographs of synthetic people in the layout of COCO's keypoints, both years.

    annotations/person_keypoints_{train,val}{2014,2017}.json
    images/train2014/COCO_train2014_000000000009.jpg ...      images/val2014/...
    train2017/000000000009.jpg ...                            val2017/...
    smpl_truth.npz

The two years hold the same pictures, split otherwise in the real dataset and alike here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import photo_twin, twin_folder
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import COCO17, J24, mapping

_YEARS = (2014, 2017)
_SETS = {"train": "train", "test": "val"}
_SLOTS = mapping(J24, COCO17)
_NUM_SINGLE = 2  # People of a crowd who are labelled one by one.
# COCO's own drawing list, which counts from 1.
_LIMBS = [
    *([16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9]),
    *([8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]),
]


class _Maker(photo_twin.PhotoTwin):
    """Draws the pictures and writes the JSON files."""

    dataset = "coco"

    def image_names(self, index: int) -> Sequence[str]:
        """Returns the names in both years."""
        return [
            f"{'images/' if year == 2014 else ''}{_SETS[self.split(index)]}{year}/"
            + _file_name(index, self.split(index), year)
            for year in _YEARS
        ]

    def write_labels(self, notes: Sequence[dict[str, Any]]) -> None:
        """Writes the keypoint files of both years and splits."""
        for split, name in _SETS.items():
            chosen = [note for note in notes if note["split"] == split]
            for year in _YEARS:
                content = _keypoint_file(chosen, year)
                path = self.folder / "annotations" / f"person_keypoints_{name}{year}.json"
                atomic_file.write_bytes(path, json.dumps(content).encode())


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
    products = ("annotations", "images", "train2017")
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    return (
        f"COCO 2014 and 2017: {config.num_images - config.num_test} train and {config.num_test} "
        f"val images in {out_dir}"
    )


def _file_name(index: int, split: str, year: int) -> str:
    prefix = f"COCO_{_SETS[split]}{year}_" if year == 2014 else ""
    return f"{prefix}{_image_id(index):012d}.jpg"


def _image_id(index: int) -> int:
    return 9 + 16 * index  # Numbers with gaps, like the real ones.


def _keypoint_file(notes: Sequence[dict[str, Any]], year: int) -> dict[str, Any]:
    """Returns the contents of a person_keypoints file."""
    return {
        "info": {"description": f"Synthetic twin of COCO {year}", "year": year, "version": "1.0"},
        "licenses": [{"id": 1, "name": "CC0", "url": ""}],
        "images": [
            {
                "license": 1,
                "file_name": _file_name(note["index"], note["split"], year),
                "height": note["height"],
                "width": note["width"],
                "id": _image_id(note["index"]),
            }
            for note in notes
        ],
        "annotations": [entry for note in notes for entry in _annotations(note)],
        "categories": [
            {
                "supercategory": "person",
                "id": 1,
                "name": "person",
                "keypoints": list(COCO17.joints),
                "skeleton": _LIMBS,
            }
        ],
    }


def _annotations(note: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the entries of the people in one picture."""
    people = list(enumerate(note["people"]))
    single = people[:_NUM_SINGLE] if note["kind"] == "crowd" else people
    crowd = people[len(single) :]
    entries = [_entry(note, number, person) for number, person in single if person["area"]]
    if crowd:
        entries.append(_crowd_entry(note, [person for _, person in crowd], crowd[0][0]))
    return entries


def _entry(note: dict[str, Any], number: int, person: dict[str, Any]) -> dict[str, Any]:
    pixels, state = photo_twin.joints(person, _SLOTS)
    keypoints = np.concatenate([np.rint(pixels), state[:, None]], axis=1).astype(int)
    keypoints[state == 0] = 0
    return {
        "segmentation": person["outline"],
        "num_keypoints": int((state > 0).sum()),
        "area": float(person["area"]),
        "iscrowd": 0,
        "keypoints": keypoints.reshape(-1).tolist(),
        "image_id": _image_id(note["index"]),
        "bbox": _bbox(person["box"]),
        "category_id": 1,
        "id": 100 * note["index"] + number + 1,
    }


def _crowd_entry(
    note: dict[str, Any], people: Sequence[dict[str, Any]], number: int
) -> dict[str, Any]:
    """Returns the one entry of all people who are not labelled one by one."""
    size = [note["height"], note["width"]]
    mask = np.zeros(size[0] * size[1], bool)
    for person in people:
        value = np.arange(len(person["runs"])) % 2 == 1
        mask |= np.repeat(value, person["runs"])
    boxes = np.array([person["box"] for person in people if person["area"]]).reshape(-1, 4)
    box = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)] if len(boxes) else [0, 0, 0, 0]
    return {
        "segmentation": {
            "counts": photo_twin.mask_runs(mask.reshape(size[::-1]).T),
            "size": size,
        },
        "num_keypoints": 0,
        "area": float(mask.sum()),
        "iscrowd": 1,
        "keypoints": [0] * 51,
        "image_id": _image_id(note["index"]),
        "bbox": _bbox(box),
        "category_id": 1,
        "id": 900_000_000_000 + 100 * note["index"] + number + 1,
    }


def _bbox(box: Sequence[float]) -> list[float]:
    """Returns x, y, width, height around the pixels from first to last."""
    return [float(box[0]), float(box[1]), float(box[2] - box[0] + 1), float(box[3] - box[1] + 1)]
