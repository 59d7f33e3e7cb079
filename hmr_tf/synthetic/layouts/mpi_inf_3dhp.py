"""Writes filmed people in the layout of MPI-INF-3DHP, with their exact SMPL truth beside it.

    S1/Seq1/annot.mat, camera.calibration, imageSequence/video_<camera>.avi
    S8/Seq1/...                                            of the validation subject
    S2/Seq2/..., imageFrames/video_<camera>/frame_000001.jpg ...   extracted frames instead of video
    mpi_inf_3dhp_test_set/TS1/annot_data.mat, imageSequence/img_000001.jpg ...
    mpi_inf_3dhp_test_set/TS5/...                          outdoors: wide images
    smpl_truth.npz

``annot.mat`` has the labels of 14 cameras as in the real files, pictures are there of the eight at
the height of the chest. Each of these films a walk of its own, since a studio has one camera: the
cameras of a sequence agree in nothing but the frame numbers. The cameras without pictures watch the
walk of camera 0. The sequences beside S1/Seq1 are there if there are images enough. The last frame
of a test sequence is not for evaluation. With at least 120 training images, one video lacks its
last frame, one extracted frame is damaged and one shows somebody at the border.

The truth calls a video's frame `S1/Seq1/imageSequence/video_0.avi#0`, counted from 0.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.synthetic import matlab_files, scene, twin_folder, video_files
from hmr_tf.synthetic.twin_joints import twin_joints
from hmr_tf.synthetic.twins import TwinImage
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28

_NUM_CAMERAS = 14
_CHEST_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
_SEQUENCES = ("S1/Seq1", "S8/Seq1", "S2/Seq2")
_EXTRACTED = "S2/Seq2"
_TEST_SEQUENCES = ("TS1", "TS5")
_TEST_FOLDER = "mpi_inf_3dhp_test_set"
_AWKWARD_FROM = 120  # training images
_REAL_SIZE_PX = 2048
_REAL_INTRINSICS = np.array([1497.693, 1497.103, 1024.704, 1051.394])
_UNIVERSAL_MM = 920.0  # from knee to neck
_QUALITY = 92


class _Piece(NamedTuple):
    """A sequence to film."""

    name: str
    num_frames: int
    is_test: bool


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; of the training images as many as make whole frames of eight cameras,
            at least one frame.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    products = (*_SEQUENCES, _TEST_FOLDER)
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    pieces = _pieces(config)
    num_train = len(_CHEST_CAMERAS) * sum(p.num_frames for p in pieces if not p.is_test)
    num_test = sum(p.num_frames for p in pieces if p.is_test)
    return (
        f"{num_train} training and {num_test} test images in {len(pieces)} sequences in {out_dir}"
    )


def _pieces(config: settings.SynthesisConfig) -> list[_Piece]:
    """Returns the sequences and how long they are."""
    num_frames = (config.num_images - config.num_test) // len(_CHEST_CAMERAS)
    if config.num_test < config.num_images:
        num_frames = max(num_frames, 1)
    train = _shares(_SEQUENCES, num_frames)
    test = _shares(_TEST_SEQUENCES, config.num_test)
    # One more frame of each test sequence is not for evaluation.
    return [_Piece(name, count, False) for name, count in train] + [
        _Piece(name, count + 1, True) for name, count in test
    ]


def _shares(names: Sequence[str], count: int) -> list[tuple[str, int]]:
    sizes = [len(part) for part in np.array_split(np.arange(count), len(names))]
    return [(name, size) for name, size in zip(names, sizes) if size]


class _Maker(twin_folder.TwinMaker):
    """Films the sequences."""

    dataset = "mpi_inf_3dhp"

    def pieces(self) -> Sequence[_Piece]:
        return _pieces(self.config)

    @property
    def is_awkward(self) -> bool:
        """Whether there are images enough for some to be damaged."""
        return self.config.num_images - self.config.num_test >= _AWKWARD_FROM

    def draw(self, index: int, piece: _Piece) -> list[tuple]:
        random = self.random(index)
        return self._draw_test(random, piece) if piece.is_test else self._draw_train(random, piece)

    def _draw_train(self, random: np.random.Generator, piece: _Piece) -> list[tuple]:
        """Writes a training sequence."""
        cameras = [self._draw_camera(random) for _ in range(_NUM_CAMERAS)]
        films, entries = {}, []
        for camera in _CHEST_CAMERAS:
            film = self._film(random, piece, camera, cameras[camera])
            if piece.name == _EXTRACTED:
                names = self._write_frames(piece, camera, film)
            else:
                names = self._write_video(piece, camera, film)
            entries += [
                (name, 0, shot.people[0], shot.intrinsics) for name, shot in zip(names, film)
            ]
            films[camera] = film
        labels, extrinsics = _label(films, cameras)
        num_frames = piece.num_frames
        labels["frames"] = np.arange(num_frames, dtype=np.int32)[:, None]
        labels["cameras"] = np.arange(_NUM_CAMERAS, dtype=np.uint8)[None]
        folder = self.folder / piece.name
        atomic_file.write_bytes(folder / "annot.mat", matlab_files.dumps(labels))
        text = _calibration(cameras, extrinsics, self.config.image_size)
        atomic_file.write_bytes(folder / "camera.calibration", text.encode())
        return entries

    def _draw_camera(self, random: np.random.Generator) -> np.ndarray:
        """Returns intrinsics like the real ones, for smaller images, with the file's digits."""
        scale = self.config.image_size / _REAL_SIZE_PX
        return np.round(_REAL_INTRINSICS * scale * random.uniform(0.98, 1.02, 4), 3)

    def _film(
        self, random: np.random.Generator, piece: _Piece, camera: int, intrinsics: np.ndarray
    ) -> list[TwinImage]:
        """Films what one camera sees."""
        size = (self.config.image_size, self.config.image_size)
        film = self.studio.film(random, *size, piece.num_frames, tuple(intrinsics))
        if self.is_awkward and piece.name == _EXTRACTED and camera == _CHEST_CAMERAS[-1]:
            intrinsics = tuple(intrinsics)
            film[-1] = self.studio.photograph(random, *size, intrinsics=intrinsics, at_border=True)
        return film

    def _write_frames(self, piece: _Piece, camera: int, film: list[TwinImage]) -> list[str]:
        """Writes extracted frames; returns their names."""
        folder = f"{piece.name}/imageFrames/video_{camera}"
        names = [f"{folder}/frame_{number:06d}.jpg" for number in range(1, len(film) + 1)]
        for name, shot in zip(names, film):
            content = scene.encode_jpeg(shot.image, _QUALITY)
            if self.is_awkward and camera == 1 and name == names[0]:
                content = content[: len(content) // 2]
            atomic_file.write_bytes(self.folder / name, content)
        return names

    def _write_video(self, piece: _Piece, camera: int, film: list[TwinImage]) -> list[str]:
        """Writes a video; returns the names of its frames."""
        name = f"{piece.name}/imageSequence/video_{camera}.avi"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # As of the real S6/Seq2, one video may be too short.
        is_short = self.is_awkward and camera == 2 and piece.name == _SEQUENCES[0]
        shown = film[:-1] if is_short and len(film) > 1 else film
        video_files.write_jpeg_video(path, [shot.image for shot in shown])
        return [f"{name}#{number}" for number in range(len(film))]

    def _draw_test(self, random: np.random.Generator, piece: _Piece) -> list[tuple]:
        """Writes a test sequence."""
        width = self.config.image_size
        height = round(width * 9 / 16) if piece.name == "TS5" else width
        film = self.studio.film(random, height, width, piece.num_frames, split="test")
        folder = f"{_TEST_FOLDER}/{piece.name}"
        entries = []
        for number, shot in enumerate(film, start=1):
            name = f"{folder}/imageSequence/img_{number:06d}.jpg"
            atomic_file.write_bytes(self.folder / name, scene.encode_jpeg(shot.image, _QUALITY))
            entries.append((name, 0, shot.people[0], shot.intrinsics))
        atomic_file.write_bytes(self.folder / folder / "annot_data.mat", _test_labels(film))
        return entries


def _label(
    films: dict[int, list[TwinImage]], cameras: list[np.ndarray]
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Returns the label cells of annot.mat and each camera's extrinsics `[4, 4]`, mm."""
    names = ("annot2", "annot3", "univ_annot3")
    labels = {name: np.empty((_NUM_CAMERAS, 1), object) for name in names}
    extrinsics = []
    for camera, intrinsics in enumerate(cameras):
        film, turn = films.get(camera), np.eye(4)
        if film is None:
            # Somewhere else on a circle around the person whom camera 0 sees.
            film = films[0]
            turn = _around(film[0].people[0].smpl_joints_3d[0], 0.4 * camera)
        shot = film[0]
        extrinsic = np.eye(4)
        extrinsic[:3, :3], extrinsic[:3, 3] = shot.camera_from_world, shot.camera_translation
        extrinsic = turn @ extrinsic
        extrinsic[:3, 3] *= 1000.0
        extrinsics.append(extrinsic)
        joints = np.stack([twin_joints(one.people[0], MPI_INF_3DHP28) for one in film])
        joints = 1000.0 * (joints @ turn[:3, :3].T + turn[:3, 3])
        points = scene.project(joints.reshape(-1, 3), intrinsics)
        universal = _universal(joints, MPI_INF_3DHP28)
        for name, values in zip(names, (points, joints, universal)):
            labels[name][camera, 0] = values.reshape(len(film), -1)
    return labels, extrinsics


def _around(point: np.ndarray, angle: float) -> np.ndarray:
    """Returns the motion `[4, 4]` that turns what a camera sees about a point before it."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec([0.0, angle, 0.0]).as_matrix()
    motion[:3, 3] = point - motion[:3, :3] @ point
    return motion


def _universal(joints: np.ndarray, skeleton) -> np.ndarray:
    """Returns the poses `[F, J, 3]` of a body of the universal size, about the same pelvis."""
    pelvis, neck, hip, knee = (
        joints[0, skeleton.index(name)] for name in ("pelvis", "neck", "left_hip", "left_knee")
    )
    height = np.linalg.norm(neck - pelvis) + np.linalg.norm(hip - knee)
    root = joints[:, skeleton.index("pelvis")][:, None]
    return root + (joints - root) * _UNIVERSAL_MM / height


def _calibration(cameras: list[np.ndarray], extrinsics: list[np.ndarray], image_size: int) -> str:
    """Returns the text of camera.calibration, blanks at the ends of lines included."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera, ((fx, fy, cx, cy), extrinsic) in enumerate(zip(cameras, extrinsics)):
        matrix = [fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0, 0, 0, 0, 1]
        lines += [
            f"name          {camera}",
            "  sensor      10 10",
            f"  size        {image_size} {image_size}",
            "  animated    0",
            "  intrinsic   " + "".join(f"{value:g} " for value in matrix),
            "  extrinsic   " + "".join(f"{value:.7g} " for value in extrinsic.reshape(-1)),
            "  radial      0",
        ]
    return "\n".join(lines) + "\n"


def _test_labels(film: list[TwinImage]) -> bytes:
    """Returns annot_data.mat; the last frame is not for evaluation."""
    joints = 1000.0 * np.stack([twin_joints(shot.people[0], MPI_INF_3DHP17) for shot in film])
    points = np.stack([scene.project(one, film[0].intrinsics) for one in joints])
    is_valid = np.ones((len(film), 1))
    is_valid[-1] = 0.0
    kept = is_valid[:, :, None]
    arrays = {
        "annot2": points * kept,
        "annot3": joints * kept,
        "univ_annot3": _universal(joints, MPI_INF_3DHP17) * kept,
    }
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values[:, None])
        file.create_dataset("valid_frame", data=is_valid)
        file.create_dataset("activity_annotation", data=np.ones_like(is_valid))
        file.create_dataset("bb_crop", data=np.zeros((len(film), 34)))
    content = buffer.getvalue()
    return matlab_files.header(b"MATLAB 7.3", version=0x0200).ljust(512, b"\0") + content[512:]
