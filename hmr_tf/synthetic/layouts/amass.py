"""Writes motion capture in the layout of AMASS (SMPL+H release).

    ACCAD/<clip>/<clip>_0000_poses.npz ...    ACCAD/<clip>/shape.npz
    MPI_Limits/<clip>/...                     if asked for: poses near the joints' limits

An archive holds float64 `trans` (T, 3) m, `poses` (T, 156): root in a z-up world, 21 body joints
and 15 joints of each hand; `betas` (16,), `dmpls` (T, 8), `mocap_framerate` () and `gender` (),
which is bytes in every other file. The poses are made as the `mosh` layout's (see `motion_twin`),
at 120 frames a second. The first joint of each index finger turns as SMPL's hand. Two files are
awkward: ``ACCAD/extra/still_poses.npz`` has no frames and ``walk_stageii.npz`` is of the SMPL-X
release.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.synthetic import motion_twin
from tfrecords_tools import atomic_file

_PLAIN, _LIMITS = "ACCAD", "MPI_Limits"
_FRAMES_PER_SECOND = 120.0
_NUM_BODY_JOINTS = 22
_INDEX_FINGERS = (22, 37)
_Z_UP = Rotation.from_rotvec([np.pi / 2, 0.0, 0.0])


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to write.
        num_workers: processes; 0 works in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    return motion_twin.fill(_AMASSTwin, Path(out_dir), config, num_workers)


class _AMASSTwin(motion_twin.MotionTwin):
    """Makes the motions of AMASS."""

    name = "amass"
    extreme = (_LIMITS,)

    def counts(self) -> Mapping[str, int]:
        return {_PLAIN: self.config.num_frames, _LIMITS: self.config.num_limit_frames}

    def path(self, motion: motion_twin.MotionFile) -> Path:
        subject = self.subject(motion)
        name = f"{subject}_{motion.number:04d}_poses.npz"
        return self.folder / motion.dataset / subject / name

    def encode(
        self,
        motion: motion_twin.MotionFile,
        pose: np.ndarray,
        betas: np.ndarray,
        translation: np.ndarray,
    ) -> bytes:
        gender = ("male", b"female")[motion.number % 2]
        return encode_motion(pose, betas, translation, gender)

    def finish(self) -> None:
        for folder in sorted((self.folder / _PLAIN).glob("*/")):
            shape = _archive(betas=np.zeros(16), gender=np.array("male"))
            atomic_file.write_bytes(folder / "shape.npz", shape)
        extra = self.folder / _PLAIN / "extra"
        still = encode_motion(np.zeros((0, 72)), np.zeros(10), np.zeros((0, 3)), "male")
        atomic_file.write_bytes(extra / "still_poses.npz", still)
        smpl_x = _archive(
            poses=np.zeros((5, 165)), betas=np.zeros(16), mocap_frame_rate=np.array(120.0)
        )
        atomic_file.write_bytes(extra / "walk_stageii.npz", smpl_x)


def encode_motion(
    pose: np.ndarray, betas: np.ndarray, translation: np.ndarray, gender: str | bytes
) -> bytes:
    """Returns the archive of one motion.

    Args:
        pose: `[T, 72]` SMPL axis-angle, rad, y-up root first.
        betas: `[10]`.
        translation: `[T, 3]` m, y up.
        gender: what the archive says.
    """
    joints = np.zeros((len(pose), 52, 3))
    smpl = pose.reshape(-1, 24, 3)
    joints[:, :_NUM_BODY_JOINTS] = smpl[:, :_NUM_BODY_JOINTS]
    joints[:, list(_INDEX_FINGERS)] = smpl[:, _NUM_BODY_JOINTS:]
    if len(pose):
        joints[:, 0] = (_Z_UP * Rotation.from_rotvec(joints[:, 0])).as_rotvec()
    return _archive(
        trans=translation @ _Z_UP.as_matrix().T,
        gender=np.array(gender),
        mocap_framerate=np.array(_FRAMES_PER_SECOND),
        betas=np.concatenate([betas, np.zeros(16 - len(betas))]),
        dmpls=np.zeros((len(pose), 8)),
        poses=joints.reshape(-1, 156),
    )


def _archive(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
