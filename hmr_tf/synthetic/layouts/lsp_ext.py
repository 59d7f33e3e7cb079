"""Writes rendered people in the layouts of LSP-extended, with their exact SMPL truth beside them.

    lsp_ext:  joints.mat  README.txt  images/im00001.jpg ...    as in lspet_dataset
    hr_lspet: joints.mat  im00001.png ...                       as in the high-resolution release
    smpl_truth.npz

``joints.mat`` holds ``joints`` float64 (14, 3, N): x, y and a flag that is 1 for labelled. Where it
is 0 the coordinates are zeros, negative or garbage, as in the original. All images are training
images. In every seventh picture the person is cut by the border, in every eleventh another person
stands beside, and one has no label at all; the high-resolution numbers have gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import matlab_files, scene, twin_folder
from hmr_tf.synthetic.twins import TwinPerson
from tfrecords_tools import atomic_file

# The picture without labels, and from how many on there is one that is cut short: few enough to
# stay under the limit of damaged samples that a conversion accepts.
_UNLABELLED, _DAMAGED, _DAMAGED_FROM = 4, 7, 40
_README = """Synthetic people in the layout of the Leeds Sports Pose extended training set.

images/        im00001.jpg ... rendered pictures
joints.mat     joints (14, 3, {count}): x, y, flag (1 labelled, 0 not: coordinates are garbage)
smpl_truth.npz exact SMPL parameters, 3D joints and cameras of the same pictures
"""


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset in the layout of ``lspet_dataset``, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; `num_test` is not used, all images are for training.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    products = ("joints.mat", "images")
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    return f"{config.num_images} images in {out_dir}"


def write_high_resolution(
    out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0
) -> str:
    """Writes the dataset in the layout of ``hr-lspet``; see `write`."""
    products = ("joints.mat", "im00001.png")
    twin_folder.fill(_HighResolutionMaker, Path(out_dir), config, num_workers, products)
    return f"{config.num_images} images in {out_dir}"


class _Maker(twin_folder.TwinMaker):
    """Photographs people for LSP-extended."""

    dataset = "lsp_ext"
    scale = 1
    readme = _README

    def pieces(self) -> Sequence[int]:
        return range(self.config.num_images)

    def image_name(self, index: int) -> str:
        return f"images/im{index + 1:05d}.jpg"

    def encode(self, random: np.random.Generator, image: np.ndarray) -> bytes:
        return scene.encode_jpeg(image, scene.draw_jpeg_quality(random))

    def draw(self, index: int, piece: int) -> list[tuple]:
        random = self.random(index)
        size = self.config.image_size * self.scale
        shot = self.studio.photograph(
            random,
            size,
            round(size * random.uniform(0.8, 1.4)),
            num_people=2 if index % 11 == 10 else 1,
            at_border=index % 7 == 6,
        )
        content = self.encode(random, shot.image)
        if index == _DAMAGED and self.config.num_images >= _DAMAGED_FROM:
            content = content[: len(content) // 2]
        name = self.image_name(index)
        atomic_file.write_bytes(self.folder / name, content)
        labels = _labels(random, shot.people[0], is_labelled=index != _UNLABELLED)
        atomic_file.write_bytes(self._labels_path(index), labels.tobytes())
        return [
            (name, number, person, shot.intrinsics) for number, person in enumerate(shot.people)
        ]

    def finish(self) -> None:
        labels = [
            np.frombuffer(self._labels_path(index).read_bytes()).reshape(14, 3)
            for index in self.pieces()
        ]
        content = matlab_files.dumps({"joints": np.stack(labels, axis=2)})
        atomic_file.write_bytes(self.folder / "joints.mat", content)
        if self.readme:
            text = self.readme.format(count=len(labels))
            atomic_file.write_bytes(self.folder / "README.txt", text.encode())

    def _labels_path(self, index: int) -> Path:
        return self.folder / "unfinished" / f"labels_{index:07d}"


class _HighResolutionMaker(_Maker):
    """Photographs people for hr-lspet."""

    dataset = "hr_lspet"
    scale = 2
    readme = ""

    def image_name(self, index: int) -> str:
        # One number in five is not there.
        return f"im{index + 1 + index // 4:05d}.png"

    def encode(self, random: np.random.Generator, image: np.ndarray) -> bytes:
        return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


def _labels(random: np.random.Generator, person: TwinPerson, is_labelled: bool) -> np.ndarray:
    """Returns `[14, 3]` float64 x, y and flag of a person."""
    points = person.project(person.j24[:14])
    flags = ~person.hidden_j24[:14] & is_labelled
    garbage = random.choice([0.0, -1.0, -4321.5, 9999.0], (14, 2))
    return np.column_stack([np.where(flags[:, None], points, garbage), flags])
