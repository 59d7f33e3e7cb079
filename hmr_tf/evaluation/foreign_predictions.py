"""Reads predictions that other programs made, so that they are scored by the same code.

=============  =====================================================================================
SPIN           ``.npz`` of ``eval.py --result_file``: ``pred_joints`` [N, 17, 3] m in the order of
               the Human3.6M regressor, ``pose`` [N, 72] axis-angle, ``betas`` [N, 10]
mmhuman3d      what its test loop returns, pickled: a list of batches, or one dict, of
               ``keypoints_3d`` [N, K, 3] m, ``smpl_pose`` [N, 24, 3, 3], ``smpl_beta`` [N, 10],
               ``image_path`` and ``image_idx``; ``result_keypoints`` with ``keypoints``,
               ``poses`` and ``betas``, as it writes it (JSON) or pickled; or the ``.npz`` of its
               demo: ``smpl`` with ``body_pose``, ``global_orient`` and ``betas``, ``image_path``
=============  =====================================================================================

Joints or SMPL parameters suffice. Cameras are not read: they are of the program's own crops, which
its files do not tell. Pickles are read without running anything that they contain.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.errors import DataError
from tfrecords_tools import safe_pickle, skeletons

# What each of the formats calls the same thing.
_JOINTS = ("pred_joints", "keypoints_3d", "keypoints")
_POSES = ("pose", "smpl_pose", "poses")
_BETAS = ("betas", "smpl_beta")
_NAMES = ("image_path", "imgname")
_ORDER = "image_idx"
_SMPL = "smpl"
_KEYS = (*_JOINTS, *_POSES, *_BETAS, *_NAMES, _ORDER, _SMPL)
# Joint sets that the formats use, told apart by their number of joints.
_SKELETONS = {14: "j17", 17: "h36m17", 24: "j24", 49: "j49", 54: "smpl54"}
# A person is between these sizes, m; what is not is in another unit.
_SMALLEST, _LARGEST = 0.3, 10.0


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for N people; None for what the file does not hold.

    Attributes:
        path: of the file.
        joints_3d: `[N, K, 3]` float32 m, camera frame.
        skeleton: the joints' set, a name of `tfrecords_tools.skeletons`; of ``j17``, a file may
            hold the first 14 only.
        rotations: `[N, 24, 3, 3]` float32.
        betas: `[N, B]` float32.
        names: path of each image.
    """

    path: str
    joints_3d: np.ndarray | None = None
    skeleton: str = ""
    rotations: np.ndarray | None = None
    betas: np.ndarray | None = None
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.joints_3d if self.joints_3d is not None else self.rotations)


def read(path: str, skeleton: str = "") -> Predictions:
    """Reads a file.

    Args:
        path: an ``.npz``, ``.pkl`` or ``.json`` file.
        skeleton: the joints' set; by default their number tells.

    Raises:
        DataError: if the file is missing, damaged, would run code, or holds no predictions; if
            its arrays do not fit together, or hold what is not finite or not in metres.
    """
    found = _merge(_load(path), path)
    smpl = found.get(_SMPL)
    if isinstance(smpl, Mapping):
        found = {**found, **_smpl_parameters(smpl, path)}
    joints = _numbers(found, _JOINTS, path)
    if joints is not None and not joints.any():
        joints = None  # SPIN leaves zeros where it was not asked for joints.
    poses, betas = _numbers(found, _POSES, path), _numbers(found, _BETAS, path)
    if joints is None and (poses is None or betas is None):
        raise DataError(
            f"{path} must hold joints ({', '.join(_JOINTS)}) or SMPL parameters "
            f"({', '.join(_POSES)}; {', '.join(_BETAS)}); it holds "
            f"{', '.join(map(str, found)) or 'none of these'}."
        )
    count = len(poses if joints is None else joints)
    if joints is not None:
        skeleton = _check_joints(joints, skeleton, path)
    names = next((found[key] for key in _NAMES if found.get(key) is not None), None)
    if names is not None and len(names) != count:
        raise DataError(f"{path} holds {len(names)} image paths for {count} predictions.")
    has_smpl = poses is not None and betas is not None
    return Predictions(
        path=path,
        joints_3d=joints,
        skeleton=skeleton if joints is not None else "",
        rotations=_rotations(poses, count, path) if has_smpl else None,
        betas=_rows(betas, count, (None,), "betas", path) if has_smpl else None,
        names=None if names is None else tuple(str(name) for name in names),
    )


def check_count(predictions: Predictions, num_people: int, at_least: bool = False) -> None:
    """Refuses predictions that are not one for each record.

    Args:
        predictions: of `read`.
        num_people: in the records.
        at_least: whether that may not be all of them.

    Raises:
        DataError: if the numbers differ.
    """
    if len(predictions) != num_people:
        raise DataError(
            f"{predictions.path} holds {len(predictions)} predictions, the records "
            f"{'at least ' * at_least}{num_people} people; there must be one for each, in the "
            "records' order. People whom the conversion dropped are listed beside the records."
        )


def check_names(predictions: Predictions, names: Sequence[str], start: int) -> None:
    """Refuses predictions for other images than those of the records.

    Args:
        predictions: of `read`; nothing is checked if the file names no images.
        names: of the records' images, a part of all.
        start: how many people come before this part.

    Raises:
        DataError: if the file name of an image differs; the folder may.
    """
    for row, name in enumerate(names if predictions.names is not None else (), start):
        predicted = predictions.names[row]
        if _file_name(predicted) != _file_name(name):
            raise DataError(
                f"{predictions.path}: prediction {row} is of {predicted}, record {row} of {name}; "
                "the predictions must be in the records' order."
            )


def _load(path: str) -> Any:
    """Returns what a file holds."""
    kind = os.path.splitext(path)[1].lower()
    try:
        if kind == ".npz":
            return safe_pickle.load_npz(path, _KEYS)
        if kind in (".pkl", ".pickle"):
            return safe_pickle.load(path)
        if kind == ".json":
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    except safe_pickle.PickleRefusedError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not readable as JSON: {error}.") from error
    raise DataError(f"{path} must be an .npz, a .pkl or a .json file of predictions.")


def _merge(content: Any, path: str) -> dict[str, Any]:
    """Joins the batches of a list, and puts the rows in the order that the file tells."""
    batches = content if isinstance(content, (list, tuple)) else [content]
    if not batches or not all(isinstance(batch, Mapping) for batch in batches):
        raise DataError(
            f"{path} must hold a dict of arrays, or a list of such; it holds a "
            f"{type(content).__name__}."
        )
    keys = [key for key in _KEYS if batches[0].get(key) is not None]
    if len(batches) == 1:
        found = {key: batches[0][key] for key in keys}
    else:
        found = {key: [row for batch in batches for row in batch.get(key, ())] for key in keys}
    if _ORDER not in found:
        return found
    order = np.asarray(found.pop(_ORDER)).reshape(-1)
    rows = np.argsort(order, kind="stable")
    if not np.array_equal(order[rows], np.arange(len(order))):
        raise DataError(
            f"{path}: {_ORDER} must number the images from 0 to {len(order) - 1}, each once."
        )
    if any(len(value) != len(order) for value in found.values()):
        raise DataError(f"{path}: {_ORDER} has {len(order)} rows, other arrays have not as many.")
    return {key: [value[row] for row in rows] for key, value in found.items()}


def _smpl_parameters(smpl: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Returns pose and shape from mmhuman3d's parts of them."""
    parts = []
    for key, joints in (("global_orient", 1), ("body_pose", 23)):
        part = _numbers(smpl, (key,), path)
        if part is None or part.size % joints:
            raise DataError(f"{path}: {_SMPL} must hold {key} for {joints} joints.")
        is_matrix = part.shape[-2:] == (3, 3) and part.size == len(part) * joints * 9
        shape = (joints, 3, 3) if is_matrix else (joints, 3)
        parts.append(_rows(part, len(part), shape, key, path))
    if parts[0].shape[2:] != parts[1].shape[2:] or len(parts[0]) != len(parts[1]):
        raise DataError(f"{path}: global_orient and body_pose of {_SMPL} do not fit together.")
    return {"pose": np.concatenate(parts, axis=1), "betas": smpl.get("betas")}


def _numbers(found: Mapping[str, Any], keys: Sequence[str], path: str) -> np.ndarray | None:
    """Returns the first of some arrays that is there, float32, every number finite."""
    key = next((key for key in keys if found.get(key) is not None), None)
    if key is None:
        return None
    try:
        array = np.asarray(found[key]).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {key} is no array of numbers ({error}).") from error
    if array.ndim < 2 or not len(array):
        raise DataError(f"{path}: {key} must have a row for each image; it is {array.shape}.")
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise DataError(f"{path}: {key} is not finite in row {int(bad.argmax())}.")
    return array


def _rows(
    array: np.ndarray, count: int, shape: tuple[int | None, ...], key: str, path: str
) -> np.ndarray:
    """Returns an array as `[count, *shape]`; one free size takes what is left."""
    sizes = tuple(-1 if size is None else size for size in shape)
    try:
        if len(array) != count:
            raise ValueError
        return array.reshape(count, *sizes)
    except ValueError:
        words = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            f"{path}: {key} must be [{count}, {words}]; it is {list(array.shape)}."
        ) from None


def _rotations(poses: np.ndarray, count: int, path: str) -> np.ndarray:
    """Returns `[N, 24, 3, 3]` of axis-angle vectors or matrices."""
    if poses.size == count * 24 * 9:
        return _rows(poses, count, (24, 3, 3), "pose", path)
    vectors = _rows(poses, count, (24, 3), "pose", path)
    matrices = Rotation.from_rotvec(vectors.reshape(-1, 3).astype(np.float64)).as_matrix()
    return matrices.reshape(count, 24, 3, 3).astype(np.float32)


def _check_joints(joints: np.ndarray, skeleton: str, path: str) -> str:
    """Returns the joints' set, after checks of their number and unit."""
    if joints.ndim != 3 or joints.shape[2] != 3:
        raise DataError(f"{path}: joints must be [N, K, 3]; they are {list(joints.shape)}.")
    skeleton = skeleton or _SKELETONS.get(joints.shape[1], "")
    if not skeleton:
        raise DataError(
            f"{path}: {joints.shape[1]} joints are of no known set; name it with "
            "--predictions_skeleton."
        )
    expected = skeletons.get(skeleton).num_joints
    if joints.shape[1] != expected and (skeleton, joints.shape[1]) != ("j17", 14):
        raise DataError(f"{path}: {skeleton} has {expected} joints, the file {joints.shape[1]}.")
    size = float(np.median(np.ptp(joints, axis=1).max(axis=1)))
    if not _SMALLEST < size < _LARGEST:
        raise DataError(
            f"{path}: joints must be in metres; the people are {size:.3g} large. Divide "
            "millimetres by 1000."
        )
    return skeleton


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]
