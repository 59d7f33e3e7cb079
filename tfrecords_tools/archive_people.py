"""One row of an archive of labels, as SPIN and mmhuman3d keep them, and how it becomes a sample.

Such rows may lack anything: 2D joints, 3D joints, SMPL parameters, camera. A row always has a box,
which tells place and size where no 2D joint does. 3D joints are relative to the pelvis.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

import numpy as np

from tfrecords_tools import images, joint_fields, person_crop, person_scale
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import ImageError
from tfrecords_tools.samples import PERSON_PX, Sample
from tfrecords_tools.skeletons import COCOPLUS19, J24, LSP14

# Half the side of the square that is kept, px, as the original release keeps of 3D datasets.
_MARGIN = 150
# A person whose size differs less than this from the wanted one is not rescaled.
_SAME_SIZE = 0.05
_HEAD_TOP, _H36M_HEAD_TOP = J24.index("head_top"), J24.index("h36m_head_top")
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class ArchivePerson:
    """A person and what an archive says of them; px of the source image. None is unknown.

    Attributes:
        folder: below which the images lie.
        image_path: of the image, relative to it.
        box_xyxy: `[4]` px.
        box_scale: how much larger the box is than the box around the person's joints.
        keypoints: `[24, 3]` J24 x, y px and confidence, known where > 0.
        joints: `[24, 4]` J24, m, camera frame, pelvis at the origin, and confidence.
        pose_axis_angle: `[72]`, camera-frame root; together with `betas`.
        betas: `[10]`.
        translation: `[3]` m, of the SMPL body.
        intrinsics: `[4]` fx, fy, cx, cy px.
        gender: -1 unknown, 0 neutral, 1 male, 2 female.
        dataset, subject, sequence, frame: as in `Sample`.
    """

    folder: str
    image_path: str
    box_xyxy: np.ndarray
    box_scale: float = 1.2
    keypoints: np.ndarray | None = None
    joints: np.ndarray | None = None
    pose_axis_angle: np.ndarray | None = None
    betas: np.ndarray | None = None
    translation: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    gender: int = -1
    dataset: str = ""
    subject: str = ""
    sequence: str = ""
    frame: int = -1

    @property
    def is_finite(self) -> bool:
        """Whether all that is known is a number."""
        arrays = [self.box_xyxy, self.pose_axis_angle, self.betas]
        arrays += [self.translation, self.intrinsics]
        arrays += [p[p[:, -1] != 0] for p in (self.keypoints, self.joints) if p is not None]
        return all(np.isfinite(array).all() for array in arrays if array is not None)


def origin(image_path: str, dataset: str) -> dict[str, Any]:
    """Returns the subject, sequence and frame that the path of a film's frame speaks of.

    Args:
        image_path: as an archive has it.
        dataset: `h36m`, `mpi_inf_3dhp` or `pw3d` (perhaps with more around it); no field is known
            of others.
    """
    folder, file = os.path.split(image_path)
    stem = os.path.splitext(file)[0]
    start, _, number = stem.rpartition("_")
    if "h36m" in dataset:  # S1_Directions_1.54138969_000001.jpg
        folder = start
    elif not any(name in dataset for name in ("mpi_inf_3dhp", "pw3d", "3dpw")):
        return {}
    subject = re.search(r"(?:^|/)(T?S\d+)[_/]", image_path)
    return {
        "subject": subject.group(1) if subject else "",
        "sequence": folder,
        "frame": int(number) if number.isdigit() else -1,
    }


def to_sample(person: ArchivePerson, person_px: float = PERSON_PX) -> Sample | Drop:
    """Turns a row into a sample.

    Args:
        person: the row.
        person_px: the size that people are brought to, px; 0 keeps the images as they are.
    """
    name = person.image_path
    if not person.is_finite:
        return Drop("label that is not finite", is_error=True, name=name)
    keypoints = _cocoplus(person.keypoints)
    visible = keypoints[keypoints[:, 2] > 0, :2]
    corners = person.box_xyxy.reshape(2, 2)
    around = visible if len(visible) else corners
    center = (around.min(axis=0) + around.max(axis=0)) / 2
    scale = _scale(keypoints, corners, person.box_scale)
    if scale is None:
        return Drop("too little labelled to tell the size", name=name)
    enlarge = person_px / PERSON_PX
    try:
        stored = _stored_image(person, center, scale * enlarge, round(_MARGIN * enlarge))
    except ImageError as error:
        return Drop(str(error).split(":")[0], is_error=True, name=name)
    if stored is None:
        return Drop("person outside of the image", name=name)
    data, height, width, crop = stored
    fields = _fields(person)
    if person.keypoints is not None:
        fields["keypoints_24_2d"] = _moved(_known(person.keypoints), crop)
    if person.intrinsics is not None:
        fields["intrinsics"] = crop.intrinsics(person.intrinsics)
    return Sample(
        image=data,
        filename=os.path.basename(person.image_path),
        height=height,
        width=width,
        center=crop.points(center),
        keypoints_2d=_moved(keypoints, crop),
        box_xyxy=crop.box(person.box_xyxy),
        scale_factors=crop.scale_factors,
        crop_origin=crop.crop_origin,
        person_px=None if person_px == PERSON_PX else person_px or PERSON_PX / scale,
        **fields,
    )


def _known(points: np.ndarray) -> np.ndarray:
    """Returns points with zeros where the confidence is not positive."""
    return np.where(points[:, -1:] > 0, points, 0.0)


def _stand_in(points: np.ndarray) -> np.ndarray:
    """Returns J24 points in which Human3.6M's head top stands in for LSP's, if that is unknown."""
    points = _known(points)
    if points[_HEAD_TOP, -1] <= 0:
        points[_HEAD_TOP] = points[_H36M_HEAD_TOP]
    return points


def _cocoplus(keypoints: np.ndarray | None) -> np.ndarray:
    """Returns `[19, 3]` keypoints, zeros where unknown."""
    if keypoints is None:
        return np.zeros((COCOPLUS19.num_joints, 3))
    return joint_fields.rearrange(_stand_in(keypoints), J24, COCOPLUS19)


def _scale(keypoints: np.ndarray, corners: np.ndarray, box_scale: float) -> float | None:
    """Returns the factor that brings a person to 150 px, by the joints or else by the box."""
    scale = person_scale.scale_from_head(keypoints) or person_scale.scale_from_trunk(keypoints)
    if scale is None:
        size = float(np.linalg.norm(corners[1] - corners[0])) / box_scale
        scale = PERSON_PX / size if size > 1e-6 else None
    return scale


def _stored_image(
    person: ArchivePerson, center: np.ndarray, scale: float, margin: int
) -> tuple[bytes, int, int, person_crop.PersonCrop] | None:
    """Returns JPEG, height, width and how to get there; None if the person is not in the image.

    An image that needs no change, or is to have none (a scale of 0), keeps its bytes.
    """
    path = os.path.join(person.folder, person.image_path)
    if not scale or abs(scale - 1.0) < _SAME_SIZE:
        data, height, width = images.record_jpeg(path)
        if not scale or max(height, width) <= 2 * margin:
            unchanged = person_crop.PersonCrop(_NO_PIXELS, np.ones(2), np.zeros(2))
            return data, height, width, unchanged
    pixels = images.decode_rgb(images.read_image_file(path), os.path.basename(path))
    crop = person_crop.crop_scaled(pixels, center, scale, margin)
    if crop is None:
        return None
    return images.encode_jpeg(crop.image), *crop.image.shape[:2], crop


def _moved(points: np.ndarray, crop: person_crop.PersonCrop) -> np.ndarray:
    return np.where(points[:, 2:] > 0, crop.points(points), 0.0)


def _fields(person: ArchivePerson) -> dict[str, Any]:
    """Returns the fields that do not depend on the image."""
    fields: dict[str, Any] = {
        key: getattr(person, key) for key in ("gender", "dataset", "subject", "sequence", "frame")
    }
    if person.pose_axis_angle is not None:
        fields.update(pose_axis_angle=person.pose_axis_angle, betas=person.betas)
    if person.joints is not None:
        fields["joints_24_3d"] = _known(person.joints)
        joints = joint_fields.rearrange(_stand_in(person.joints), J24, LSP14)
        if (joints[:, 3] > 0).all():
            fields["joints_3d"] = joints[:, :3]
    elif person.translation is not None:
        # Moves SMPL's own origin, not the pelvis of `joints`.
        fields["translation"] = person.translation
    return fields
