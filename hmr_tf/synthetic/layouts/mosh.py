"""Writes motion capture in the layout of neutrMosh: pickles of SMPL poses, one per motion.

    neutrMosh/neutrSMPL_CMU/<clip>/<clip>_0000.pkl ...
    neutrMosh/neutrSMPL_jointLim/<clip>/...            if asked for: poses near the joints' limits
    neutrMosh/neutrSMPL_H3.6/S1/Walking.pkl ...        if asked for

A pickle holds, as Python 2 wrote it (protocol 2, text as byte strings), a dict of float64 arrays:
``poses`` (F, 72), y-up root first, ``betas`` (10,), ``trans`` (F, 3) m. Every other file of H3.6 is
named ``<action>_cam<k>_aligned.pkl``, has ``new_poses`` instead and the root in the frame of a
camera, upside down as in the original; every third is of the test subject S9. See `motion_twin` for
where the poses come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.synthetic import motion_twin, python2_pickle

_CMU, _LIMITS, _H36M = "neutrSMPL_CMU", "neutrSMPL_jointLim", "neutrSMPL_H3.6"
_HALF_TURN = Rotation.from_rotvec([np.pi, 0.0, 0.0])
_H36M_SUBJECTS = ("S1", "S5", "S9")
_H36M_ACTIONS = ("Directions", "Walking", "Sitting 1", "Eating", "Posing 1", "Waiting")


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill; `neutrMosh` is made in it.
        config: what to write.
        num_workers: processes; 0 works in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    return motion_twin.fill(_MoshTwin, Path(out_dir) / "neutrMosh", config, num_workers)


class _MoshTwin(motion_twin.MotionTwin):
    """Makes the motions of neutrMosh."""

    name = "mosh"
    extreme = (_LIMITS,)

    def counts(self) -> Mapping[str, int]:
        config = self.config
        return {
            _CMU: config.num_frames,
            _LIMITS: config.num_limit_frames,
            _H36M: config.num_h36m_frames,
        }

    def settings(self) -> dict[str, object]:
        used = super().settings()
        # Folders that were written before there was such a set go on as they are.
        if self.config.num_h36m_frames:
            used["num_h36m_frames"] = self.config.num_h36m_frames
        return used

    def path(self, motion: motion_twin.MotionFile) -> Path:
        folder = self.folder / motion.dataset
        if motion.dataset != _H36M:
            subject = self.subject(motion)
            return folder / subject / f"{subject}_{motion.number:04d}.pkl"
        subject = _H36M_SUBJECTS[motion.number % 3]
        repeats, action = divmod(motion.number // 3, len(_H36M_ACTIONS))
        name = _H36M_ACTIONS[action] + f" {1 + repeats}" * (repeats > 0)
        if motion.number % 2:
            name += f"_cam{motion.number // 2 % 4}_aligned"
        return folder / subject / f"{name}.pkl"

    def encode(
        self,
        motion: motion_twin.MotionFile,
        pose: np.ndarray,
        betas: np.ndarray,
        translation: np.ndarray,
    ) -> bytes:
        key = "poses"
        if motion.dataset == _H36M and motion.number % 2:
            key = "new_poses"
            # The true root in a level camera's frame is the stored one times half a turn about x.
            pose = pose.copy()
            root = _HALF_TURN * Rotation.from_rotvec(pose[:, :3]) * _HALF_TURN
            pose[:, :3] = root.as_rotvec()
        return encode_motion(pose, betas, translation, key)


def encode_motion(
    pose: np.ndarray, betas: np.ndarray, translation: np.ndarray, key: str = "poses"
) -> bytes:
    """Returns the pickle of one motion, as Python 2 would write it."""
    arrays = {key: pose, "betas": betas, "trans": translation}
    return python2_pickle.dumps(
        {name: np.ascontiguousarray(array, np.float64) for name, array in arrays.items()}
    )
