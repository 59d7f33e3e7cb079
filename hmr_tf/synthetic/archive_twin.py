"""Twins of datasets whose labels are .npz files of one row per person, as SPIN's and mmhuman3d's.

One training image of a large twin is corrupt and one missing.
"""

from __future__ import annotations

import abc
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmr_tf.synthetic import scene
from hmr_tf.synthetic.twin_folder import TwinMaker
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file, joint_fields
from tfrecords_tools.skeletons import J24, Skeleton

_BROKEN_FROM = 80  # images
_CORRUPT, _MISSING = 9, 11

# File (without ending) and number of the image in it.
Piece = tuple[str, int]


class ArchiveTwin(TwinMaker):
    """Takes the pictures; a subclass says which, and writes their labels.

    Attributes:
        train_files, test_files: names of the label files, without ending, by turns of which the
            images are.
    """

    train_files: tuple[str, ...]
    test_files: tuple[str, ...]

    def pieces(self) -> Sequence[Piece]:
        """Returns one piece per image."""
        num_train = self.config.num_images - self.config.num_test
        found = []
        for files, count in (
            (self.train_files, num_train),
            (self.test_files, self.config.num_test),
        ):
            found += [(files[i % len(files)], i // len(files)) for i in range(count)]
        return found

    @abc.abstractmethod
    def photograph(self, random: np.random.Generator, piece: Piece, split: str) -> TwinImage:
        """Takes a piece's picture."""

    @abc.abstractmethod
    def image_path(self, piece: Piece) -> tuple[str, str]:
        """Returns the dataset's folder, relative to the twin's, and the image's path in it."""

    @abc.abstractmethod
    def rows(
        self, random: np.random.Generator, piece: Piece, picture: TwinImage
    ) -> list[tuple[int, dict[str, Any]]]:
        """Returns (number of the person, labels) for each person that has a row."""

    @abc.abstractmethod
    def write_labels(self, file: str, rows: Mapping[str, np.ndarray]) -> None:
        """Writes a label file from the labels of all its rows."""

    def draw(self, index: int, piece: Piece) -> list[tuple]:
        """Writes one image and notes its labels."""
        random = self.random(index)
        num_train = self.config.num_images - self.config.num_test
        picture = self.photograph(random, piece, "train" if index < num_train else "test")
        folder, name = self.image_path(piece)
        content = scene.encode_jpeg(picture.image, scene.draw_jpeg_quality(random))
        is_large = num_train >= _BROKEN_FROM
        if is_large and index == _CORRUPT:
            content = content[: len(content) // 2]
        if not (is_large and index == _MISSING):
            atomic_file.write_bytes(self.folder / folder / name, content)
        rows = self.rows(random, piece, picture)
        buffer = io.BytesIO()
        labels = [{"image": np.array(name), **row} for _, row in rows]
        np.savez(buffer, **{key: np.stack([row[key] for row in labels]) for key in labels[0]})
        atomic_file.write_bytes(self._notes(index), buffer.getvalue())
        return [
            (f"{folder}/{name}", number, picture.people[number], picture.intrinsics)
            for number, _ in rows
        ]

    def finish(self) -> None:
        """Writes the label files."""
        notes: dict[str, list[dict[str, np.ndarray]]] = {}
        for index, (file, _) in enumerate(self.pieces()):
            with np.load(self._notes(index), allow_pickle=False) as archive:
                notes.setdefault(file, []).append(dict(archive))
        for file, found in notes.items():
            joined = {key: np.concatenate([note[key] for note in found]) for key in found[0]}
            self.write_labels(file, joined)

    def _notes(self, index: int) -> Any:
        return self.folder / "unfinished" / f"notes_{index:07d}.npz"


def in_picture(person: TwinPerson, pixels: np.ndarray) -> np.ndarray:
    """Returns `[n]` bool, which pixels lie in the picture."""
    height, width = person.mask.shape
    return ((pixels >= 0) & (pixels <= (width - 1, height - 1))).all(axis=1)


def labelled_j24(person: TwinPerson, native: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Returns J24 labels of which only the joints of a dataset's own set are known.

    Args:
        person: the person.
        native: the dataset's joint set.

    Returns:
        `[24, 3]` px and confidence, and `[24, 4]` m, pelvis at the origin, and confidence.
    """
    one = np.ones((native.num_joints, 1))
    is_known = joint_fields.rearrange(one, native, J24)
    pixels = np.concatenate([person.project(person.j24), is_known], axis=1)
    points = person.j24.astype(np.float64)
    points = np.concatenate([points - points[J24.index("pelvis")], is_known], axis=1)
    return pixels * is_known, points * is_known


def detected_body_25(
    random: np.random.Generator, person: TwinPerson, skeleton: Skeleton
) -> np.ndarray:
    """Returns `[25, 3]` what a detector of BODY_25 finds: nothing of the feet."""
    joints = joint_fields.rearrange(person.j24.astype(np.float64), J24, skeleton)
    hips = [skeleton.index("left_hip"), skeleton.index("right_hip")]
    joints[skeleton.index("mid_hip")] = joints[hips].mean(axis=0)
    is_found = (joints != 0).any(axis=1)
    pixels = person.project(np.where(is_found[:, None], joints, [0.0, 0.0, 1.0]))
    confidence = random.uniform(0.4, 0.95, len(pixels)) * is_found * in_picture(person, pixels)
    return np.concatenate([pixels, confidence[:, None]], axis=1) * (confidence > 0)[:, None]


def box_of(pixels: np.ndarray) -> np.ndarray:
    """Returns `[4]` x, y, x, y around the known of `[n, 3]` points."""
    known = pixels[pixels[:, 2] > 0, :2]
    return np.concatenate([known.min(axis=0), known.max(axis=0)])
