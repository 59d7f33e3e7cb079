"""The files of MPI-INF-3DHP: ``annot.mat`` and ``camera.calibration`` of a training sequence,
``annot_data.mat`` of a test sequence, and where the pictures are.

All positions of joints are px of the image or mm in the camera's own frame.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import h5py
import numpy as np
import scipy.io

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28

NUM_CAMERAS = 14
_LINES_PER_CAMERA = 7
_FRAME_PATTERNS = (
    "imageFrames/video_{camera}/frame_{number:06d}.jpg",
    "video_{camera}/{number:06d}.jpg",
    "imageSequence/img_{camera}_{number:06d}.jpg",
)
_VIDEO_PATTERN = "imageSequence/video_{camera}.avi"


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingSequence:
    """The labels of a training sequence.

    Attributes:
        frames: `[F]` int, numbers of the video frames, from 0.
        points_2d: for each camera `[F, 28, 2]` px.
        points_3d: for each camera `[F, 28, 3]` mm, that camera's frame.
    """

    frames: np.ndarray
    points_2d: dict[int, np.ndarray]
    points_3d: dict[int, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationSequence:
    """The labels of a test sequence.

    Attributes:
        points_2d: `[F, 17, 2]` px.
        points_3d: `[F, 17, 3]` mm, camera frame; projects onto `points_2d`.
        universal_3d: `[F, 17, 3]` mm, the same poses of a skeleton of one size for all people.
        is_valid: `[F]` bool, which frames are for evaluation.
    """

    points_2d: np.ndarray
    points_3d: np.ndarray
    universal_3d: np.ndarray
    is_valid: np.ndarray


def read_annotations(path: str, cameras: tuple[int, ...]) -> TrainingSequence:
    """Reads ``annot.mat``.

    Args:
        path: of the file.
        cameras: which cameras to take.

    Raises:
        DatasetError: if the file is damaged or another one.
    """
    names = ("frames", "annot2", "annot3")
    try:
        content = scipy.io.loadmat(path, variable_names=names)
    except Exception as error:  # SciPy lets whatever a damaged file provokes come through.
        raise DatasetError(
            f"mpi_inf_3dhp: {path} is not a MATLAB 5 file or is damaged ({error})."
        ) from error
    missing = [name for name in names if name not in content]
    if missing:
        raise DatasetError(f"mpi_inf_3dhp: {path} holds no {' and no '.join(missing)}.")
    frames = np.asarray(content["frames"]).reshape(-1).astype(int)
    points = [
        {camera: _cell(content[name], camera, size, path, name) for camera in cameras}
        for name, size in (("annot2", 2), ("annot3", 3))
    ]
    lengths = {len(frames), *(len(values) for cells in points for values in cells.values())}
    if len(lengths) > 1:
        raise DatasetError(
            f"mpi_inf_3dhp: {path}: frames, annot2 and annot3 must be equally many; there are "
            f"{', '.join(map(str, sorted(lengths)))}."
        )
    return TrainingSequence(frames, *points)


def _cell(cells: Any, camera: int, size: int, path: str, name: str) -> np.ndarray:
    """Returns the labels `[F, 28, size]` of one camera from its cell."""
    num_joints = MPI_INF_3DHP28.num_joints
    expected = f"{name} must be a ({NUM_CAMERAS}, 1) cell of (F, {num_joints * size})"
    if cells.dtype != object or cells.size <= camera:
        raise DatasetError(
            f"mpi_inf_3dhp: {path}: {expected}; it is {cells.shape} of {cells.dtype}."
        )
    values = np.asarray(cells.reshape(-1)[camera])
    if (
        values.ndim != 2
        or values.shape[1] != num_joints * size
        or not np.issubdtype(values.dtype, np.number)
    ):
        raise DatasetError(
            f"mpi_inf_3dhp: {path}: {expected}; that of camera {camera} is {values.shape}."
        )
    return values.reshape(-1, num_joints, size).astype(np.float64)


def read_calibration(path: str) -> dict[int, np.ndarray]:
    """Reads ``camera.calibration``.

    Returns:
        The intrinsics `[4]` (fx, fy, cx, cy) px of each camera.

    Raises:
        DatasetError: if the file is missing or damaged.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.split() for line in file if line.strip()][1:]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"mpi_inf_3dhp: {path} cannot be read ({error}).") from error
    result = {}
    for start in range(0, len(lines), _LINES_PER_CAMERA):
        block = {line[0]: line[1:] for line in lines[start : start + _LINES_PER_CAMERA]}
        try:
            camera = int(block["name"][0])
            matrix = np.array(block["intrinsic"], np.float64).reshape(4, 4)
        except (KeyError, IndexError, ValueError) as error:
            raise DatasetError(
                f"mpi_inf_3dhp: {path} must hold blocks of {_LINES_PER_CAMERA} lines with name and "
                f"16 intrinsic numbers; block {start // _LINES_PER_CAMERA} is damaged."
            ) from error
        result[camera] = matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    return result


def read_test_annotations(path: str) -> EvaluationSequence:
    """Reads ``annot_data.mat``.

    Raises:
        DatasetError: if the file is damaged or another one.
    """
    arrays = {}
    try:
        with h5py.File(path, "r") as file:
            for name in ("annot2", "annot3", "univ_annot3", "valid_frame"):
                arrays[name] = np.asarray(file[name])
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise DatasetError(
            f"mpi_inf_3dhp: {path} is not a test set's HDF5 file or is damaged ({error})."
        ) from error
    num_frames, num_joints = arrays["valid_frame"].size, MPI_INF_3DHP17.num_joints
    for name, size in (("annot2", 2), ("annot3", 3), ("univ_annot3", 3)):
        expected = (num_frames, 1, num_joints, size)
        if arrays[name].shape != expected:
            raise DatasetError(
                f"mpi_inf_3dhp: {name} in {path} must be {expected}; it is {arrays[name].shape}."
            )
        arrays[name] = arrays[name][:, 0].astype(np.float64)
    return EvaluationSequence(
        arrays["annot2"],
        arrays["annot3"],
        arrays["univ_annot3"],
        arrays["valid_frame"].reshape(-1) == 1,
    )


def find_pictures(folder: str, camera: int) -> tuple[str, bool]:
    """Finds the pictures of one camera of a training sequence.

    Args:
        folder: the sequence.
        camera: number of the camera.

    Returns:
        The path of an extracted frame, a format string of `number` from 1, and False; or the path
        of a video, which may be missing, and True.
    """
    for pattern in _FRAME_PATTERNS:
        path = os.path.join(folder, pattern.format(camera=camera, number=1))
        if os.path.isdir(os.path.dirname(path)) and _holds_frames(path):
            escaped = folder.replace("{", "{{").replace("}", "}}")
            return os.path.join(escaped, pattern.replace("{camera}", str(camera))), False
    return os.path.join(folder, _VIDEO_PATTERN.format(camera=camera)), True


def _holds_frames(first_frame: str) -> bool:
    """Tells whether there are frames named like the first, which may be missing itself."""
    folder, name = os.path.split(first_frame)
    prefix = name[: -len("000001.jpg")]
    with os.scandir(folder) as entries:
        return any(e.name.startswith(prefix) and e.name.endswith(".jpg") for e in entries)
