"""Reads mmhuman3d's HumanData .npz files, compressed and not, without running anything they hold.

Keypoints are in a joint set of 190 (`skeletons.HUMAN_DATA190`), of which a mask says which the file
knows. A compressed file stores only these, in ascending order.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords_tools import npz_archives, skeletons
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.skeletons import HUMAN_DATA190, HUMAN_DATA190_H36M, J24

SOURCE = "human_data"
_KEYS = (
    *("__keypoints_compressed__", "image_path", "imgname", "bbox_xywh", "config", "smpl"),
    *("has_smpl", "meta", "cam_param", "keypoints2d", "keypoints2d_mask"),
    *("keypoints3d", "keypoints3d_mask"),
)
_NUM_JOINTS = HUMAN_DATA190.num_joints
_JAW = HUMAN_DATA190.index("jaw")
_GENDERS = {"m": 1, "f": 2, "n": 0}


@dataclasses.dataclass(frozen=True, eq=False)
class HumanData:
    """What a file holds; arrays over its N rows, None where it does not say.

    Attributes:
        config: name of the dataset it was made of.
        image_paths: relative to the dataset's folder; empty for motion capture.
        boxes: `[N, 4]` x, y, width, height px.
        keypoints: `[N, 24, 3]` J24 px and confidence.
        joints: `[N, 24, 4]` J24 m, pelvis at the origin, and confidence.
        poses, betas: `[N, 72]` and `[N, 10]` SMPL.
        translations: `[N, 3]` m.
        has_smpl: `[N]` bool.
        genders: `[N]` int: -1 unknown, 0 neutral, 1 male, 2 female.
        cameras: one dict for each row, or dicts by (subject, camera).
    """

    config: str
    image_paths: list[str]
    boxes: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    joints: np.ndarray | None = None
    poses: np.ndarray | None = None
    betas: np.ndarray | None = None
    translations: np.ndarray | None = None
    has_smpl: np.ndarray | None = None
    genders: np.ndarray | None = None
    cameras: Any = None

    def intrinsics(self, row: int) -> np.ndarray | None:
        """Returns `[4]` fx, fy, cx, cy px of a row's camera; None if unknown."""
        camera = None
        if isinstance(self.cameras, Mapping):
            path = self.image_paths[row]
            match = re.search(r"(S\d+)[^/]*\.(\d+)[_/]", path)
            camera = self.cameras.get(match.groups()) if match else None
        elif self.cameras is not None:
            camera = self.cameras[row]
        if not isinstance(camera, Mapping) or "in_mat" not in camera:
            return None
        try:
            matrix = np.asarray(camera["in_mat"], np.float64).reshape(-1, len(camera["in_mat"]))[:3]
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"{SOURCE}: the camera of {self.image_paths[row]} has no matrix in_mat ({error})."
            ) from error
        return np.array([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])


def read_file(path: str, part: str) -> HumanData:
    """Reads and checks a file.

    Args:
        path: of the .npz file.
        part: its dataset and split; tells what the file does not.

    Raises:
        DatasetError: if it is not HumanData, is damaged or would run code.
    """
    found = npz_archives.read_archive(path, _KEYS, SOURCE)
    smpl = found.get("smpl")
    if "image_path" not in found and not isinstance(smpl, Mapping):
        hint = " It is one of SPIN's: convert it with --dataset spin_npz."
        raise DatasetError(
            f"{SOURCE}: {path} must hold image_path and bbox_xywh, or smpl; it holds "
            f"{', '.join(found) or 'none of its keys'}.{hint * ('imgname' in found)}"
        )
    image_paths = [str(name) for name in np.asarray(found.get("image_path", ())).reshape(-1)]
    config = str(found.get("config") or npz_archives.split_stem(part)[0])
    fields = _read_bodies(found, len(image_paths) if "image_path" in found else None, path)
    if not image_paths:
        return HumanData(config, image_paths, **fields)
    count = len(image_paths)
    boxes = np.asarray(found.get("bbox_xywh", ()))[..., :4]
    fields["boxes"] = npz_archives.numbers({"box": boxes}, "box", (count, 4), path, SOURCE)
    for name, key, size in (("keypoints", "keypoints2d", 3), ("joints", "keypoints3d", 4)):
        fields[name] = _read_points(found, key, (count, size), path, f"{config} {part}")
    return HumanData(config, image_paths, **fields, cameras=_cameras(found, count, path))


def _read_points(
    found: Mapping[str, Any], key: str, count_and_size: tuple[int, int], path: str, origin: str
) -> np.ndarray | None:
    """Returns `[N, 24, size]` J24 points of `keypoints2d` or `keypoints3d`; None if not there."""
    count, size = count_and_size
    points = npz_archives.numbers(found, key, (count, None, size), path, SOURCE)
    if points is None:
        return None
    mask = npz_archives.numbers(found, f"{key}_mask", (_NUM_JOINTS,), path, SOURCE)
    if mask is None:
        raise DatasetError(f"{SOURCE}: {path} holds {key} without {key}_mask ({_NUM_JOINTS}).")
    known = np.flatnonzero(mask > 0)
    is_compressed = bool(found.get("__keypoints_compressed__", points.shape[1] != _NUM_JOINTS))
    expected = len(known) if is_compressed else _NUM_JOINTS
    if points.shape[1] != expected:
        how = "compressed" if is_compressed else "not compressed"
        raise DatasetError(
            f"{SOURCE}: {key} in {path} must have {expected} joints, being {how}; it has "
            f"{points.shape[1]}."
        )
    # Only files made of SPIN's, which have SPIN's meaning of the head, hold this joint beside it.
    is_h36m = re.search("h36m|mpi_inf_3dhp", origin) and _JAW not in known
    skeleton = HUMAN_DATA190_H36M if is_h36m else HUMAN_DATA190
    column = np.full(_NUM_JOINTS + 1, -1)
    column[known] = np.arange(len(known)) if is_compressed else known
    gather = column[list(skeletons.mapping(skeleton, J24))]
    return np.where((gather >= 0)[:, None], points[:, gather], 0.0)


def _read_bodies(found: Mapping[str, Any], count: int | None, path: str) -> dict[str, Any]:
    """Returns the fields of SMPL and gender."""
    fields: dict[str, Any] = {}
    smpl = found.get("smpl")
    if isinstance(smpl, Mapping):
        lengths = {"body_pose": 69, "global_orient": 3, "betas": 10, "transl": 3}
        arrays = {
            key: npz_archives.numbers({key: _flat(smpl[key])}, key, (count, size), path, SOURCE)
            for key, size in lengths.items()
            if smpl.get(key) is not None
        }
        missing = [key for key in ("body_pose", "global_orient", "betas") if key not in arrays]
        if missing or len({len(array) for array in arrays.values()}) > 1:
            raise DatasetError(
                f"{SOURCE}: smpl in {path} must hold body_pose, global_orient and betas of equally "
                f"many rows; it holds {', '.join(f'{k} {v.shape}' for k, v in arrays.items())}."
            )
        fields["poses"] = np.concatenate([arrays["global_orient"], arrays["body_pose"]], axis=1)
        fields["betas"], fields["translations"] = arrays["betas"], arrays.get("transl")
        rows = len(fields["poses"])
        known = npz_archives.numbers(found, "has_smpl", (rows,), path, SOURCE)
        fields["has_smpl"] = np.ones(rows, bool) if known is None else known > 0
    meta = found.get("meta")
    genders = meta.get("gender") if isinstance(meta, Mapping) else None
    if genders is not None and len(genders) == count:
        fields["genders"] = np.array([_GENDERS.get(str(gender)[:1], -1) for gender in genders])
    return fields


def _flat(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.reshape(len(array), -1) if array.ndim > 1 else array


def _cameras(found: Mapping[str, Any], count: int, path: str) -> Any:
    """Returns the cameras, checked."""
    cameras = found.get("cam_param")
    if cameras is None or isinstance(cameras, Mapping):
        return cameras
    if len(cameras) != count:
        raise DatasetError(
            f"{SOURCE}: cam_param in {path} must hold a camera for each of {count} images; it "
            f"holds {len(cameras)}."
        )
    return cameras
