"""The official files of Human3.6M: poses (.cdf), person masks (.mat) and cameras (metadata.xml).

Poses are read by cdflib, which is an extra: ``pip install "hmr_tf[datasets]"``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree
from typing import Any, NamedTuple

import h5py
import numpy as np

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import CAMERAS

NUM_JOINTS = 32
# metadata.xml: 6 numbers for each of 11 subjects and 4 cameras, then 9 for each camera.
_NUM_EXTRINSICS, _NUM_INTRINSICS = 264, 9


def num_frames(path: str) -> int:
    """Returns how many frames a pose file has, without reading them.

    Raises:
        DatasetError: if the file is damaged or no pose file, or cdflib is missing.
    """
    return _open_poses(path)[1][0]


def read_poses(path: str, num_coordinates: int) -> np.ndarray:
    """Reads a pose file.

    Args:
        path: ``D2_Positions/*.cdf`` or ``D3_Positions_mono/*.cdf``.
        num_coordinates: 2 (px) or 3 (mm).

    Returns:
        `[frames, 32, num_coordinates]` float64.

    Raises:
        DatasetError: if the file is damaged or another one, or cdflib is missing.
    """
    file, shape = _open_poses(path)
    expected = NUM_JOINTS * num_coordinates
    if len(shape) != 2 or shape[1] != expected:
        raise DatasetError(
            f"h36m: 'Pose' in {path} must be (1, frames, {expected}); it is {(1, *shape)}."
        )
    try:
        values = np.asarray(file.varget("Pose"), np.float64)
        return values.reshape(shape[0], NUM_JOINTS, num_coordinates)
    except Exception as error:  # cdflib lets whatever a damaged file provokes come through.
        raise DatasetError(f"h36m: {path} is damaged ({error}).") from error


def _open_poses(path: str) -> tuple[Any, tuple[int, ...]]:
    """Returns an open pose file and the shape of its `Pose` without the record axis."""
    try:
        import cdflib
    except ImportError as error:
        raise DatasetError(
            "h36m: reading .cdf files needs cdflib, which is not installed; "
            'pip install "hmr_tf[datasets]" (or: pip install cdflib).'
        ) from error
    try:
        file = cdflib.CDF(path)
        names = file.cdf_info().zVariables + file.cdf_info().rVariables
        shape = tuple(int(size) for size in file.varinq("Pose").Dim_Sizes)
    except FileNotFoundError as error:
        raise DatasetError(f"h36m: {path} is not there.") from error
    except Exception as error:  # cdflib lets whatever a damaged file provokes come through.
        found = f"; it holds {', '.join(names)}" if "names" in locals() else ""
        raise DatasetError(
            f"h36m: {path} is not a readable .cdf file with a variable 'Pose'{found} "
            f"({type(error).__name__}: {error})."
        ) from error
    return file, shape


class Camera(NamedTuple):
    """A lens: `[4]` (fx, fy, cx, cy) px, `[3]` radial and `[2]` tangential distortion."""

    intrinsics: np.ndarray
    radial: np.ndarray
    tangential: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Projects `[..., 3]` camera-frame points to `[..., 2]` px, as Human3.6M's tools do."""
        rays = points[..., :2] / points[..., 2:]
        square = (rays**2).sum(-1, keepdims=True)
        powers = np.concatenate([square, square**2, square**3], -1)
        swapped = self.tangential[::-1]
        stretch = 1 + (powers * self.radial).sum(-1, keepdims=True)
        stretch = stretch + (rays * swapped).sum(-1, keepdims=True)
        return (rays * stretch + swapped * square) * self.intrinsics[:2] + self.intrinsics[2:]


def read_cameras(path: str) -> dict[str, Camera]:
    """Reads ``metadata.xml``.

    Returns:
        camera id -> lens, the same for all subjects.

    Raises:
        DatasetError: if the file is damaged.
    """
    try:
        text = xml.etree.ElementTree.parse(path).getroot().findtext("w0") or ""
        numbers = np.array(re.sub(r"[\[\],;]", " ", text).split(), np.float64)
    except (xml.etree.ElementTree.ParseError, ValueError, OSError) as error:
        raise DatasetError(f"h36m: {path} cannot be read ({error}).") from error
    expected = _NUM_EXTRINSICS + len(CAMERAS) * _NUM_INTRINSICS
    if len(numbers) != expected:
        raise DatasetError(
            f"h36m: 'w0' in {path} must be a list of {expected} numbers; it has {len(numbers)}."
        )
    lenses = numbers[_NUM_EXTRINSICS:].reshape(len(CAMERAS), _NUM_INTRINSICS)
    return {camera: Camera(lens[:4], lens[4:7], lens[7:]) for camera, lens in zip(CAMERAS, lenses)}


class PersonBoxes:
    """The boxes around a person in the frames of a clip, from its masks.

    Args:
        path: ``ground_truth_bb/*.mat``.

    Raises:
        DatasetError: if the file is damaged.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file = h5py.File(path, "r")
            self._masks = self._file["Masks"]
            self._references = np.asarray(self._masks).reshape(-1)
        except (OSError, KeyError, RuntimeError) as error:
            raise DatasetError(
                f"h36m: {path} is not a MATLAB 7.3 file with 'Masks' or is damaged ({error})."
            ) from error

    def box(self, frame: int) -> np.ndarray | None:
        """Returns `[4]` (x0, y0, x1, y1) px around the person; None without a mask."""
        if frame >= len(self._references):
            return None
        try:
            mask = np.asarray(self._file[self._references[frame]]) > 0  # [width, height]
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise DatasetError(f"h36m: {self._path}: mask {frame} is damaged ({error}).") from error
        if mask.ndim != 2 or not mask.any():
            return None
        columns, rows = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        # Pixel centres are integers, so pixels reach half a unit further.
        low = np.array([columns[0], rows[0]]) - 0.5
        return np.concatenate([low, np.array([columns[-1], rows[-1]]) + 0.5])
