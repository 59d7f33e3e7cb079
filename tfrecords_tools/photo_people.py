"""Labelled people in photographs, several to an image: what MPII, COCO and their kin share."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any, Callable

import numpy as np

from tfrecords_tools import images, joint_fields, person_crop, skeletons
from tfrecords_tools.converter import Drop, Output
from tfrecords_tools.errors import ImageError
from tfrecords_tools.samples import Sample
from tfrecords_tools.skeletons import Skeleton


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """One labelled person.

    Attributes:
        name: which one it is, for the list of drops.
        points: `[J, 3]` x, y px and visibility, labelled where > 0, in the dataset's joint set.
        confidence: `[J]`, what of it the 24-joint set keeps; 0 where not labelled.
        box_xyxy: `[4]` px, or None.
        fields: more fields of the sample, e.g. `subject`.
    """

    name: str
    points: np.ndarray
    confidence: np.ndarray
    box_xyxy: np.ndarray | None = None
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """The work item: an image and what is known about the people in it.

    Attributes:
        path: of the image; it may be missing.
        people: those to convert, and those that are already known to be left out.
    """

    path: str
    people: tuple[Person | Drop, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Preparation:
    """How people are cut out.

    Attributes:
        dataset: its name.
        skeleton: its joint set.
        scale_rule: cocoplus keypoints `[19, 3]` -> factor that brings the person to 150 px, or
            None; see `person_scale`.
        margin_px: half the side of the crop, px of an image in which the person measures 150 px.
        person_px: size that people are brought to, px; 0 keeps the source image as it is.
    """

    dataset: str
    skeleton: Skeleton
    scale_rule: Callable[[np.ndarray], float | None]
    margin_px: int
    person_px: float = person_crop.PERSON_PX


def convert_photo(photo: Photo, preparation: Preparation) -> Iterator[Output]:
    """Yields a sample or a drop for each person; the image is read once, and only if needed."""
    loaded: Any = None
    for person in photo.people:
        if isinstance(person, Drop):
            yield person
            continue
        reason, is_error = _refusal(person, preparation)
        if reason:
            yield Drop(reason, is_error, person.name)
            continue
        if loaded is None:
            loaded = _load(photo.path, preparation)
        if isinstance(loaded, Drop):
            yield dataclasses.replace(loaded, name=person.name)
            continue
        yield _sample(photo, person, loaded, preparation)


def _refusal(person: Person, preparation: Preparation) -> tuple[str, bool]:
    """Returns why a person is left out ("" if not) and whether that is an error."""
    labelled = person.points[:, 2] > 0
    if not np.isfinite(person.points[labelled]).all():
        return "keypoint that is not finite", True
    keypoints = _cocoplus(person, preparation)
    if not (keypoints[:, 2] > 0).any():
        return "no visible keypoint", False
    if preparation.person_px and preparation.scale_rule(keypoints) is None:
        return "too little labelled to tell the size", False
    return "", False


def _cocoplus(person: Person, preparation: Preparation) -> np.ndarray:
    points = np.where(person.points[:, 2:] > 0, person.points, 0.0)
    return joint_fields.rearrange(points, preparation.skeleton, skeletons.COCOPLUS19)


def _load(path: str, preparation: Preparation) -> Any:
    """Returns the image as (JPEG, height, width) or as pixels; a drop if it cannot be used."""
    try:
        if not preparation.person_px:
            return images.record_jpeg(path)
        return images.decode_rgb(images.read_image_file(path), os.path.basename(path))
    except ImageError as error:
        return Drop(str(error).split(":")[0], is_error=True)


def _sample(photo: Photo, person: Person, loaded: Any, preparation: Preparation) -> Output:
    """Cuts out a person whose image is there."""
    keypoints = _cocoplus(person, preparation)
    visible = keypoints[keypoints[:, 2] > 0, :2]
    center = (visible.min(axis=0) + visible.max(axis=0)) / 2
    confident = np.concatenate([person.points[:, :2], person.confidence[:, None]], axis=1)
    confident = np.where(person.confidence[:, None] > 0, confident, 0.0)
    keypoints_24 = joint_fields.rearrange(confident, preparation.skeleton, skeletons.J24)
    box = person.box_xyxy
    fields: dict[str, Any] = {"scale_factors": np.ones(2), "crop_origin": np.zeros(2)}
    if not preparation.person_px:
        data, height, width = loaded
    else:
        enlarge = preparation.person_px / person_crop.PERSON_PX
        scale = preparation.scale_rule(keypoints) * enlarge
        margin = round(preparation.margin_px * enlarge)
        crop = person_crop.crop_scaled(loaded, center, scale, margin)
        if crop is None:
            return Drop("person outside of the image", name=person.name)
        data = images.encode_jpeg(crop.image)
        height, width = crop.image.shape[:2]
        # What is not visible stays zero.
        keypoints = np.where(keypoints[:, 2:] > 0, crop.points(keypoints), 0.0)
        keypoints_24 = np.where(keypoints_24[:, 2:] > 0, crop.points(keypoints_24), 0.0)
        center = crop.points(center)
        box = None if box is None else crop.box(box)
        fields = {"scale_factors": crop.scale_factors, "crop_origin": crop.crop_origin}
    return Sample(
        image=data,
        filename=os.path.basename(photo.path),
        height=height,
        width=width,
        center=center,
        keypoints_2d=keypoints,
        keypoints_24_2d=keypoints_24,
        box_xyxy=box,
        dataset=preparation.dataset,
        **fields,
        **person.fields,
    )
