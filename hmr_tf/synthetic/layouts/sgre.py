"""Writes synthetic people in SGRE's layouts of COCO, MPII and 3DPW, with their exact SMPL truth.

`sgre_coco`
    annotations/person_keypoints_train2017.json, MSCOCO_train_SMPL_NeuralAnnot.json
    images/train2017/000000000009.jpg ...
`sgre_mpii`
    annotations/train.json, MPII_train_SMPL_NeuralAnnot.json
    images/000000001.jpg ...
    Both are photographs of one, two or three people by turns, for training only. Of every eighth
    picture the first person stands at the border, every ninth has a crowd instead of its last
    person, every fifth person has no body, and joints outside of the picture are not labelled.

`sgre_pw3d`
    3DPW_latest_train.json, 3DPW_latest_validation.json, 3DPW_latest_test.json
    imageFiles/courtyard_arguing_00/image_00000.jpg ...
    Films of two people with OpenPose's 18 joints; hidden joints have a low score and are somewhere
    else, and of the second person of the last frame nothing is detected. SMPL bodies are of the
    camera frame, with a gender. MuCo as SGRE reads it is the layout `muco`.

Of at least 100 training images one is damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import twin_folder
from hmr_tf.synthetic.noting_maker import NotingMaker, box_around, shares
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools.skeletons import COCO17, J24, MPII16, PW3D18, Skeleton, mapping

_IMAGES_PER_FILM = 20
_NUM_PEOPLE = (1, 2, 3)
_BORDER, _CROWD, _NO_BODY = 8, 9, 5
_SEQUENCES = {
    "train": ["courtyard_arguing_00", "courtyard_backpack_00", "outdoors_climbing_00"],
    "validation": ["courtyard_hug_00", "courtyard_drinking_00"],
    "test": ["downtown_arguing_00", "downtown_cafe_00", "office_phoneCall_00"],
}


def write_coco(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes SGRE's COCO, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; test images are not part of the layout.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_COCOMaker, Path(out_dir), config, num_workers, ("annotations", "images"))
    return f"{config.num_images - config.num_test} images in {out_dir}"


def write_mpii(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes SGRE's MPII, or what is missing of it; see `write_coco`."""
    twin_folder.fill(_MPIIMaker, Path(out_dir), config, num_workers, ("annotations", "images"))
    return f"{config.num_images - config.num_test} images in {out_dir}"


def write_pw3d(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes SGRE's 3DPW, or what is missing of it; half of the test images are `validation`."""
    twin_folder.fill(_PW3DMaker, Path(out_dir), config, num_workers, ("imageFiles",))
    return f"{config.num_images} images in {out_dir}"


def _body(person: TwinPerson) -> dict[str, Any]:
    """Returns SMPL parameters of the camera frame as JSON types."""
    return {
        "pose": person.pose_axis_angle.astype(float).tolist(),
        "shape": person.betas.astype(float).tolist(),
        "trans": person.translation.astype(float).tolist(),
    }


def _camera(shot: TwinImage) -> dict[str, Any]:
    fx, fy, cx, cy = shot.intrinsics
    return {"focal": [fx, fy], "princpt": [cx, cy]}


class _PhotoMaker(NotingMaker):
    """Takes photographs with 2D joints and NeuralAnnot's bodies."""

    skeleton: Skeleton
    labels: str
    bodies: str
    # Folder of the images, and whether file names begin with it.
    image_dir: str
    is_dir_in_name = False

    def pieces(self) -> Sequence[int]:
        return range(self.config.num_images - self.config.num_test)

    def image_name(self, index: int) -> str:
        """Returns the name of an image in its folder."""
        raise NotImplementedError

    def draw(self, index: int, piece: int) -> list[tuple]:
        size = self.config.image_size
        shot = self.studio.photograph(
            self.random(index),
            size,
            round(size * 4 / 3),
            _NUM_PEOPLE[index % len(_NUM_PEOPLE)],
            at_border=index % _BORDER == 1,
        )
        name = self.image_name(index)
        path = f"{self.image_dir}/{name}"
        self.write_image(path, shot, self.is_awkward and index == 2)
        height, width = shot.image.shape[:2]
        people = [self._describe(person) for person in shot.people]
        is_crowd = index % _CROWD == 4 and len(people) > 1
        if is_crowd:
            people[-1]["annotation"]["iscrowd"] = 1
        file_name = path if self.is_dir_in_name else name
        image = {"file_name": file_name, "width": width, "height": height}
        self.note(index, {"image": image, "camera": _camera(shot), "people": people})
        return [(path, k, person, shot.intrinsics) for k, person in enumerate(shot.people)]

    def _describe(self, person: TwinPerson) -> dict[str, Any]:
        slots = list(mapping(J24, self.skeleton))
        height, width = person.mask.shape
        pixels = person.project(person.j24)
        is_inside = ((pixels > -0.5) & (pixels < [width - 0.5, height - 0.5])).all(axis=1)
        state = np.where(is_inside, np.where(person.hidden_j24, 1, 2), 0)
        points = np.concatenate([pixels, state[:, None]], axis=1)
        points[state == 0] = 0.0
        annotation = {
            "bbox": box_around(pixels[slots]),
            "iscrowd": 0,
            "num_keypoints": int((state[slots] > 0).sum()),
            "keypoints": points[slots].round(3).reshape(-1).tolist(),
        }
        return {"annotation": annotation, "body": _body(person)}

    def finish(self) -> None:
        images, annotations, bodies = [], [], {}
        for number, note in enumerate(self.notes(), start=1):
            images.append({"id": number, **note["image"]})
            for person in note["people"]:
                key = 100 + len(annotations)
                annotations.append({"id": key, "image_id": number, **person["annotation"]})
                if key % _NO_BODY:
                    smpl = {"smpl_param": person["body"], "cam_param": note["camera"]}
                    bodies[str(key)] = smpl
        content = {"images": images, "annotations": annotations}
        self.write_json(f"annotations/{self.labels}", content)
        self.write_json(f"annotations/{self.bodies}", bodies)


class _COCOMaker(_PhotoMaker):
    """Writes SGRE's COCO."""

    dataset = "sgre_coco"
    skeleton = COCO17
    labels = "person_keypoints_train2017.json"
    bodies = "MSCOCO_train_SMPL_NeuralAnnot.json"
    image_dir = "images/train2017"

    def image_name(self, index: int) -> str:
        return f"{9 + 16 * index:012d}.jpg"


class _MPIIMaker(_PhotoMaker):
    """Writes SGRE's MPII."""

    dataset = "sgre_mpii"
    skeleton = MPII16
    labels = "train.json"
    bodies = "MPII_train_SMPL_NeuralAnnot.json"
    image_dir = "images"
    is_dir_in_name = True

    def image_name(self, index: int) -> str:
        return f"{1163 + 8 * index:09d}.jpg"


class _Film(NamedTuple):
    """A film: its split, its name and how many images it has."""

    split: str
    name: str
    num_images: int


class _PW3DMaker(NotingMaker):
    """Writes SGRE's 3DPW."""

    dataset = "sgre_pw3d"

    def pieces(self) -> Sequence[_Film]:
        num_validation = self.config.num_test // 2
        counts = {
            "train": self.config.num_images - self.config.num_test,
            "validation": num_validation,
            "test": self.config.num_test - num_validation,
        }
        return [
            _Film(split, name, size)
            for split, count in counts.items()
            for name, size in shares(count, _SEQUENCES[split], _IMAGES_PER_FILM)
        ]

    def draw(self, index: int, piece: _Film) -> list[tuple]:
        random, size = self.random(index), self.config.image_size
        film = self.studio.film(
            random,
            size,
            round(size * 16 / 9),
            piece.num_images,
            split="train" if piece.split == "train" else "test",
            num_people=2,
        )
        entries, notes = [], []
        for number, shot in enumerate(film):
            name = f"image_{number:05d}.jpg"
            path = f"imageFiles/{piece.name}/{name}"
            self.write_image(path, shot, self.is_awkward and (index, number) == (0, 1))
            entries += [(path, k, one, shot.intrinsics) for k, one in enumerate(shot.people)]
            height, width = shot.image.shape[:2]
            image = {"sequence": piece.name, "file_name": name, "cam_param": _camera(shot)}
            image.update(width=width, height=height)
            people = [_pw3d_person(random, person) for person in shot.people]
            if number == piece.num_images - 1:
                people[1]["openpose_result"] = [0.0] * 54
            notes.append({"split": piece.split, "image": image, "people": people})
        self.note(index, notes)
        return entries

    def finish(self) -> None:
        rows = [row for notes in self.notes() for row in notes]
        for split in _SEQUENCES:
            images, annotations = [], []
            for row in (row for row in rows if row["split"] == split):
                number = len(images)
                images.append({"id": number, **row["image"]})
                for person in row["people"]:
                    ids = {"id": len(annotations), "image_id": number}
                    annotations.append({**ids, **person})
            content = {"images": images, "annotations": annotations}
            self.write_json(f"3DPW_latest_{split}.json", content)


def _pw3d_person(random: np.random.Generator, person: TwinPerson) -> dict[str, Any]:
    """Returns what the labels say of a person of 3DPW."""
    slots = list(mapping(J24, PW3D18))
    pixels = person.project(person.j24)[slots]
    hidden = person.hidden_j24[slots]
    score = np.where(hidden, 0.03, random.uniform(0.3, 0.95, len(slots)))
    found = np.where(hidden[:, None], random.uniform(0.0, 40.0, pixels.shape), pixels)
    joints = person.project(person.smpl_joints_3d)
    return {
        "bbox": box_around(joints),
        "openpose_result": np.concatenate([found, score[:, None]], axis=1).reshape(-1).tolist(),
        "joint_img": joints.tolist(),
        "smpl_param": {**_body(person), "gender": person.gender},
    }
