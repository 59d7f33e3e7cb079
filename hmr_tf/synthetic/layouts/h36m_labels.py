"""Writes filmed people in the prepared layouts of Human3.6M, with their exact SMPL truth.

`h36m_pytorch_hmr`
    annot.h5   image/s_01_act_.../s_01_act_..._000001.jpg
    Training images only. Bodies stand on their heads; in every fourth image a joint is unlabelled.

`h36m_hybrik`
    annotations/Sample_5_train_Human36M_smpl_leaf_twist_protocol_2.json   with leaves and twists
    annotations/Sample_20_test_Human36M_smpl_protocol_2.json
    images/s_01_act_.../s_01_act_..._000001.jpg
    The test file lists an image of a sequence with shifted labels, which is not there.

`h36m_sgre`
    annotations/Human36M_subject1_{data,camera,joint_3d,smpl_param}.json of seven subjects
    images/...
    The world is z up. The last frame of the first clip has no body. Test frames are 64 apart and
    of the frontal camera; one of another camera is listed, too.

Of at least 100 training images one is damaged.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.body.posing import shape_body
from hmr_tf.synthetic import h36m_takes, hybrik_labels, twin_folder
from hmr_tf.synthetic.h36m_takes import Take
from hmr_tf.synthetic.noting_maker import box_around
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file, h36m_names, skeletons
from tfrecords_tools.skeletons import H36M17, H36M17_RIGHT_FIRST, LSP14

_HALF_TURN = Rotation.from_rotvec([np.pi, 0.0, 0.0])
_TO_LSP = list(skeletons.mapping(H36M17, LSP14))
_TO_RIGHT_FIRST = list(skeletons.mapping(H36M17, H36M17_RIGHT_FIRST))


def write_pytorch_hmr(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes pytorch_HMR's layout, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; test images are not part of the layout.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_PytorchHMRMaker, Path(out_dir), config, num_workers, ("annot.h5", "image"))
    return f"{config.num_images - config.num_test} images in {out_dir}"


def write_hybrik(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes HybrIK's layout, or what is missing of it; see `write_pytorch_hmr`."""
    twin_folder.fill(_HybrIKMaker, Path(out_dir), config, num_workers, ("annotations", "images"))
    return f"{config.num_images} images in {out_dir}"


def write_sgre(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes SGRE's layout, or what is missing of it; see `write_pytorch_hmr`."""
    twin_folder.fill(_SGREMaker, Path(out_dir), config, num_workers, ("annotations", "images"))
    return f"{config.num_images} images in {out_dir}"


class _Maker(h36m_takes.TakesMaker):
    """Films takes, writes each frame as an image and notes what is known of it."""

    image_dir = "images"
    test_step = h36m_takes.FRAME_STEP

    def draw(self, index: int, piece: Take) -> list[tuple]:
        film = self.film(index, piece, piece.num_images)
        step = self.test_step if piece.is_test else h36m_takes.FRAME_STEP
        entries, notes = [], []
        for number, shot in enumerate(film):
            frame = step * number
            name = f"{piece.image_stem}/{piece.image_stem}_{frame + 1:06d}.jpg"
            path = f"{self.image_dir}/{name}"
            self.write_image(path, shot, self.is_awkward and (index, number) == (1, 1))
            entries.append((path, 0, shot.people[0], shot.intrinsics))
            note = self.describe(piece, shot, number)
            notes.append({"file_name": name, "frame": frame, **note})
        self.note(index, notes)
        return entries

    def describe(self, take: Take, shot: TwinImage, number: int) -> dict[str, Any]:
        """Returns what the labels of an image hold, as JSON types."""
        raise NotImplementedError


class _PytorchHMRMaker(_Maker):
    """Writes pytorch_HMR's layout."""

    dataset = "h36m_pytorch_hmr"
    image_dir = "image"

    def pieces(self) -> list[Take]:
        return [take for take in super().pieces() if not take.is_test]

    def describe(self, take: Take, shot: TwinImage, number: int) -> dict[str, Any]:
        person = shot.people[0]
        joints = person.h36m17.astype(np.float64)[_TO_LSP]
        points = np.concatenate([person.project(joints), np.ones((14, 1))], axis=1)
        if number % 4 == 3:
            points[number % 14] = 0.0
        pose = person.pose_axis_angle.astype(np.float64)
        pose[:3] = (Rotation.from_rotvec(pose[:3]) * _HALF_TURN).as_rotvec()
        centred = joints - joints[2:4].mean(axis=0)
        return {
            "gt2d": points.reshape(-1).tolist(),
            "gt3d": centred.reshape(-1).tolist(),
            "pose": pose.tolist(),
            "shape": person.betas.astype(float).tolist(),
        }

    def finish(self) -> None:
        rows = [row for notes in self.notes() for row in notes]
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for name in ("gt2d", "gt3d", "shape", "pose"):
                file.create_dataset(name, data=np.array([row[name] for row in rows], np.float32))
            names = [f"/{row['file_name']}".encode() for row in rows]
            file.create_dataset("imagename", data=np.array(names))
        atomic_file.write_bytes(self.folder / "annot.h5", buffer.getvalue())


class _HybrIKMaker(_Maker):
    """Writes HybrIK's layout."""

    dataset = "h36m_hybrik"
    test_step = 20

    def describe(self, take: Take, shot: TwinImage, number: int) -> dict[str, Any]:
        person = shot.people[0]
        labels = hybrik_labels.annotation(self.body, person, has_leaves=not take.is_test)
        pixels = person.project(person.h36m17)
        return {**labels, **_camera(shot), "bbox": box_around(pixels), "is_test": take.is_test}

    def finish(self) -> None:
        rows = [row for notes in self.notes() for row in notes]
        train = [row for row in rows if not row["is_test"]]
        test = [row for row in rows if row["is_test"]]
        # S9's shifted sequences are listed, but not used.
        stem = "s_09_act_05_subact_02_ca_02"
        shifted = [{**row, "file_name": f"{stem}/{stem}_000001.jpg"} for row in test[:1]]
        for name, listed in (
            ("Sample_5_train_Human36M_smpl_leaf_twist_protocol_2", train),
            ("Sample_20_test_Human36M_smpl_protocol_2", test + shifted),
        ):
            self.write_json(f"annotations/{name}.json", _hybrik_tables(listed))


def _camera(shot: TwinImage) -> dict[str, Any]:
    """Returns size and lens of a picture as HybrIK's files say them."""
    fx, fy, cx, cy = shot.intrinsics
    height, width = shot.image.shape[:2]
    return {"width": width, "height": height, "cam_param": {"f": [fx, fy], "c": [cx, cy]}}


def _hybrik_tables(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns HybrIK's two parallel lists."""
    of_image = ("file_name", "width", "height", "cam_param")
    images, annotations = [], []
    for number, row in enumerate(rows):
        images.append({"image_id": number, "id": number, **{key: row[key] for key in of_image}})
        hidden = (*of_image, "frame", "is_test")
        labels = {key: value for key, value in row.items() if key not in hidden}
        annotations.append({"image_id": number, "id": number, **labels})
    return {"images": images, "annotations": annotations}


class _SGREMaker(_Maker):
    """Writes SGRE's layout."""

    dataset = "h36m_sgre"
    test_step = 64
    num_test_cameras = 1

    def describe(self, take: Take, shot: TwinImage, number: int) -> dict[str, Any]:
        person = shot.people[0]
        rotation, shift = h36m_takes.extrinsics(shot)
        joints = h36m_takes.to_world(person.h36m17, shot)[_TO_RIGHT_FIRST]
        is_first = take == self.pieces()[0]
        has_body = not (is_first and number == take.num_images - 1 and number > 0)
        return {
            **_camera(shot),
            "bbox": box_around(person.project(person.h36m17)),
            "R": rotation.tolist(),
            "t": shift.tolist(),
            "joints": joints.tolist(),
            "body": self._world_body(person, rotation, shift / 1000.0) if has_body else None,
        }

    def _world_body(
        self, person: TwinPerson, rotation: np.ndarray, shift: np.ndarray
    ) -> dict[str, Any]:
        """Returns SMPL parameters in the world's frame, m."""
        pose = person.pose_axis_angle.astype(np.float64)
        root = Rotation.from_matrix(rotation.T) * Rotation.from_rotvec(pose[:3])
        pose[:3] = root.as_rotvec()
        shaped = shape_body(self.body, person.betas[: self.body.num_betas])
        # The body turns about the pelvis of its rest pose.
        pelvis = (self.body.joint_regressor[0] @ shaped).astype(np.float64)
        trans = rotation.T @ (person.translation + pelvis - shift) - pelvis
        betas = person.betas.astype(float)
        return {"pose": pose.tolist(), "shape": betas.tolist(), "trans": trans.tolist()}

    def finish(self) -> None:
        taken = list(zip(self.pieces(), self.notes()))
        number = 0
        for subject in (*h36m_names.TRAIN_SUBJECTS, *h36m_names.TEST_SUBJECTS):
            own = [(take, notes) for take, notes in taken if take.subject == subject]
            files = _sgre_files(own, number)
            number += len(files["data"]["images"])
            for kind, content in files.items():
                name = f"Human36M_subject{subject[1:]}_{kind}.json"
                self.write_json(f"annotations/{name}", content)


def _sgre_files(
    taken: list[tuple[Take, list[dict[str, Any]]]], first_id: int
) -> dict[str, dict[str, Any]]:
    """Returns the four files of a subject; ids go on from ``first_id``."""
    files: dict[str, dict[str, Any]] = {"data": {"images": [], "annotations": []}}
    files.update(camera={}, joint_3d={}, smpl_param={})
    for take, notes in taken:
        keys = ("action_idx", "subaction_idx", "cam_idx")
        place = dict(zip(keys, (take.action, take.trial, take.camera)))
        place["subject"] = int(take.subject[1:])
        for row in notes:
            number = first_id + len(files["data"]["images"])
            image = {key: row[key] for key in ("file_name", "width", "height")}
            image = {"id": number, **image, **place, "frame_idx": row["frame"]}
            files["data"]["images"].append(image)
            box = {"id": number, "image_id": number, "bbox": row["bbox"]}
            files["data"]["annotations"].append(box)
            lens = row["cam_param"]
            files["camera"][str(take.camera)] = {"R": row["R"], "t": row["t"], **lens}
            for kind, value in (("joint_3d", row["joints"]), ("smpl_param", row["body"])):
                tree = files[kind].setdefault(str(take.action), {})
                tree = tree.setdefault(str(take.trial), {})
                if value is not None:
                    tree[str(row["frame"])] = value
        if take.is_test:
            # A camera that the test does not use.
            images, boxes = files["data"]["images"], files["data"]["annotations"]
            number = first_id + len(images)
            images.append({**images[-1], "id": number, "cam_idx": 1})
            boxes.append({**boxes[-1], "id": number, "image_id": number})
    return files
