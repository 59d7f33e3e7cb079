"""Reads SPIN's preprocessed .npz files and the SMPL fits beside them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from tfrecords_tools import joint_fields, npz_archives, skeletons
from tfrecords_tools.errors import DatasetError

SOURCE = "spin_npz"
_SHAPES: dict[str, tuple[int, ...]] = {
    "center": (2,),
    "scale": (),
    "part": (24, 3),
    "openpose": (25, 3),
    "S": (24, 4),
    "pose": (72,),
    "shape": (10,),
    "has_smpl": (),
}
_GENDERS = {"m": 1, "f": 2, "n": 0}
# Dataset of a file -> its name in static_fits.
_FIT_NAMES = {
    "lsp_dataset_original": "lsp-orig",
    "hr-lspet": "lspet",
    "coco_2014": "coco",
    "mpi_inf_3dhp": "mpi-inf-3dhp",
}


class Bodies(NamedTuple):
    """SMPL parameters of every row: `[N, 72]`, `[N, 10]`, and `[N]` bool whether known."""

    poses: np.ndarray
    betas: np.ndarray
    is_known: np.ndarray

    def of(self, row: int) -> dict[str, np.ndarray]:
        """Returns a row's fields, none if unknown."""
        if not self.is_known[row]:
            return {}
        return {"pose_axis_angle": self.poses[row], "betas": self.betas[row]}


def read_file(path: str) -> dict[str, Any]:
    """Reads and checks a file.

    Args:
        path: of the .npz file.

    Returns:
        `imgname`, a list of str, and what else is there: float64 arrays, and `gender` `[N]` int.

    Raises:
        DatasetError: if it is not one of SPIN's, is damaged or would run code.
    """
    wanted = ("imgname", "image_path", "gender", *_SHAPES)
    found = npz_archives.read_archive(path, wanted, SOURCE)
    missing = [key for key in ("imgname", "center", "scale") if key not in found]
    if missing:
        hint = " It is one of mmhuman3d's: convert it with --dataset human_data."
        raise DatasetError(
            f"{SOURCE}: {path} must hold imgname, center and scale; it lacks "
            f"{' and '.join(missing)}.{hint * ('image_path' in found)}"
        )
    names = [str(name) for name in np.asarray(found["imgname"]).reshape(-1)]
    arrays: dict[str, Any] = {"imgname": names}
    for key, shape in _SHAPES.items():
        array = npz_archives.numbers(found, key, (len(names), *shape), path, SOURCE)
        if array is not None:
            arrays[key] = array
    if ("pose" in arrays) != ("shape" in arrays):
        raise DatasetError(f"{SOURCE}: {path} must hold both pose and shape, or neither.")
    genders = [str(gender)[:1] for gender in np.asarray(found.get("gender", ())).reshape(-1)]
    if genders and len(genders) != len(names):
        raise DatasetError(
            f"{SOURCE}: {path} has {len(genders)} genders for {len(names)} images; they must be "
            "equally many."
        )
    if genders:
        arrays["gender"] = np.array([_GENDERS.get(gender, -1) for gender in genders])
    return arrays


def fit_files(data_dir: str, dataset: str) -> tuple[str, str]:
    """Returns where the multi-view and the static fits of a dataset would lie."""
    stem = os.path.join(data_dir, "static_fits", _FIT_NAMES.get(dataset, dataset))
    return f"{stem}_mview_fits.npz", f"{stem}_fits.npy"


def read_bodies(arrays: dict[str, Any], multi_view_path: str = "", static_path: str = "") -> Bodies:
    """Returns SMPL parameters: the file's own, else multi-view fits, else static fits.

    Args:
        arrays: of `read_file`.
        multi_view_path: used if the file is there.
        static_path: used unless empty; then it must be there.

    Raises:
        DatasetError: if fits are wanted and missing, damaged or of other rows.
    """
    count = len(arrays["imgname"])
    if "pose" not in arrays and multi_view_path and os.path.isfile(multi_view_path):
        keys = ("pose", "shape", "has_smpl")
        found = npz_archives.read_archive(multi_view_path, keys, SOURCE)
        arrays = {
            key: npz_archives.numbers(found, key, (count, *_SHAPES[key]), multi_view_path, SOURCE)
            for key in keys
            if key in found
        }
    has_own = "pose" in arrays and "shape" in arrays
    poses = arrays["pose"] if has_own else np.zeros((count, 72))
    betas = arrays["shape"] if has_own else np.zeros((count, 10))
    is_known = np.full(count, has_own) & (arrays.get("has_smpl", np.ones(count)) > 0)
    if static_path:
        fits, is_own = _read_static_fits(static_path, count), is_known[:, None]
        poses, betas = np.where(is_own, poses, fits[:, :72]), np.where(is_own, betas, fits[:, 72:])
        is_known = np.ones(count, bool)
    return Bodies(poses, betas, is_known)


def _read_static_fits(path: str, count: int) -> np.ndarray:
    """Reads `[N, 82]` pose and shape."""
    if not os.path.isfile(path):
        raise DatasetError(
            f"{SOURCE}: {path} is not there; unpack static_fits.tar.gz in --data_dir, or leave "
            "out --option static_fits."
        )
    try:
        fits = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DatasetError(
            f"{SOURCE}: {path} is no .npy file of numbers or is damaged ({error})."
        ) from error
    return npz_archives.numbers({"fits": fits}, "fits", (count, 82), path, SOURCE)


def keypoints(arrays: dict[str, Any], with_openpose: bool) -> np.ndarray | None:
    """Returns `[N, 24, 3]` J24 labels, completed by OpenPose's joints if wanted; None if none."""
    part, openpose = arrays.get("part"), arrays.get("openpose")
    if not with_openpose or openpose is None:
        return part
    detected = joint_fields.rearrange(openpose, skeletons.BODY25, skeletons.J24)
    return detected if part is None else np.where(part[..., 2:] > 0, part, detected)
