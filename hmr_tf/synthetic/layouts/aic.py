"""Writes photographs of synthetic people in the layout of AI Challenger's keypoints.

ai_challenger_keypoint_train_20170909/keypoint_train_annotations_20170909.json
ai_challenger_keypoint_train_20170909/keypoint_train_images_20170902/<40 hex digits>.jpg
ai_challenger_keypoint_validation_20170911/keypoint_validation_annotations_20170911.json
ai_challenger_keypoint_validation_20170911/keypoint_validation_images_20170911/...
smpl_truth.npz
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import photo_twin, twin_folder
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import AIC14, J24, mapping

_SLOTS = mapping(J24, AIC14)
_FOLDERS = {
    "train": "ai_challenger_keypoint_train_20170909",
    "test": "ai_challenger_keypoint_validation_20170911",
}
_LABELS = {
    "train": "keypoint_train_annotations_20170909.json",
    "test": "keypoint_validation_annotations_20170911.json",
}
_IMAGES = {
    "train": "keypoint_train_images_20170902",
    "test": "keypoint_validation_images_20170911",
}
# From 0 not labelled, 1 hidden, 2 visible.
_FLAGS = np.array([3, 2, 1])


class _Maker(photo_twin.PhotoTwin):
    """Draws the pictures and writes the JSON files."""

    dataset = "aic"

    def image_names(self, index: int) -> Sequence[str]:
        """Returns the one name of an image."""
        split = self.split(index)
        return [f"{_FOLDERS[split]}/{_IMAGES[split]}/{_image_id(index)}.jpg"]

    def write_labels(self, notes: Sequence[dict[str, Any]]) -> None:
        """Writes the annotations of both splits."""
        for split, folder in _FOLDERS.items():
            chosen = [_entry(note) for note in notes if note["split"] == split]
            path = self.folder / folder / _LABELS[split]
            atomic_file.write_bytes(path, json.dumps(chosen).encode())


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
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, tuple(_FOLDERS.values()))
    return (
        f"AI Challenger: {config.num_images - config.num_test} train and {config.num_test} "
        f"validation images in {out_dir}"
    )


def _image_id(index: int) -> str:
    return hashlib.sha1(f"twin {index}".encode()).hexdigest()


def _entry(note: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry of one picture."""
    people = {f"human{number}": one for number, one in enumerate(note["people"], start=1)}
    return {
        "url": f"http://www.example.org/{_image_id(note['index'])}.jpg",
        "image_id": _image_id(note["index"]),
        "keypoint_annotations": {name: _keypoints(one) for name, one in people.items()},
        "human_annotations": {
            name: [int(value) for value in one["box"]] for name, one in people.items()
        },
    }


def _keypoints(person: dict[str, Any]) -> list[int]:
    """Returns 14 x (x, y, flag) as integers; zeros where not labelled."""
    pixels, state = photo_twin.joints(person, _SLOTS)
    result = np.concatenate([np.rint(pixels), _FLAGS[state][:, None]], axis=1).astype(int)
    result[state == 0, :2] = 0
    return result.reshape(-1).tolist()
