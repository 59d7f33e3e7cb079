"""SGRE's annotations (3DMPPE's family): Human3.6M, COCO, MPII and 3DPW, with SMPL bodies.

All are lists `images` and `annotations` joined by `image_id`. Bodies come in files of their own
(`smpl_param`, NeuralAnnot's) by annotation id, or with the annotation (3DPW).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Union

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import json_labels
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import parse_numbered
from tfrecords_tools.json_labels import MalformedLabelError, field, numbers
from tfrecords_tools.labelled_people import LabelledPerson, projected
from tfrecords_tools.rest_pelvis import RestPelvis, moved_translation
from tfrecords_tools.skeletons import H36M17_RIGHT_FIRST, PW3D18, Skeleton

_MM = 1e-3
_GENDERS = {"neutral": 0, "male": 1, "female": 2}
_FRONTAL_CAMERA = 4
# A detected joint counts as one from this score on.
_SMALLEST_SCORE = 0.05

Found = Union[LabelledPerson, Drop]


def h36m_path(data_dir: str, subject: int, kind: str) -> str:
    """Returns the path of a subject's file of a kind: data, camera, joint_3d or smpl_param."""
    return os.path.join(data_dir, "annotations", f"Human36M_subject{subject}_{kind}.json")


def read_h36m(
    data_dir: str, subject: int, frame_step: int, is_test: bool, pelvis: RestPelvis | None
) -> Iterator[Found]:
    """Yields one subject of Human3.6M.

    Args:
        data_dir: holds `annotations` and `images`.
        subject: its number.
        frame_step: every which frame is taken.
        is_test: whether only the frontal camera counts, and only frames with a body.
        pelvis: of the body model, to say where the bodies are; None if unknown.

    Raises:
        DatasetError: if a file is missing, damaged or another one.
    """
    images, annotations = json_labels.load_tables(h36m_path(data_dir, subject, "data"), "h36m")
    cameras, joints, bodies = (
        _load_dict(h36m_path(data_dir, subject, kind), "h36m")
        for kind in ("camera", "joint_3d", "smpl_param")
    )
    folder = os.path.join(data_dir, "images")
    for image, annotation in json_labels.by_id(images, annotations):
        try:
            numbered = ("action_idx", "subaction_idx", "cam_idx", "frame_idx")
            action, trial, camera, frame = (int(field(image, key)) for key in numbered)
            if frame % frame_step or (is_test and camera != _FRONTAL_CAMERA):
                continue
            keys = (str(action), str(trial), str(frame))
            body = _lookup(bodies, keys)
            if is_test and body is None:
                yield Drop("test frame without a body", name=str(field(image, "file_name")))
                continue
            clip = parse_numbered(subject, action, trial, camera)
            yield _h36m_person(
                image,
                annotation,
                joints=numbers(joints, *keys, shape=(17, 3)),
                body=body,
                camera=field(cameras, str(camera)),
                folder=folder,
                pelvis=pelvis,
                subject=f"S{subject}",
                sequence=clip.sequence if clip else "",
                frame=frame,
            )
        except (MalformedLabelError, ValueError, TypeError) as error:
            yield _malformed(error, image)


def _h36m_person(
    image: Mapping[str, Any],
    annotation: Any,
    joints: np.ndarray,
    body: Any,
    camera: Any,
    folder: str,
    pelvis: RestPelvis | None,
    **names: Any,
) -> Found:
    """Brings a person of Human3.6M from the world into the camera's frame."""
    path = json_labels.image_path(folder, field(image, "file_name"))
    box = json_labels.box_xyxy(annotation, field(image, "width"), field(image, "height"))
    if box is None:
        return Drop("box without area", name=image["file_name"])
    rotation = numbers(camera, "R", shape=(3, 3))
    shift = numbers(camera, "t", shape=(3,)) * _MM
    intrinsics = np.concatenate([numbers(camera, key, shape=(2,)) for key in "fc"])
    points = joints * _MM @ rotation.T + shift
    fields: dict[str, Any] = {}
    if body is not None:
        pose = numbers(body, "pose", shape=(72,))
        root = Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:3])
        betas = numbers(body, "shape", shape=(10,))
        fields = {"pose_axis_angle": np.concatenate([root.as_rotvec(), pose[3:]])}
        fields.update(betas=betas, gender=0)
        if pelvis is not None:
            translation = numbers(body, "trans", shape=(3,))
            fields["translation"] = moved_translation(
                rotation, shift, translation, pelvis.of(betas)
            )
    return LabelledPerson(
        path=path,
        points_2d=projected(points, intrinsics),
        skeleton_2d=H36M17_RIGHT_FIRST.name,
        points_3d=points,
        skeleton_3d=H36M17_RIGHT_FIRST.name,
        intrinsics=intrinsics,
        box_xyxy=box,
        **fields,
        **names,
    )


def read_photos(
    labels: str, bodies: str, images_dir: str, skeleton: Skeleton, dataset: str
) -> Iterator[Found]:
    """Yields the people of COCO or MPII, with NeuralAnnot's bodies where there are.

    Args:
        labels: COCO-style file of keypoints.
        bodies: NeuralAnnot's file.
        images_dir: folder that file names start from.
        skeleton: joint set of the keypoints.
        dataset: for messages.

    Raises:
        DatasetError: if a file is missing, damaged or another one.
    """
    images, annotations = json_labels.load_tables(labels, dataset)
    table = _load_dict(bodies, dataset)
    for image, annotation in json_labels.by_id(images, annotations):
        try:
            yield _photo_person(image, annotation, table, images_dir, skeleton)
        except (MalformedLabelError, ValueError, TypeError) as error:
            yield _malformed(error, image)


def _photo_person(
    image: Any, annotation: Any, bodies: dict[str, Any], images_dir: str, skeleton: Skeleton
) -> Found:
    name = field(image, "file_name")
    path = json_labels.image_path(images_dir, name)
    if annotation.get("iscrowd", 0):
        return Drop("crowd", name=name)
    points = numbers(annotation, "keypoints", shape=(-1, 3))
    if len(points) != skeleton.num_joints:
        raise MalformedLabelError(f"keypoints is not {skeleton.num_joints} x 3 numbers")
    points[:, 2] = points[:, 2] > 0
    if not points[:, 2].any():
        return Drop("no visible keypoint", name=name)
    box = json_labels.box_xyxy(annotation, field(image, "width"), field(image, "height"))
    if box is None:
        return Drop("box without area", name=name)
    fields: dict[str, Any] = {}
    body = bodies.get(str(annotation.get("id")))
    if body is not None:
        fields = _camera_frame_body(field(body, "smpl_param"))
        camera = (numbers(body, "cam_param", key, shape=(2,)) for key in ("focal", "princpt"))
        fields.update(intrinsics=np.concatenate(list(camera)), gender=0)
    return LabelledPerson(
        path=path, points_2d=points, skeleton_2d=skeleton.name, box_xyxy=box, **fields
    )


def read_pw3d(labels: str, images_dir: str, dataset: str) -> Iterator[Found]:
    """Yields the people of 3DPW: OpenPose's joints, SMPL bodies of the camera frame."""
    images, annotations = json_labels.load_tables(labels, dataset)
    for image, annotation in json_labels.by_id(images, annotations):
        try:
            yield _pw3d_person(image, annotation, images_dir)
        except (MalformedLabelError, ValueError, TypeError) as error:
            yield _malformed(error, image)


def _pw3d_person(image: Any, annotation: Any, images_dir: str) -> Found:
    name, sequence = field(image, "file_name"), field(image, "sequence")
    path = json_labels.image_path(images_dir, sequence, name)
    label = f"{sequence}/{name}"
    box = json_labels.box_xyxy(annotation, field(image, "width"), field(image, "height"))
    if box is None:
        return Drop("box without area", name=label)
    points = numbers(annotation, "openpose_result", shape=(18, 3))
    points[points[:, 2] <= _SMALLEST_SCORE] = 0.0
    if not points[:, 2].any():
        return Drop("person without 2D joints", name=label)
    body = field(annotation, "smpl_param")
    camera = [numbers(image, "cam_param", key, shape=(2,)) for key in ("focal", "princpt")]
    digits = "".join(c for c in os.path.splitext(name)[0] if c.isdigit())
    return LabelledPerson(
        path=path,
        points_2d=points,
        skeleton_2d=PW3D18.name,
        intrinsics=np.concatenate(camera),
        box_xyxy=box,
        gender=_GENDERS.get(body.get("gender"), -1),
        sequence=sequence,
        frame=int(digits) if digits else -1,
        **_camera_frame_body(body),
    )


def _camera_frame_body(body: Any) -> dict[str, np.ndarray]:
    """Returns the fields of a person that a body in the camera frame fills."""
    return {
        "pose_axis_angle": numbers(body, "pose", shape=(72,)),
        "betas": numbers(body, "shape", shape=(10,)),
        "translation": numbers(body, "trans", shape=(3,)),
    }


def _load_dict(path: str, dataset: str) -> dict[str, Any]:
    content = json_labels.load(path, dataset)
    if not isinstance(content, dict):
        raise DatasetError(f"{dataset}: {path} must hold a JSON object, not a list.")
    return content


def _lookup(tree: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """Returns what stands under a path of keys; None if it is not there."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _malformed(error: Exception, image: Any) -> Drop:
    name = image.get("file_name", "") if isinstance(image, dict) else ""
    reason = (
        f"malformed label ({error})"
        if isinstance(error, MalformedLabelError)
        else ("malformed label")
    )
    return Drop(reason, is_error=True, name=str(name))
