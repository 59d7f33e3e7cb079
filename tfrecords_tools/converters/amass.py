"""AMASS: the archive of motion capture surfaces, as motion-capture records.

Source tree: ``<subset>/<subject>/<motion>_poses.npz`` of the SMPL+H release: `poses` ``(T, 156)``
(root, 21 body joints, 15 joints of each hand), `betas` ``(16,)``, `mocap_framerate`. Each subset
(`ACCAD`, `CMU`, `KIT`, ...) is a part of its own. Files named ``shape.npz`` hold no motion; those
of the SMPL-X release (``*_stageii.npz``) are left out and counted, as their shapes are not SMPL's.

AMASS is recorded at 60 to 250 frames a second, of which neighbours are nearly alike: about
``frames_per_second`` are kept (0 keeps all). SMPL's two hand joints turn as the first joint of the
index finger does, or not at all with ``keep_hands=false``. The world is z up; here the root is in
the frame of a level camera (x right, y down, z forward), as people in images have it. The shapes
are those of the male or female model, of which records of motion capture have no field.

Reference:
    N. Mahmood et al., AMASS: Archive of Motion Capture as Surface Shapes, ICCV 2019.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import motion_frames, safe_pickle
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError

# From the z-up world into the frame of a camera that looks along the world's y axis.
_CAMERA_FROM_WORLD = Rotation.from_rotvec([np.pi / 2, 0.0, 0.0])
_NUM_BODY_JOINTS = 22
# The first joint of each index finger, in SMPL+H's order.
_HANDS = (22, 37)
_KEYS = ("poses", "betas", "mocap_framerate")


class AMASSConverter(motion_frames.MotionConverter):
    """Converts the subsets of AMASS; each is a part of its own."""

    name = "amass"
    option_defaults = {  # noqa: RUF012
        **motion_frames.MotionConverter.option_defaults,
        "frames_per_second": 25.0,
        "keep_hands": True,
    }

    def parts(self) -> Sequence[str]:
        """Returns the chosen subsets, or all that are there."""
        found = [name for name in sorted(os.listdir(self.data_dir)) if self._paths(name)]
        missing = [subset for subset in self.subsets if subset not in found]
        if missing or not found:
            raise DatasetError(
                f"amass: {self.data_dir} holds no {' '.join(missing) or 'motion'}; it must hold "
                "<subset>/<subject>/<motion>_poses.npz, e.g. ACCAD/s001/walk_poses.npz (found: "
                f"{', '.join(found) or 'none'})."
            )
        return self.subsets or found

    def files(self, part: str) -> list[str]:
        """Returns the motion files of a subset, sorted."""
        paths = self._paths(part)
        if not paths:
            folder = os.path.join(self.data_dir, part)
            raise DatasetError(f"amass: {folder} holds no <subject>/<motion>_poses.npz.")
        if all(path.endswith("_stageii.npz") for path in paths):
            raise DatasetError(
                f"amass: {os.path.dirname(paths[0])} is of the SMPL-X release (*_stageii.npz), "
                "whose shapes are not SMPL's; download the SMPL+H release (*_poses.npz)."
            )
        return paths

    def read(self, path: str) -> motion_frames.Motion | Drop:
        """Reads a motion file, unless it is of the SMPL-X release."""
        if path.endswith("_stageii.npz"):
            return Drop("file of the SMPL-X release")
        found = safe_pickle.load_npz(path, _KEYS)
        missing = [key for key in _KEYS if key not in found]
        if missing:
            raise DatasetError(
                f"amass: {path} must hold {', '.join(_KEYS)}; it lacks {', '.join(missing)}."
            )
        try:
            poses = np.asarray(found["poses"], np.float64)
            rate = float(found["mocap_framerate"])
        except (ValueError, TypeError) as error:
            raise DatasetError(f"amass: {path} holds no numbers ({error}).") from error
        if poses.ndim != 2 or poses.shape[1] != 156 or not rate > 0:
            raise DatasetError(
                f"amass: {path}: poses must be [frames, 156] and mocap_framerate positive; they "
                f"are {list(poses.shape)} and {rate:g}."
            )
        poses = self._to_smpl(poses[:: self._step(rate)])
        return motion_frames.checked_motion(poses, found["betas"], path, self.name)

    def _paths(self, subset: str) -> list[str]:
        folder = glob.escape(os.path.join(self.data_dir, subset))
        paths = [
            path for kind in ("poses", "stageii") for path in glob.glob(f"{folder}/*/*_{kind}.npz")
        ]
        return sorted(paths)

    def _step(self, rate: float) -> int:
        """Returns how many frames further the next one is kept."""
        wanted = self.options["frames_per_second"]
        return max(round(rate / wanted), 1) if wanted > 0 else 1

    def _to_smpl(self, poses: np.ndarray) -> np.ndarray:
        """Returns `[T, 72]` SMPL poses of `[T, 156]` SMPL+H poses."""
        joints = poses.reshape(len(poses), 52, 3)
        hands = joints[:, list(_HANDS)] * self.options["keep_hands"]
        result = np.concatenate([joints[:, :_NUM_BODY_JOINTS], hands], axis=1)
        known = np.isfinite(result[:, 0]).all(axis=1)  # Others are counted frame by frame.
        if known.any():
            root = _CAMERA_FROM_WORLD * Rotation.from_rotvec(result[known, 0])
            result[known, 0] = root.as_rotvec()
        return result.reshape(len(poses), 72)
