"""Writes filmed people in HybrIK's layouts of MPI-INF-3DHP and 3DPW, with their exact SMPL truth.

`hybrik_mpi_inf_3dhp`
    annotation_mpi_inf_3dhp_train_v2.json     28 joints
    annotation_mpi_inf_3dhp_test.json         17 joints, and an activity
    mpi_inf_3dhp_train_set/S1/Seq1/images/S1_Seq1_V0/img_S1_Seq1_V0_000001.jpg ...
    mpi_inf_3dhp_test_set/TS1/imageSequence/img_000001.jpg ...
    Two parallel lists, mm.

`hybrik_pw3d`
    json/3DPW_train_new.json, 3DPW_test_new.json
    imageFiles/courtyard_arguing_00/image_00000.jpg ...
    Lists joined by `image_id`, metres; two people to an image, of whom the second has no area in
    the last image of a film.

Of at least 100 training images one is damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import hybrik_labels, twin_folder
from hmr_tf.synthetic.noting_maker import NotingMaker, box_around, shares
from hmr_tf.synthetic.twin_joints import twin_joints
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28

_IMAGES_PER_FILM = 20
_NAMES_3DHP = {
    False: [f"S{s}/Seq{q}/images/S{s}_Seq{q}_V{v}" for v in (0, 4) for s in (1, 3) for q in (1, 2)],
    True: [f"TS{number}/imageSequence" for number in range(1, 5)],
}
_NAMES_PW3D = {
    False: ["courtyard_arguing_00", "courtyard_backpack_00", "outdoors_climbing_00"],
    True: ["downtown_arguing_00", "downtown_cafe_00", "office_phoneCall_00"],
}


class _Film(NamedTuple):
    """A film: its folder, how many images it has, and whether it is for testing."""

    name: str
    num_images: int
    is_test: bool


def write_mpi_inf_3dhp(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes HybrIK's MPI-INF-3DHP, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    products = ("mpi_inf_3dhp_train_set", "mpi_inf_3dhp_test_set")
    twin_folder.fill(_3DHPMaker, Path(out_dir), config, num_workers, products)
    return f"{config.num_images} images in {out_dir}"


def write_pw3d(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes HybrIK's 3DPW, or what is missing of it; see `write_mpi_inf_3dhp`."""
    twin_folder.fill(_PW3DMaker, Path(out_dir), config, num_workers, ("json", "imageFiles"))
    return f"{config.num_images} images in {out_dir}"


class _Maker(NotingMaker):
    """Films, writes each frame as an image and notes what is known of it."""

    names: dict[bool, list[str]]
    num_people = 1

    def pieces(self) -> Sequence[_Film]:
        counts = {False: self.config.num_images - self.config.num_test, True: self.config.num_test}
        return [
            _Film(name, size, is_test)
            for is_test, count in counts.items()
            for name, size in shares(count, self.names[is_test], _IMAGES_PER_FILM)
        ]

    def draw(self, index: int, piece: _Film) -> list[tuple]:
        size = self.config.image_size
        film = self.studio.film(
            self.random(index),
            size,
            round(size * 4 / 3),
            piece.num_images,
            split="test" if piece.is_test else "train",
            num_people=self.num_people,
        )
        entries, notes = [], []
        for number, shot in enumerate(film):
            folder, name = self.image_name(piece, number)
            self.write_image(
                f"{folder}/{name}", shot, self.is_awkward and (index, number) == (0, 1)
            )
            entries += [
                (f"{folder}/{name}", k, person, shot.intrinsics)
                for k, person in enumerate(shot.people)
            ]
            height, width = shot.image.shape[:2]
            image = {"width": width, "height": height, **self.describe_image(piece, name, shot)}
            people = [self.describe_person(piece, number, k, p) for k, p in enumerate(shot.people)]
            notes.append({"image": image, "people": people, "is_test": piece.is_test})
        self.note(index, notes)
        return entries

    def tables(self, is_test: bool) -> dict[str, Any]:
        """Returns the lists of a split, with ids."""
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for row in (row for notes in self.notes() for row in notes):
            if row["is_test"] != is_test:
                continue
            number = len(images)
            images.append({"id": number, "image_id": number, **row["image"]})
            annotations += [
                {"id": len(annotations) + k, "image_id": number, **person}
                for k, person in enumerate(row["people"])
            ]
        return {"images": images, "annotations": annotations}

    def image_name(self, film: _Film, number: int) -> tuple[str, str]:
        """Returns folder and name of an image."""
        raise NotImplementedError

    def describe_image(self, film: _Film, name: str, shot: TwinImage) -> dict[str, Any]:
        """Returns what the labels say of an image."""
        raise NotImplementedError

    def describe_person(
        self, film: _Film, number: int, index: int, person: TwinPerson
    ) -> dict[str, Any]:
        """Returns what the labels say of a person."""
        raise NotImplementedError


class _3DHPMaker(_Maker):
    """Writes HybrIK's MPI-INF-3DHP."""

    dataset = "hybrik_mpi_inf_3dhp"
    names = _NAMES_3DHP

    def image_name(self, film: _Film, number: int) -> tuple[str, str]:
        folder = f"mpi_inf_3dhp_{'test' if film.is_test else 'train'}_set/{film.name}"
        view = "" if film.is_test else f"{film.name.rpartition('/')[2]}_"
        return folder, f"img_{view}{number + 1:06d}.jpg"

    def describe_image(self, film: _Film, name: str, shot: TwinImage) -> dict[str, Any]:
        fx, fy, cx, cy = shot.intrinsics
        matrix = [[fx, 0.0, cx, 0.0], [0.0, fy, cy, 0.0], [0.0, 0.0, 1.0, 0.0]]
        camera = {"intrinsic_param": matrix}
        return {"file_name": f"{film.name}/{name}", "cam_param": camera}

    def describe_person(
        self, film: _Film, number: int, index: int, person: TwinPerson
    ) -> dict[str, Any]:
        joints = twin_joints(person, MPI_INF_3DHP17 if film.is_test else MPI_INF_3DHP28)
        label = {
            "bbox": box_around(person.project(joints)),
            "keypoints_cam": (1000.0 * joints).tolist(),
        }
        return {**label, "activity_id": 1 + number % 7} if film.is_test else label

    def finish(self) -> None:
        for is_test, name in ((False, "train_v2"), (True, "test")):
            self.write_json(f"annotation_mpi_inf_3dhp_{name}.json", self.tables(is_test))


class _PW3DMaker(_Maker):
    """Writes HybrIK's 3DPW."""

    dataset = "hybrik_pw3d"
    names = _NAMES_PW3D
    num_people = 2

    def image_name(self, film: _Film, number: int) -> tuple[str, str]:
        return f"imageFiles/{film.name}", f"image_{number:05d}.jpg"

    def describe_image(self, film: _Film, name: str, shot: TwinImage) -> dict[str, Any]:
        fx, fy, cx, cy = shot.intrinsics
        camera = {"focal": [fx, fy], "princpt": [cx, cy]}
        return {"sequence": film.name, "file_name": name, "cam_param": camera}

    def describe_person(
        self, film: _Film, number: int, index: int, person: TwinPerson
    ) -> dict[str, Any]:
        joints = hybrik_labels.joints_29(self.body, person)
        joints = joints if not film.is_test else joints[:24]
        pixels = person.project(joints)
        is_tiny = index == 1 and number == film.num_images - 1
        return {
            "bbox": [3.0, 3.0, 4.0, 4.0] if is_tiny else box_around(pixels),
            "smpl_param": {
                "shape": person.betas.astype(float).tolist(),
                "pose": person.pose_axis_angle.astype(float).tolist(),
            },
            "h36m_joints": person.h36m17.astype(float).tolist(),
            "smpl_joint_cam": joints.tolist(),
            "smpl_joint_img": np.concatenate([pixels, joints[:, 2:]], axis=1)[:24].tolist(),
        }

    def finish(self) -> None:
        for is_test, name in ((False, "train"), (True, "test")):
            self.write_json(f"json/3DPW_{name}_new.json", self.tables(is_test))
