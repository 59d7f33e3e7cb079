"""Twins whose label files are written at the end, from what was noted piece by piece."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf.synthetic import scene
from hmr_tf.synthetic.twin_folder import TwinMaker
from hmr_tf.synthetic.twins import TwinImage
from tfrecords_tools import atomic_file

_QUALITY = 92
_AWKWARD_FROM = 100  # training images


class NotingMaker(TwinMaker):
    """Draws pieces and keeps notes of them."""

    def note(self, index: int, content: Any) -> None:
        """Keeps what `finish` needs of a piece, as JSON types."""
        atomic_file.write_json(self._notes_path(index), content)

    def notes(self) -> list[Any]:
        """Returns what was noted, piece by piece."""
        paths = [self._notes_path(index) for index in range(len(self.pieces()))]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def write_image(self, name: str, shot: TwinImage, is_damaged: bool = False) -> None:
        """Writes a picture, or half of its bytes."""
        content = scene.encode_jpeg(shot.image, _QUALITY)
        atomic_file.write_bytes(
            self.folder / name, content[: len(content) // 2] if is_damaged else content
        )

    def write_json(self, name: str, content: Any) -> None:
        """Writes a file of labels."""
        atomic_file.write_bytes(self.folder / name, json.dumps(content).encode())

    @property
    def is_awkward(self) -> bool:
        """Whether there are training images enough for one to be damaged."""
        return self.config.num_images - self.config.num_test >= _AWKWARD_FROM

    def _notes_path(self, index: int) -> Path:
        return self.folder / "unfinished" / f"notes_{index:07d}.json"


def shares(num_images: int, names: Sequence[str], per_name: int) -> list[tuple[str, int]]:
    """Shares images out among names.

    Args:
        num_images: how many there are.
        names: which names there are; as many are used as images need.
        per_name: how many images a name should have at least.
    """
    count = max(min(len(names), -(-num_images // per_name)), 1)
    sizes = [len(part) for part in np.array_split(np.arange(num_images), count)]
    return [(name, size) for name, size in zip(names, sizes) if size]


def box_around(pixels: np.ndarray, margin: float = 1.2) -> list[float]:
    """Returns the box (x, y, w, h) around `[K, 2]` joints, px, with a margin."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = (high - low) * margin
    return np.round([*((low + high - size) / 2), *size], 2).tolist()
