"""Random people before a camera: pose, shape and view, with their exact SMPL parameters."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.synthetic.poses import PoseSampler

_MAX_BETA = 2.5
_MAX_PITCH_DEG = 25.0
_MAX_ROLL_DEG = 12.0
# From the upright frame (y up, z to the viewer) to a level camera's (y down, z forward).
_LEVEL_CAMERA = Rotation.from_rotvec([np.pi, 0.0, 0.0])


@dataclasses.dataclass(frozen=True)
class Person:
    """One person, seen by a camera that is not placed yet.

    Attributes:
        pose_axis_angle: `[72]` float32 rad; the root turns the rest frame into the camera frame.
        betas: `[S]` float32.
        camera_from_world: `[3, 3]` float64, from the upright frame into the camera frame.
        subject: name of the motion clip that the pose comes from.
    """

    pose_axis_angle: np.ndarray
    betas: np.ndarray
    camera_from_world: np.ndarray
    subject: str


def sample_person(
    random: np.random.Generator,
    poses: PoseSampler,
    num_betas: int = 10,
) -> Person:
    """Draws a person and the direction the camera looks from.

    The shape is normal, cut at 2.5; the person faces any way; the camera is raised or lowered (more
    often raised, as photographers stand) by up to 25 degrees and rolled by up to 12.

    Args:
        random: source of randomness.
        poses: where the pose comes from.
        num_betas: number of shape coefficients of the body.
    """
    pose, clip = poses.sample(random, 1)
    camera = sample_view(random)
    yaw = Rotation.from_rotvec([0.0, random.uniform(-np.pi, np.pi), 0.0])
    pose = pose[0].copy()
    pose[:3] = (camera * yaw * Rotation.from_rotvec(pose[:3])).as_rotvec()
    return Person(
        pose.astype(np.float32),
        sample_betas(random, num_betas).astype(np.float32),
        camera.as_matrix(),
        poses.clip_name(int(clip[0])),
    )


def sample_betas(random: np.random.Generator, num_betas: int = 10) -> np.ndarray:
    """Draws `[num_betas]` shape coefficients: normal, cut at 2.5."""
    return np.clip(random.normal(size=num_betas), -_MAX_BETA, _MAX_BETA)


def sample_view(random: np.random.Generator) -> Rotation:
    """Draws the rotation from the upright frame into the frame of a pitched and rolled camera."""
    pitch = np.clip(random.normal(5.0, 10.0), -_MAX_PITCH_DEG, _MAX_PITCH_DEG)
    roll = np.clip(random.normal(0.0, 4.0), -_MAX_ROLL_DEG, _MAX_ROLL_DEG)
    # A camera that looks down by `pitch` sees the world turned towards it about its x axis.
    turn = Rotation.from_rotvec([np.radians(pitch), 0.0, 0.0])
    return Rotation.from_rotvec([0.0, 0.0, np.radians(roll)]) * turn * _LEVEL_CAMERA
