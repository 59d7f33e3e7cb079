"""One labelled person in one image file, and how that becomes a sample.

For datasets that have the same kinds of labels in different files: what a reader gathers is a
`LabelledPerson`, and `to_sample` does the rest.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Union

import numpy as np

from tfrecords_tools import images, person_crop, person_scale, skeletons
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import ImageError
from tfrecords_tools.joint_fields import fields_2d, fields_3d
from tfrecords_tools.samples import PERSON_PX, Sample

ScaleRule = Callable[[np.ndarray], Union[float, None]]
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledPerson:
    """A person and what the source says about them, in px of the source image.

    Attributes:
        path: of the image file; it may be missing.
        points_2d: `[J, 3]` x, y and visibility, labelled where > 0, in the order of
            ``skeleton_2d``.
        skeleton_2d: name of the joint set.
        points_3d: `[K, 3]` m, camera frame, in the order of ``skeleton_3d``; None if unknown.
        skeleton_3d: name of the joint set.
        is_root_relative: whether ``points_3d`` do not say where in space the person is.
        pose_axis_angle: `[72]` SMPL pose with camera-frame root; together with ``betas``.
        betas: `[10]`.
        translation: `[3]` m, of the SMPL body; None if unknown.
        intrinsics: `[4]` (fx, fy, cx, cy).
        box_xyxy: `[4]`.
        gender: as in `Sample`.
        filename: name of the image in the record; the path's last part if empty.
        subject, sequence, frame: as in `Sample`.
        confidence: `[J]`, what the 24-joint set keeps in place of the visibility; None if the same.
        name: which person of the image it is, for the list of drops.
    """

    path: str
    points_2d: np.ndarray
    skeleton_2d: str
    points_3d: np.ndarray | None = None
    skeleton_3d: str = ""
    is_root_relative: bool = False
    pose_axis_angle: np.ndarray | None = None
    betas: np.ndarray | None = None
    translation: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    box_xyxy: np.ndarray | None = None
    gender: int = -1
    filename: str = ""
    subject: str = ""
    sequence: str = ""
    frame: int = -1
    confidence: np.ndarray | None = None
    name: str = ""


class SourceImage(NamedTuple):
    """An image that people are cut out of, or that they are stored in.

    Attributes:
        pixels: `[height, width, 3]` uint8 RGB; None if it is stored as it is.
        size: (width, height) of the whole image, if the pixels are a smaller copy of it.
        stored: (JPEG bytes, height, width) if it is stored as it is.
    """

    pixels: np.ndarray | None = None
    size: tuple[int, int] | None = None
    stored: tuple[bytes, int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Framing:
    """How people are stored.

    Attributes:
        person_px: the diagonal of their joints, px; 0 stores the source image as it is.
        margin_px: half the side of the square that is kept, px of an image in which the person
            measures 150 px.
        scale_rule: cocoplus keypoints `[19, 3]` -> the factor that brings the person to 150 px, or
            None; see `person_scale`.
    """

    person_px: float = PERSON_PX
    margin_px: int = 150
    scale_rule: ScaleRule = person_scale.scale_from_trunk


@dataclasses.dataclass(frozen=True, eq=False)
class FramedPerson:
    """A person whose labels can be used, and what part of the image goes into the record.

    Attributes:
        person: the labels.
        fields: the sample's 2D joints, px of the source image.
        center: `[2]` x, y px of the source image.
        person_px: how large the person is in the record.
        scale: factor from the source image to the record's; None for the source image as it is.
        margin: half the side of the square that is kept, px of the record.
    """

    person: LabelledPerson
    fields: dict[str, np.ndarray]
    center: np.ndarray
    person_px: float
    scale: float | None = None
    margin: int = 0


def frame(person: LabelledPerson, framing: Framing) -> FramedPerson | Drop:
    """Returns how a person is stored, or why they are left out whatever the image is."""
    # What is not labelled may hold anything.
    points = person.points_2d[person.points_2d[:, 2] != 0]
    used = [points, person.points_3d, person.pose_axis_angle, person.betas]
    used += [person.translation, person.intrinsics, person.box_xyxy]
    if not all(np.isfinite(values).all() for values in used if values is not None):
        return Drop("label that is not finite", is_error=True, name=person.name)
    skeleton = skeletons.get(person.skeleton_2d)
    fields = fields_2d(person.points_2d, skeleton, person.confidence)
    keypoints = fields["keypoints_2d"]
    visible = keypoints[keypoints[:, 2] > 0, :2]
    if not len(visible):
        return Drop("no visible keypoint", name=person.name)
    # Who is in a dataset does not depend on how its images are stored.
    scale = framing.scale_rule(keypoints)
    if scale is None:
        return Drop("too little labelled to tell the size", name=person.name)
    center = (visible.min(0) + visible.max(0)) / 2
    if not framing.person_px:
        return FramedPerson(person, fields, center, PERSON_PX / scale)
    enlarge = framing.person_px / PERSON_PX
    margin = round(framing.margin_px * enlarge)
    return FramedPerson(person, fields, center, framing.person_px, scale * enlarge, margin)


def to_sample(
    person: LabelledPerson, dataset: str, framing: Framing, image: np.ndarray | None = None
) -> Sample | Drop:
    """Turns a labelled person into a sample.

    Args:
        person: the labels.
        dataset: its name.
        framing: how the person is stored.
        image: `[height, width, 3]` uint8 RGB; read from the person's path if None.
    """
    framed = frame(person, framing)
    if isinstance(framed, Drop):
        return framed
    try:
        source = load_image(person.path, [framed]) if image is None else SourceImage(image)
    except ImageError as error:
        return unusable(error, person)
    return framed_sample(framed, dataset, source)


def unusable(error: ImageError, person: LabelledPerson) -> Drop:
    """Returns a person whose image cannot be used."""
    return Drop(str(error).split(":")[0], is_error=True, name=person.name)


def framed_sample(framed: FramedPerson, dataset: str, image: SourceImage) -> Sample | Drop:
    """Turns a person into a sample whose image is at hand.

    The translation that the sample gets moves its joints into the camera frame. It is the SMPL
    body's own where that is known, so that one translation serves both; else the pelvis.
    """
    person = framed.person
    stored = _stored_image(framed, image)
    if stored is None:
        return Drop("person outside of the image", name=person.name)
    data, height, width, crop = stored
    fields: dict[str, Any] = {
        name: np.where(points[:, 2:] > 0, crop.points(points), 0.0)
        for name, points in framed.fields.items()
    }
    fields.update(_fields_3d(person))
    if person.intrinsics is not None:
        fields["intrinsics"] = crop.intrinsics(person.intrinsics)
    if person.box_xyxy is not None:
        fields["box_xyxy"] = crop.box(person.box_xyxy)
    return Sample(
        image=data,
        filename=person.filename or os.path.basename(person.path),
        height=height,
        width=width,
        center=crop.points(framed.center),
        gender=person.gender,
        dataset=dataset,
        subject=person.subject,
        sequence=person.sequence,
        frame=person.frame,
        scale_factors=crop.scale_factors,
        crop_origin=crop.crop_origin,
        person_px=None if framed.person_px == PERSON_PX else framed.person_px,
        **fields,
    )


def load_image(path: str, people: Sequence[FramedPerson]) -> SourceImage:
    """Reads an image, once for all people in it, at the resolution that they need.

    Raises:
        ImageError: if it is missing or damaged.
    """
    scales = [person.scale for person in people]
    if None in scales:
        return SourceImage(stored=images.record_jpeg(path))
    data = images.read_image_file(path)
    return SourceImage(*person_crop.decode_for(data, os.path.basename(path), max(scales)))


def _stored_image(
    framed: FramedPerson, image: SourceImage
) -> tuple[bytes, int, int, person_crop.PersonCrop] | None:
    """Returns JPEG, height, width and how to get there; None if the person is not in the image."""
    if framed.scale is None:
        unchanged = person_crop.PersonCrop(_NO_PIXELS, np.ones(2), np.zeros(2))
        if image.stored is not None:
            return *image.stored, unchanged
        return images.encode_jpeg(image.pixels), *image.pixels.shape[:2], unchanged
    crop = person_crop.crop_scaled(
        image.pixels, framed.center, framed.scale, framed.margin, image.size
    )
    if crop is None:
        return None
    return images.encode_jpeg(crop.image), *crop.image.shape[:2], crop


def _fields_3d(person: LabelledPerson) -> dict[str, Any]:
    """Returns the sample's 3D joints, SMPL parameters and translation, as far as known."""
    fields: dict[str, Any] = {}
    if person.pose_axis_angle is not None:
        fields.update(pose_axis_angle=person.pose_axis_angle, betas=person.betas)
    origin = person.translation
    if person.points_3d is not None:
        skeleton = skeletons.get(person.skeleton_3d)
        if person.is_root_relative:
            fields.update(fields_3d(person.points_3d, skeleton, np.zeros(3)))
        else:
            if origin is None:
                origin = person.points_3d[skeleton.index("pelvis")]
            fields.update(fields_3d(person.points_3d, skeleton, origin))
    if origin is not None:
        fields["translation"] = origin
    return fields


def projected(joints: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Returns the 2D joints of a dataset that has none of its own.

    Args:
        joints: `[J, 3]` camera frame.
        intrinsics: `[4]` (fx, fy, cx, cy) px.

    Returns:
        `[J, 3]` x, y px and 1, zeros for what lies behind the camera.
    """
    is_before = joints[:, 2] > 0
    depth = np.where(is_before, joints[:, 2], 1.0)
    pixels = joints[:, :2] / depth[:, None] * intrinsics[:2] + intrinsics[2:]
    points = np.concatenate([pixels, np.ones((len(joints), 1))], axis=1)
    return np.where(is_before[:, None], points, 0.0)
