"""What converters hand over: a person in an image, a motion-capture body, or a thing cut out."""

from __future__ import annotations

import dataclasses

import numpy as np

# How large people are in the original release's records, px: the diagonal of the box around the
# joints of a whole body.
PERSON_PX = 150.0


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One person in one image, as a converter hands it over. None means unknown.

    Attributes:
        image: JPEG bytes, RGB.
        filename: name of the source image.
        height, width: size of the stored image, px.
        center: `[2]` (x, y) of the person, px of the stored image.
        keypoints_2d: `[19, 3]` cocoplus x, y (px of the stored image) and visibility, visible
            when > 0.
        keypoints_24_2d: `[24, 3]` J24 x, y px and confidence; None when `keypoints_2d` says it all.
        joints_3d: `[14, 3]` LSP-14, m, camera frame.
        joints_24_3d: `[24, 4]` J24, m, camera frame, and confidence.
        pose_axis_angle: `[72]` SMPL pose, rad, camera-frame root; together with `betas`.
        betas: `[10]` SMPL shape.
        translation: `[3]` m; added to `joints_3d` gives points that `intrinsics` project.
        intrinsics: `[4]` fx, fy, cx, cy, px of the stored image.
        gender: -1 unknown, 0 neutral, 1 male, 2 female.
        box_xyxy: `[4]` px of the stored image.
        scale_factors: `[2]` (height, width) factor of the resize from the source image.
        crop_origin: `[2]` (x, y) of the stored image's corner in the resized image, px.
        person_px: how large the person is, px of the stored image, as for `PERSON_PX`; None for
            that size.
        dataset, subject, sequence: where the sample comes from.
        frame: index within the sequence; -1 unknown.
    """

    image: bytes
    filename: str
    height: int
    width: int
    center: np.ndarray
    keypoints_2d: np.ndarray
    keypoints_24_2d: np.ndarray | None = None
    joints_3d: np.ndarray | None = None
    joints_24_3d: np.ndarray | None = None
    pose_axis_angle: np.ndarray | None = None
    betas: np.ndarray | None = None
    translation: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    gender: int = -1
    box_xyxy: np.ndarray | None = None
    scale_factors: np.ndarray | None = None
    crop_origin: np.ndarray | None = None
    person_px: float | None = None
    dataset: str = ""
    subject: str = ""
    sequence: str = ""
    frame: int = -1

    @property
    def has_3d(self) -> bool:
        """Whether 3D joints are known."""
        return self.joints_3d is not None

    @property
    def has_smpl(self) -> bool:
        """Whether SMPL pose and shape are known."""
        return self.pose_axis_angle is not None


@dataclasses.dataclass(frozen=True, eq=False)
class MocapSample:
    """One body of a motion-capture set, without an image.

    Attributes:
        pose_axis_angle: `[72]` SMPL pose, rad.
        betas: `[10]` SMPL shape.
        name: where it comes from, for error messages; not stored.
    """

    pose_axis_angle: np.ndarray
    betas: np.ndarray
    name: str = ""

    has_3d = False
    has_smpl = True


@dataclasses.dataclass(frozen=True)
class OccluderSample:
    """One object, cut out of an image, to put in front of people.

    Attributes:
        image: PNG bytes, RGBA.
        height, width: its size, px.
        category: what it is, e.g. `bottle`.
        filename: name of the source image.
    """

    image: bytes
    height: int
    width: int
    category: str
    filename: str

    has_3d = False
    has_smpl = False
