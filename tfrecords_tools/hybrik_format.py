"""HybrIK's annotations of Human3.6M, MPI-INF-3DHP and 3DPW.

The first two are two parallel lists, in mm; 3DPW's are joined by `image_id`, in metres. All are in
the camera frame. Joints have no 2D labels of their own: the camera projects the 3D ones. HybrIK's
`h36m_joints` are regressed from the fitted bodies, so they are not Human3.6M's own joints.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from typing import Any, Union

import numpy as np

from tfrecords_tools import json_labels
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import parse_image_name
from tfrecords_tools.json_labels import MalformedLabelError, field, numbers
from tfrecords_tools.labelled_people import LabelledPerson, projected
from tfrecords_tools.rest_pelvis import RestPelvis
from tfrecords_tools.skeletons import H36M17, MPI_INF_3DHP17, MPI_INF_3DHP28, Skeleton

_MM = 1e-3
# Sequences of S9 whose bodies stand beside the person; HybrIK leaves them out.
_SHIFTED = (
    "s_09_act_05_subact_02_ca",
    "s_09_act_10_subact_02_ca",
    "s_09_act_13_subact_01_ca",
)
_GENDERS = {"neutral": 0, "male": 1, "m": 1, "female": 2, "f": 2}
_SMALLEST_BOX_PX = 5

Found = Union[LabelledPerson, Drop]


def find_labels(folder: str, pattern: str, chosen: str, dataset: str) -> str:
    """Returns the one file of labels in a folder.

    Args:
        folder: of the labels.
        pattern: glob of the files of a split.
        chosen: the file's name if the user says it; else empty.
        dataset: for the message.

    Raises:
        DatasetError: if there is none, or there are several.
    """
    if chosen:
        path = os.path.join(folder, chosen)
        if not os.path.isfile(path):
            raise DatasetError(f"{dataset}: {path} is not there; check --option labels=.")
        return path
    paths = sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
    if len(paths) != 1:
        names = ", ".join(os.path.basename(path) for path in paths)
        choice = f"there are {names}; choose with --option labels=NAME"
        advice = choice if paths else "there is none"
        raise DatasetError(f"{dataset}: {folder} must hold one file {pattern}; {advice}.")
    return paths[0]


def read_h36m(path: str, images_dir: str, pelvis: RestPelvis | None) -> Iterator[Found]:
    """Yields the people of a file of Human3.6M.

    Args:
        path: e.g. ``Sample_5_train_Human36M_smpl_leaf_twist_protocol_2.json``.
        images_dir: folder that file names start from.
        pelvis: of the body model, to say where the bodies are; None if unknown.

    Raises:
        DatasetError: if the file is damaged or another one.
    """
    images, annotations = json_labels.load_tables(path, "h36m")
    for image, annotation in json_labels.by_position(images, annotations, path, "h36m"):
        yield _guarded(_h36m_person, image, annotation, images_dir, pelvis)


def read_3dhp(path: str, images_dir: str, dataset: str) -> Iterator[Found]:
    """Yields the people of a file of MPI-INF-3DHP, training or test."""
    images, annotations = json_labels.load_tables(path, dataset)
    for image, annotation in json_labels.by_position(images, annotations, path, dataset):
        yield _guarded(_3dhp_person, image, annotation, images_dir)


def read_pw3d(
    path: str, images_dir: str, pelvis: RestPelvis | None, dataset: str
) -> Iterator[Found]:
    """Yields the people of a file of 3DPW."""
    images, annotations = json_labels.load_tables(path, dataset)
    for image, annotation in json_labels.by_id(images, annotations):
        yield _guarded(_pw3d_person, image, annotation, images_dir, pelvis)


def _guarded(read: Any, image: Any, annotation: Any, *rest: Any) -> Found:
    """Returns a person, or a drop if one annotation is malformed."""
    name = image.get("file_name", "") if isinstance(image, dict) else ""
    name = name if isinstance(name, str) else ""
    try:
        if not isinstance(image, dict) or not isinstance(annotation, dict):
            raise MalformedLabelError("no image of that id")
        person = read(image, annotation, *rest)
        if isinstance(person, Drop) and not person.name:
            return Drop(person.reason, person.is_error, name)
        return person
    except MalformedLabelError as error:
        return Drop(f"malformed label ({error})", is_error=True, name=name)


def _h36m_person(
    image: dict, annotation: dict, images_dir: str, pelvis: RestPelvis | None
) -> Found:
    # Keys of the two lists are merged; the annotation's win.
    record = {**image, **annotation}
    name = field(record, "file_name")
    path = json_labels.image_path(images_dir, name)
    if any(shifted in name for shifted in _SHIFTED):
        return Drop("sequence of S9 with shifted labels")
    box = json_labels.box_xyxy(record, field(record, "width"), field(record, "height"))
    if box is None:
        return Drop("box without area")
    focal = numbers(record, "cam_param", "f", shape=(2,))
    middle = numbers(record, "cam_param", "c", shape=(2,))
    joints = numbers(record, "h36m_joints", shape=(17, 3)) * _MM
    intrinsics = np.concatenate([focal, middle])
    betas = numbers(record, "betas", shape=(10,))
    root = numbers(record, "smpl_joints", shape=(-1, 3))[0] * _MM
    clip, frame = parse_image_name(name) or (None, -1)
    return LabelledPerson(
        path=path,
        points_2d=projected(joints, intrinsics),
        skeleton_2d=H36M17.name,
        points_3d=joints,
        skeleton_3d=H36M17.name,
        pose_axis_angle=numbers(record, "thetas", shape=(72,)),
        betas=betas,
        translation=None if pelvis is None else root - pelvis.of(betas),
        intrinsics=intrinsics,
        box_xyxy=box,
        gender=0,
        subject=clip.subject if clip else "",
        sequence=clip.sequence if clip else "",
        frame=frame,
    )


def _3dhp_person(image: dict, annotation: dict, images_dir: str) -> Found:
    record = {**image, **annotation}
    name = field(record, "file_name")
    path = json_labels.image_path(images_dir, name)
    box = json_labels.box_xyxy(record, field(record, "width"), field(record, "height"))
    if box is None:
        return Drop("box without area")
    matrix = numbers(record, "cam_param", "intrinsic_param", shape=(3, -1))
    if matrix.shape[1] < 3:
        raise MalformedLabelError("cam_param.intrinsic_param is not 3 x 4 numbers")
    intrinsics = matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    joints = numbers(record, "keypoints_cam", shape=(-1, 3)) * _MM
    skeletons: dict[int, Skeleton] = {28: MPI_INF_3DHP28, 17: MPI_INF_3DHP17}
    if len(joints) not in skeletons:
        raise MalformedLabelError("keypoints_cam is not 28 x 3 or 17 x 3 numbers")
    skeleton = skeletons[len(joints)].name
    subject, sequence, frame = _3dhp_names(name)
    return LabelledPerson(
        path=path,
        points_2d=projected(joints, intrinsics),
        skeleton_2d=skeleton,
        points_3d=joints,
        skeleton_3d=skeleton,
        intrinsics=intrinsics,
        box_xyxy=box,
        subject=subject,
        sequence=sequence,
        frame=frame,
    )


def _3dhp_names(name: str) -> tuple[str, str, int]:
    """Returns subject, sequence and frame of an image's name, as far as it tells them."""
    folders, _, last = name.replace("\\", "/").rpartition("/")
    subjects = [part for part in folders.split("/") if re.fullmatch(r"(S|TS)\d+", part)]
    subject = subjects[0] if subjects else ""
    digits = "".join(c if c.isdigit() else " " for c in os.path.splitext(last)[0]).split()
    return subject, folders, int(digits[-1]) if digits else -1


def _pw3d_person(
    image: dict, annotation: dict, images_dir: str, pelvis: RestPelvis | None
) -> Found:
    name, sequence = field(image, "file_name"), field(image, "sequence")
    path = json_labels.image_path(images_dir, sequence, name)
    box = json_labels.box_xyxy(annotation, field(image, "width"), field(image, "height"))
    if box is None or (box[2:] - box[:2]).min() < _SMALLEST_BOX_PX:
        return Drop("box under 5 px")
    focal = numbers(image, "cam_param", "focal", shape=(2,))
    middle = numbers(image, "cam_param", "princpt", shape=(2,))
    intrinsics = np.concatenate([focal, middle])
    joints = numbers(annotation, "h36m_joints", shape=(17, 3))
    betas = numbers(annotation, "smpl_param", "shape", shape=(10,))
    root = numbers(annotation, "smpl_joint_cam", shape=(-1, 3))[0]
    digits = "".join(c for c in os.path.splitext(name)[0] if c.isdigit())
    return LabelledPerson(
        path=path,
        points_2d=projected(joints, intrinsics),
        skeleton_2d=H36M17.name,
        points_3d=joints,
        skeleton_3d=H36M17.name,
        pose_axis_angle=numbers(annotation, "smpl_param", "pose", shape=(72,)),
        betas=betas,
        translation=None if pelvis is None else root - pelvis.of(betas),
        intrinsics=intrinsics,
        box_xyxy=box,
        gender=_GENDERS.get(annotation["smpl_param"].get("gender"), -1),
        sequence=sequence,
        frame=int(digits) if digits else -1,
    )
