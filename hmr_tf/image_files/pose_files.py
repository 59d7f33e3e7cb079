"""2D poses that somebody else found: OpenPose's files, COCO's annotations, detectors' results.

Points go by the words that they share with the 30 joints of `skeletons.SGRE30`, as in training.
A pelvis lies midway between the hips and a neck between the shoulders where a detector has none.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, and its release's loader of 3DPW.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from hmr_tf.errors import ImageError
from hmr_tf.image_files import box_files, people_files
from tfrecords_tools import skeletons
from tfrecords_tools.skeletons import SGRE30

# A point counts as seen from this confidence on; COCO's flags are 0, 1 and 2.
MIN_CONFIDENCE = 0.05
# Points that a file has of a person -> what they are.
_SKELETONS = {s.num_joints: s for s in (skeletons.BODY25, skeletons.PW3D18, skeletons.COCO17)}
_MIDDLES = {
    "smpl_pelvis": ("smpl_left_hip", "smpl_right_hip"),
    "smpl_neck": ("left_shoulder", "right_shoulder"),
}
# Of a pose's points, how many lie in its person's box at least.
_SHARE_INSIDE = 0.5


@dataclasses.dataclass(frozen=True)
class PersonPose:
    """One person in an image.

    Attributes:
        xyxy: the box that stands with the pose, or the one about it: left, top, right and bottom,
            full-image px.
        pose_2d: `[30, 3]` float32 (x, y, visibility), full-image px, joints of `SGRE30`; zeros for
            those that are not seen.
        score: confidence of whoever found the person.
    """

    xyxy: tuple[float, float, float, float]
    pose_2d: np.ndarray
    score: float


def read_poses(path: str) -> people_files.People[PersonPose]:
    """Reads poses; people of whom no two points are sure are passed over.

    Args:
        path: what `people_files.read_people` takes: BODY_25, its 18 points before 2018 or COCO's
            17, in entries of COCO-style files as `keypoints`.

    Raises:
        ImageError: if it is none of these.
    """
    return people_files.read_people(path, _of_points, _of_entry)


def match(poses: Sequence[PersonPose], boxes_xyxy: np.ndarray) -> np.ndarray:
    """Finds the poses of people whose boxes come from elsewhere.

    Each pose belongs to one box at most: those that overlap best all in all, among those that hold
    half of the pose's points.

    Args:
        poses: of one image.
        boxes_xyxy: `[n, 4]` px.

    Returns:
        `[n, 30, 3]` float32 as `PersonPose.pose_2d`; zeros where there is none.
    """
    found = np.zeros((len(boxes_xyxy), SGRE30.num_joints, 3), np.float32)
    gains = np.array([[_overlap(pose, box) for pose in poses] for box in boxes_xyxy])
    if gains.size:
        for row, column in zip(*optimize.linear_sum_assignment(gains, maximize=True)):
            if gains[row, column] > 0.0:
                found[row] = poses[column].pose_2d
    return found


def to_pose(points: people_files.Points, where: str) -> np.ndarray:
    """Returns a person's points as the 30 joints.

    Args:
        points: x, y (px) and confidence of each point of one of the sets that `read_poses` knows.
        where: words that say where they stand.

    Returns:
        `[30, 3]` as `PersonPose.pose_2d`.

    Raises:
        ImageError: if they are none of these sets, or no numbers.
    """
    skeleton = _SKELETONS.get(len(points))
    if skeleton is None:
        raise ImageError(
            f"{where}: a person has {len(points)} keypoints; known are OpenPose's 25 (BODY_25) "
            "and 18, and COCO's 17."
        )
    array = np.array([*points, (0.0, 0.0, 0.0)], np.float64)
    if not np.isfinite(array).all():
        raise ImageError(f"{where}: keypoints must be finite numbers.")
    array[array[:, 2] <= MIN_CONFIDENCE] = 0.0
    slots = skeletons.sgre_mapping(skeleton)
    joints = array[list(slots)]  # -1 is the row of zeros.
    for joint, ends in _MIDDLES.items():
        slot = SGRE30.index(joint)
        if slots[slot] < 0:
            pair = joints[[SGRE30.index(end) for end in ends]]
            joints[slot] = [*pair[:, :2].mean(axis=0), pair[:, 2].prod()]
    is_seen = joints[:, 2:] > MIN_CONFIDENCE
    joints[:, 2] = 1.0
    return np.where(is_seen, joints, 0.0).astype(np.float32)


def _of_points(points: people_files.Points, where: str) -> PersonPose | None:
    """Returns a person of an OpenPose file."""
    box = box_files.around(points)
    return None if box is None else PersonPose(box.xyxy, to_pose(points, where), box.score)


def _of_entry(entry: Mapping[str, Any], where: str) -> PersonPose | None:
    """Returns a person of a COCO-style file."""
    numbers = entry.get("keypoints")
    if not isinstance(numbers, list):
        raise ImageError(f"{where} has no 'keypoints'; give a file of 2D poses.")
    person = _of_points(people_files.triples(numbers, where), where)
    if person is None:
        return None
    xyxy = person.xyxy if entry.get("bbox") is None else box_files.of_entry(entry, where).xyxy
    return dataclasses.replace(person, xyxy=xyxy, score=float(entry.get("score", 1.0)))


def _overlap(pose: PersonPose, box: np.ndarray) -> float:
    """Returns the intersection over union of a box with a pose's; 0 for poses of others."""
    points = pose.pose_2d[pose.pose_2d[:, 2] > 0.0, :2]
    is_inside = ((points >= box[:2]) & (points <= box[2:])).all(axis=1)
    if not is_inside.size or is_inside.mean() < _SHARE_INSIDE:
        return 0.0
    corners = np.array([*points.min(axis=0), *points.max(axis=0)])
    low, high = np.maximum(corners[:2], box[:2]), np.minimum(corners[2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0.0))
    areas = [np.prod(one[2:] - one[:2]) for one in (corners, box)]
    return float(shared / (sum(areas) - shared)) if shared else 0.0
