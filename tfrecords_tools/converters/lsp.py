"""Leeds Sports Pose (``lsp_dataset`` or ``lsp_dataset_original``).

Source tree: ``joints.mat`` with `joints` ``(3, 14, N)``, flag 1 = occluded, and
``images/im0001.jpg`` to ``imN.jpg``. The first 1000 images are the train split, the rest the test
split. Images are stored as they are.

A tree made by ``python -m hmr_tf.synthesize`` has ``smpl_truth.npz`` beside ``joints.mat``. It then
says which image is in which split, and its bodies become the records' 3D joints and SMPL
parameters. With ``--option face=1`` nose, eyes and ears are labelled, too, where the head does not
hide them, as COCO's annotators do: the 14 points alone do not tell whether somebody seen from the
side looks left or right.

Reference:
    S. Johnson and M. Everingham, Clustered Pose and Nonlinear Appearance Models for Human Pose
    Estimation, BMVC 2010.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from tfrecords_tools import lsp_format
from tfrecords_tools.converter import Converter, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError

_NUM_TRAIN = 1000
_FACE = slice(14, 19)  # Of the cocoplus joints; the ears come last.
# Arrays of smpl_truth.npz and what one image's row looks like; numbers are float32.
_TRUTH_SHAPES = {
    "pose_axis_angle": (72,),
    "betas": (10,),
    "translation": (3,),
    "intrinsics": (4,),
    "joints_3d": (19, 3),
    "joints_24_3d": (24, 3),
}
_TRUTH_TEXTS = ("image_name", "split", "subject")


class LSPConverter(Converter):
    """Converts LSP, or a synthetic dataset in its layout."""

    name = "lsp"
    splits = ("train", "test")
    option_defaults: ClassVar = {"face": 0}

    def fingerprint(self, part: str) -> str:
        """Hashes the labels, the truth if there is one, and the list of images."""
        labels, paths, _ = self._read()
        files = [path for path in (self._labels_path, self._truth_path) if os.path.exists(path)]
        return fingerprint_files(self.data_dir, files, paths[: len(labels)])

    def items(self, part: str) -> Sequence[lsp_format.LabelledImage]:
        """Returns the images of a split, in the order of ``joints.mat``."""
        labels, paths, truth = self._read()
        labels[:, :, 2] = 1 - labels[:, :, 2]  # LSP marks occluded points, LSP-extended visible.
        if self.options["face"]:
            if truth is None:
                raise DatasetError(
                    f"lsp: option face needs {self._truth_path}, which LSP itself does not have."
                )
            labels = np.concatenate([labels, _face_labels(truth)], axis=1)
        if truth is None:
            is_train = np.arange(len(labels)) < _NUM_TRAIN
            chosen = np.flatnonzero(is_train == (part == "train"))
        else:
            chosen = np.flatnonzero(truth["split"] == part)
        return [
            lsp_format.LabelledImage(paths[index], labels[index], _truth_fields(truth, index))
            for index in chosen
        ]

    def convert(self, item: lsp_format.LabelledImage) -> Iterable[Output]:
        """Turns one image into one sample."""
        return [lsp_format.to_sample(item, self.name)]

    @property
    def _labels_path(self) -> str:
        return os.path.join(self.data_dir, "joints.mat")

    @property
    def _truth_path(self) -> str:
        return os.path.join(self.data_dir, "smpl_truth.npz")

    def _read(self) -> tuple[np.ndarray, list[str], dict[str, np.ndarray] | None]:
        """Returns labels, image paths and the truth, if there is one."""
        labels = lsp_format.read_joints(self._labels_path, self.name, coordinate_axis=0)
        folder = os.path.join(self.data_dir, "images")
        paths = lsp_format.image_paths(folder, len(labels), self.name)
        truth = None
        if os.path.exists(self._truth_path):
            truth = _read_truth(self._truth_path, len(labels))
            for path, name in zip(paths, truth["image_name"]):
                if os.path.basename(path) != str(name):
                    raise DatasetError(
                        f"lsp: {self._truth_path} speaks of {name} where joints.mat labels "
                        f"{os.path.basename(path)}; the two are not of one dataset."
                    )
        return labels, paths, truth


def _read_truth(path: str, num_images: int) -> dict[str, np.ndarray]:
    """Reads and checks ``smpl_truth.npz``."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            truth = {name: archive[name] for name in (*_TRUTH_SHAPES, *_TRUTH_TEXTS)}
    except Exception as error:  # zipfile, zlib and NumPy each have their own for damaged files.
        raise DatasetError(f"lsp: {path} is damaged or incomplete ({error}).") from error
    for name, array in truth.items():
        expected = (num_images, *_TRUTH_SHAPES.get(name, ()))
        if array.shape != expected:
            raise DatasetError(f"lsp: {name} in {path} must be {expected}; it is {array.shape}.")
    return truth


def _face_labels(truth: dict[str, np.ndarray]) -> np.ndarray:
    """Returns nose, eyes and ears, `[N, 5, 3]` (x, y, px, and whether the head hides them not)."""
    points = truth["joints_3d"][:, _FACE] + truth["translation"][:, None]
    focal, middle = np.split(truth["intrinsics"][:, None], 2, axis=-1)
    pixels = points[..., :2] / points[..., 2:] * focal + middle
    between_ears = points[:, -2:].mean(axis=1, keepdims=True)
    # A point is hidden where it lies behind the middle of the head, seen from the camera.
    is_seen = ((points - between_ears) * points).sum(axis=-1) < 0
    return np.concatenate([pixels, is_seen[..., None]], axis=-1)


def _truth_fields(truth: dict[str, np.ndarray] | None, index: int) -> dict[str, Any]:
    """Returns the fields of a sample that the truth knows."""
    if truth is None:
        return {}
    joints_24 = truth["joints_24_3d"][index]
    return {
        "joints_3d": truth["joints_3d"][index, :14],
        "joints_24_3d": np.concatenate([joints_24, np.ones((24, 1), np.float32)], axis=1),
        "pose_axis_angle": truth["pose_axis_angle"][index],
        "betas": truth["betas"][index],
        "translation": truth["translation"][index],
        "intrinsics": truth["intrinsics"][index],
        "gender": 0,
        "subject": str(truth["subject"][index]),
        # The image is stored whole and at its own size.
        "scale_factors": np.ones(2),
        "crop_origin": np.zeros(2),
    }
