"""SMPL bodies of Human3.6M from MoSh, and bodies that are stored upside down.

The original release's bodies were fitted in a camera frame whose y and z point the other way, so
their roots are turned by half a turn about the body's own x axis. Whether a file holds such roots
is told by comparing them with the 3D joints.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import safe_pickle, skeletons
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import CAMERAS, Clip

_FRAMES_PER_BODY = 5
_HALF_TURN = Rotation.from_rotvec([np.pi, 0.0, 0.0])


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """The bodies of a clip, one for every fifth frame.

    Attributes:
        poses: `[bodies, 72]` rad, camera-frame root.
        betas: `[10]`.
    """

    poses: np.ndarray
    betas: np.ndarray

    def body(self, frame: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Returns (pose, betas) of a frame; None for frames that have no body."""
        index, rest = divmod(frame, _FRAMES_PER_BODY)
        if rest or index >= len(self.poses):
            return None, None
        return self.poses[index], self.betas


def read_motion(mosh_dir: str, clip: Clip, points_3d: np.ndarray) -> Motion | None:
    """Reads MoSh's bodies of a clip.

    Args:
        mosh_dir: folder of ``S1/Walking 1_cam0_aligned.pkl``.
        clip: which clip.
        points_3d: `[frames, 32, 3]` camera-frame joints of the same clip.

    Returns:
        The bodies, or None if there is no file of the clip.

    Raises:
        DatasetError: if the file is damaged or another one.
    """
    path = next((p for p in motion_paths(mosh_dir, clip) if os.path.isfile(p)), None)
    if path is None:
        return None
    content = safe_pickle.load(path)
    try:
        poses = np.asarray(content["new_poses"], np.float64).reshape(-1, 72)
        betas = np.asarray(content["betas"], np.float64).reshape(-1)[:10]
        if betas.shape != (10,) or not (np.isfinite(poses).all() and np.isfinite(betas).all()):
            raise ValueError("betas must be 10, and all numbers finite")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(
            f"h36m: {path} must hold a dict with new_poses (bodies, 72) and betas (10,) ({error})."
        ) from error
    joints = points_3d[::_FRAMES_PER_BODY][: len(poses)]
    return Motion(turn_upright(poses, joints, skeletons.H36M32.name), betas)


def motion_paths(mosh_dir: str, clip: Clip) -> list[str]:
    """Returns where the bodies of a clip may be."""
    action = clip.stem.rpartition(".")[0]
    name = f"_cam{CAMERAS.index(clip.camera)}_aligned.pkl"
    folder = os.path.join(mosh_dir, clip.subject)
    stems = dict.fromkeys((action, action.replace(" ", "_")))
    return [os.path.join(folder, stem + name) for stem in stems]


def turn_upright(poses: np.ndarray, joints: np.ndarray, skeleton: str) -> np.ndarray:
    """Turns the roots of a set of bodies if these stand on their heads.

    Args:
        poses: `[N, 72]` rad.
        joints: `[N, J, 3]` camera-frame joints of the same people (fewer rows will do).
        skeleton: name of their joint set; it has neck, left_hip and right_hip.

    Returns:
        `[N, 72]` rad, with roots in the camera frame (x right, y down, z forward).
    """
    index = skeletons.get(skeleton).index
    hips = (joints[:, index("left_hip")] + joints[:, index("right_hip")]) / 2
    trunk = joints[:, index("neck")] - hips
    if not len(trunk):
        return poses
    roots = Rotation.from_rotvec(poses[:, :3])
    # The body's up axis points from the hips to the neck, give or take a bent back.
    up = roots.apply([0.0, 1.0, 0.0])[: len(trunk)]
    agreement = (up * trunk).sum(1) / np.maximum(np.linalg.norm(trunk, axis=1), 1e-9)
    if agreement.mean() >= 0:
        return poses
    turned = (roots * _HALF_TURN).as_rotvec()
    return np.concatenate([turned, poses[:, 3:]], axis=1)
