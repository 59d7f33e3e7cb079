"""Writes photographs in the layout of mmhuman3d's HumanData, with their exact SMPL truth beside it.

    preprocessed_datasets/{lsp,coco_2014,h36m_mosh,mpi_inf_3dhp,pw3d,spin_mpi_inf_3dhp}_train.npz
    preprocessed_datasets/{pw3d,mpi_inf_3dhp,up3d}_test.npz
    preprocessed_datasets/cmu_mosh.npz                    the bodies alone
    datasets/<dataset>/...                                the images
    smpl_truth.npz

Keypoints are in the 190 joints of HumanData with a mask; they are compressed but in
``coco_2014_train.npz``. Human3.6M's cameras are a dict by subject and camera, 3DPW's one dict for
each row. 3DPW has no keypoints; ``has_smpl`` of SPIN's file is 0 in every other row.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import archive_twin, twin_folder
from hmr_tf.synthetic.archive_twin import ArchiveTwin, Piece
from hmr_tf.synthetic.twin_joints import twin_joints
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file, joint_fields, skeletons
from tfrecords_tools.skeletons import HUMAN_DATA190, HUMAN_DATA190_H36M, J24, J49, Skeleton

# File -> the dataset's own joint set, in which its keypoints are; None for none.
_NATIVE: dict[str, Skeleton | None] = {
    "lsp_train": skeletons.LSP14,
    "coco_2014_train": skeletons.COCO17,
    "h36m_mosh_train": skeletons.H36M17,
    "mpi_inf_3dhp_train": skeletons.MPI_INF_3DHP28,
    "pw3d_train": None,
    "spin_mpi_inf_3dhp_train": J49,
    "pw3d_test": None,
    "mpi_inf_3dhp_test": skeletons.MPI_INF_3DHP17,
    "up3d_test": skeletons.LSP14,
}
_CONFIGS = {"lsp": "lsp", "coco": "coco", "h36m": "h36m", "pw3d": "pw3d", "up3d": "up3d"}
_BOX_SCALES = {"coco": 1.0, "h36m": 0.9}
_CAMERAS = ("54138969", "60457274")
_PLAIN = ("coco_2014_train",)  # Not compressed.


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
    products = ("preprocessed_datasets", "datasets")
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    num_train = config.num_images - config.num_test
    return f"{num_train} training and {config.num_test} test images in {out_dir}"


def _config_name(file: str) -> str:
    """Returns what a file says of its origin."""
    if file.startswith("spin_"):
        return "mpi_inf_3dhp"
    return next((value for name, value in _CONFIGS.items() if file.startswith(name)), file[:12])


class _Maker(ArchiveTwin):
    """Takes the pictures and notes what mmhuman3d's converters keep of them."""

    dataset = "human_data"
    train_files = tuple(file for file in _NATIVE if file.endswith("_train"))
    test_files = tuple(file for file in _NATIVE if file.endswith("_test"))

    def photograph(self, random: np.random.Generator, piece: Piece, split: str) -> TwinImage:
        """Takes a picture of one person; Human3.6M's with one of two known cameras."""
        size = self.config.image_size
        is_h36m = piece[0].startswith("h36m")
        intrinsics = _h36m_intrinsics(size, piece[1] % 2) if is_h36m else None
        width = size if is_h36m else size * 4 // 3
        return self.studio.photograph(random, size, width, intrinsics=intrinsics, split=split)

    def image_path(self, piece: Piece) -> tuple[str, str]:
        """Returns folder and path by mmhuman3d's naming."""
        file, number = piece
        film = f"S1_Directions_1.{_CAMERAS[number % 2]}"
        test_set = "mpi_inf_3dhp_test_set/TS1/imageSequence"
        names = {
            "lsp_train": f"images/im{number + 1:04d}.jpg",
            "coco_2014_train": f"train2014/COCO_train2014_{7 * number + 9:012d}.jpg",
            "h36m_mosh_train": f"S1/images/{film}/{film}_{5 * number + 1:06d}.jpg",
            "mpi_inf_3dhp_train": f"S1/Seq1/video_0/{number + 1:06d}.jpg",
            "pw3d_train": f"imageFiles/courtyard_box_00/image_{number:05d}.jpg",
            "spin_mpi_inf_3dhp_train": f"S2/Seq1/video_0/{number + 1:06d}.jpg",
            "pw3d_test": f"imageFiles/downtown_cafe_00/image_{number:05d}.jpg",
            "mpi_inf_3dhp_test": f"{test_set}/img_{number + 1:06d}.jpg",
            "up3d_test": f"{number:05d}_image.png.jpg",
        }
        return f"datasets/{_config_name(file)}", names[file]

    def rows(
        self, random: np.random.Generator, piece: Piece, picture: TwinImage
    ) -> list[tuple[int, dict[str, Any]]]:
        """Returns the labels of the one person."""
        file, number = piece
        person = picture.people[0]
        row = {
            "pose": person.pose_axis_angle,
            "betas": person.betas,
            "transl": person.translation,
            "gender": person.gender[0],
            "has_smpl": number % 2 == 0,
            "in_mat": _matrix(picture.intrinsics),
            "size": picture.image.shape[:2],
        }
        row.update(_keypoints(random, person, file))
        known = row.get("keypoints2d_box")
        box = archive_twin.box_of(known) if known is not None else person.box_xyxy.astype(float)
        row.pop("keypoints2d_box", None)
        center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        half = half * _BOX_SCALES.get(_config_name(file), 1.2)
        row["bbox_xywh"] = [*(center - half), *(2 * half), 1.0]
        return [(0, {key: np.asarray(value) for key, value in row.items()})]

    def write_labels(self, file: str, rows: Mapping[str, np.ndarray]) -> None:
        """Writes a HumanData file."""
        data: dict[str, Any] = {
            "image_path": rows["image"],
            "bbox_xywh": rows["bbox_xywh"],
            "config": _config_name(file),
        }
        data.update(_compressed(rows, file))
        if file.startswith(("h36m_mosh", "pw3d", "up3d", "spin_mpi_inf_3dhp")):
            data["smpl"] = _smpl(rows["pose"], rows["betas"])
        if file.startswith("up3d"):
            data["smpl"]["transl"] = rows["transl"]
        if file.startswith("spin_"):
            data["has_smpl"] = rows["has_smpl"].astype(np.int64)
        if file.startswith("pw3d"):
            data["meta"] = {"gender": rows["gender"]}
            data["cam_param"] = np.array(
                [_camera(m, size, "default") for m, size in zip(rows["in_mat"], rows["size"])]
            )
        if file.startswith("h36m"):
            size = self.config.image_size
            data["cam_param"] = {
                ("S1", name): _camera(
                    _matrix(_h36m_intrinsics(size, index)), (size, size), f"S1_{name}"
                )
                for index, name in enumerate(_CAMERAS)
            }
        self._save(file, data, len(rows["image"]))
        if file == "h36m_mosh_train":  # Here bodies are known, so they are motion capture, too.
            smpl = {"smpl": _smpl(rows["pose"], rows["betas"])}
            self._save("cmu_mosh", smpl, len(rows["image"]))

    def _save(self, file: str, data: dict[str, Any], count: int) -> None:
        """Writes a file as HumanData does: dicts become arrays of one object."""
        marks = {
            "__key_strict__": False,
            "__data_len__": count,
            "__keypoints_compressed__": file not in _PLAIN and "keypoints2d" in data,
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **marks, **data)
        path = self.folder / "preprocessed_datasets" / f"{file}.npz"
        atomic_file.write_bytes(path, buffer.getvalue())


def _keypoints(random: np.random.Generator, person: TwinPerson, file: str) -> dict[str, np.ndarray]:
    """Returns `keypoints2d` `[190, 3]`, `keypoints3d` `[190, 4]` and their masks, as far as known.

    Also `keypoints2d_box`, the points that the box is drawn around.
    """
    native = _NATIVE[file]
    if native is None:
        return {}
    if native is J49:
        # SPIN's own labels of MPI-INF-3DHP: Human3.6M's 17 joints in the places of J24.
        labels, points = archive_twin.labelled_j24(person, skeletons.H36M17)
        detected = archive_twin.detected_body_25(random, person, skeletons.BODY25)
        labels = np.concatenate([detected, labels])
        points = np.concatenate([np.zeros((25, 4)), points])
    else:
        joints = twin_joints(person, native)
        one = np.ones((native.num_joints, 1))
        labels = np.concatenate([person.project(joints), one], axis=1)
        root = person.j24[J24.index("pelvis")].astype(np.float64)
        points = np.concatenate([joints - root, one], axis=1)
    is_h36m = file.startswith(("h36m", "mpi_inf_3dhp"))
    target = HUMAN_DATA190_H36M if is_h36m else HUMAN_DATA190
    found = {
        "keypoints2d": joint_fields.rearrange(labels, native, target),
        "keypoints2d_mask": np.array(skeletons.mapping(native, target)) >= 0,
        "keypoints2d_box": labels,
    }
    if is_h36m or native is J49:
        found["keypoints3d"] = joint_fields.rearrange(points, native, target)
        found["keypoints3d_mask"] = found["keypoints2d_mask"]
        if native is J49:  # Nothing is known of OpenPose's joints in space.
            places = skeletons.mapping(J24, target)
            found["keypoints3d_mask"] = np.array(places) >= 0
    return found


def _compressed(rows: Mapping[str, np.ndarray], file: str) -> dict[str, np.ndarray]:
    """Returns keypoints and masks as the file stores them."""
    stored = {}
    for key in ("keypoints2d", "keypoints3d"):
        if key in rows:
            mask = rows[f"{key}_mask"][0]
            stored[key] = rows[key] if file in _PLAIN else rows[key][:, mask]
            stored[f"{key}_mask"] = mask.astype(np.uint8)
    return stored


def _smpl(pose: np.ndarray, betas: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "body_pose": pose[:, 3:].reshape(-1, 23, 3),
        "global_orient": pose[:, :3],
        "betas": betas,
    }


def _h36m_intrinsics(size: int, number: int) -> tuple[float, float, float, float]:
    """Returns a camera like Human3.6M's, for square pictures of another size."""
    return 1.145 * size, 1.144 * size, 0.512 * size + number, 0.515 * size - number


def _matrix(intrinsics: tuple[float, ...]) -> list[list[float]]:
    fx, fy, cx, cy = (float(value) for value in intrinsics)
    return [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]


def _camera(in_mat: Any, size: Any, name: str) -> dict[str, Any]:
    """Returns what mmhuman3d's CameraParameter writes down."""
    distortion = {key: 0.0 for key in ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")}
    return {
        "H": int(size[0]),
        "W": int(size[1]),
        "in_mat": np.asarray(in_mat).tolist(),
        "rotation_mat": np.eye(3).tolist(),
        "translation": [0.0, 0.0, 0.0],
        **distortion,
        "name": name,
    }
