"""Writes films of several people in the layout of MuPoTS-3D, with their exact SMPL truth beside it.

    MultiPersonTestSet/TS1/annot.mat, occlusion.mat, img_000000.jpg ...
    MultiPersonTestSet/TS6/...                                       outdoors: wide images
    smpl_truth.npz

``annot.mat`` holds the cell `annotations` (frame, person) of structs with `annot2` (2, 17),
`annot3` and `univ_annot3` (3, 17) mm, `isValidFrame`; ``occlusion.mat`` the cell
`occlusion_labels`. Two people in TS1, three in TS6. The last person of the last frame of a
sequence is not valid, so that all of a sequence's cells but one are for evaluation. All images are
for testing. With at least 80 images one is damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import matlab_files, scene, twin_folder
from hmr_tf.synthetic.twin_joints import twin_joints
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import J24, MPI_INF_3DHP17

_INNER = "MultiPersonTestSet"
_BROKEN_FROM = 80  # images
_UNIVERSAL_MM = 920.0  # from knee to neck
_QUALITY = 92


class _Sequence(NamedTuple):
    """A sequence to film."""

    name: str
    num_frames: int
    num_people: int
    is_wide: bool


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, (_INNER,))
    return f"{config.num_images} images in {Path(out_dir) / _INNER}"


class _Maker(twin_folder.TwinMaker):
    """Films the sequences."""

    dataset = "mupots"

    def pieces(self) -> Sequence[_Sequence]:
        count = self.config.num_images
        pieces = [
            _Sequence("TS1", count - count // 2, 2, False),
            _Sequence("TS6", count // 2, 3, True),
        ]
        return [piece for piece in pieces if piece.num_frames]

    def draw(self, index: int, piece: _Sequence) -> list[tuple]:
        width = self.config.image_size
        height = round(width * 9 / 16) if piece.is_wide else width
        film = self.studio.film(
            self.random(index),
            *(height, width, piece.num_frames),
            split="test",
            num_people=piece.num_people,
        )
        folder, entries = self.folder / _INNER / piece.name, []
        for frame, shot in enumerate(film):
            path = folder / f"img_{frame:06d}.jpg"
            content = scene.encode_jpeg(shot.image, _QUALITY)
            if self.config.num_images >= _BROKEN_FROM and index == 0 and frame == 5:
                content = content[: len(content) // 2]
            atomic_file.write_bytes(path, content)
            name = path.relative_to(self.folder).as_posix()
            entries += [(name, k, person, shot.intrinsics) for k, person in enumerate(shot.people)]
        annotations, occlusion = _label(film)
        content = matlab_files.dumps({"annotations": annotations})
        atomic_file.write_bytes(folder / "annot.mat", content)
        content = matlab_files.dumps({"occlusion_labels": occlusion})
        atomic_file.write_bytes(folder / "occlusion.mat", content)
        return entries


def _label(film: list[TwinImage]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cells of annot.mat and occlusion.mat."""
    shape = len(film), len(film[0].people)
    annotations, occlusion = np.empty(shape, object), np.empty(shape, object)
    scales = [_universal_scale(person) for person in film[0].people]
    for frame, number in np.ndindex(shape):
        person = film[frame].people[number]
        is_valid = shape[0] * shape[1] == 1 or (frame + 1, number + 1) != shape
        joints = 1000.0 * twin_joints(person, MPI_INF_3DHP17)
        root = joints[MPI_INF_3DHP17.index("pelvis")]
        annotations[frame, number] = {
            "annot2": person.project(joints).T,
            "annot3": joints.T,
            "univ_annot3": (root + (joints - root) * scales[number]).T,
            "isValidFrame": np.uint8(is_valid),
        }
        hidden = dict(zip(J24.joints, person.hidden_j24))
        flags = [bool(hidden[joint]) for joint in MPI_INF_3DHP17.joints]
        occlusion[frame, number] = np.array([flags], np.uint8)
    return annotations, occlusion


def _universal_scale(person: TwinPerson) -> float:
    """Returns what brings a person to the universal skeleton's size."""
    joints = dict(zip(MPI_INF_3DHP17.joints, 1000.0 * twin_joints(person, MPI_INF_3DHP17)))
    trunk = np.linalg.norm(joints["neck"] - joints["pelvis"])
    thigh = np.linalg.norm(joints["left_hip"] - joints["left_knee"])
    return float(_UNIVERSAL_MM / (trunk + thigh))
