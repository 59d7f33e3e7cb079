"""Motion capture as SMPL bodies (``neutrMosh``): CMU, Human3.6M and PosePrior's joint limits.

Source tree: ``neutrSMPL_<subset>/<subject>/<motion>.pkl``, pickled dicts with `poses` (or
`new_poses`) ``(F, 72)`` and `betas` ``(10,)``. As in the original release, files with S9 or S11 in
their path (Human3.6M's test subjects) are left out, all frames of a subset are shuffled together,
and a shard holds 10,000. Here the rule looks at the path below ``--data_dir`` only, so that where
the tree lies does not matter.

A motion file that is damaged is left out and counted, unless so many are that the dataset must be
another or incomplete. The poses of ``neutrSMPL_H3.6`` whose names end in `_aligned` have their root
in a camera frame, upside down, as the original has them; the discriminators do not see the root.

Reference:
    M. Loper, N. Mahmood and M. J. Black, MoSh: Motion and Shape Capture from Sparse Markers,
    SIGGRAPH Asia 2014.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any

from tfrecords_tools import motion_frames, safe_pickle
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError

_PREFIX = "neutrSMPL_"
_TEST_SUBJECTS = ("S9", "S11")


class MoshConverter(motion_frames.MotionConverter):
    """Converts the subsets of neutrMosh; each is a part of its own."""

    name = "mosh"

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        inner = os.path.join(self.data_dir, "neutrMosh")
        if not _subsets(self.data_dir) and os.path.isdir(inner):
            self.data_dir = inner  # The folder that holds the dataset was given.

    def parts(self) -> Sequence[str]:
        """Returns the chosen subsets, or all that are there."""
        found = _subsets(self.data_dir)
        missing = [subset for subset in self.subsets if subset not in found]
        if missing or not found:
            folders = " ".join(_PREFIX + subset for subset in missing or ["CMU"])
            raise DatasetError(
                f"mosh: {self.data_dir} holds no {folders}; it must hold folders "
                f"{_PREFIX}<subset>/<subject>/<motion>.pkl (found: {', '.join(found) or 'none'})."
            )
        return self.subsets or found

    def files(self, part: str) -> list[str]:
        """Returns the motion files of a subset, sorted."""
        folder = os.path.join(self.data_dir, _PREFIX + part)
        files = sorted(glob.glob(os.path.join(glob.escape(folder), "*", "*.pkl")))
        if not files:
            raise DatasetError(f"mosh: {folder} holds no <subject>/<motion>.pkl.")
        return files

    def read(self, path: str) -> motion_frames.Motion | Drop:
        """Reads a motion file, unless it is of a test subject."""
        relative = os.path.relpath(path, self.data_dir)
        if any(subject in relative for subject in _TEST_SUBJECTS):
            return Drop("file of a test subject (S9, S11)")
        motion = safe_pickle.load(path)
        keys = list(motion) if isinstance(motion, dict) else []
        poses_key = "poses" if "poses" in keys else "new_poses"
        if poses_key not in keys or "betas" not in keys:
            raise DatasetError(
                f"mosh: {path} must hold a dict with poses (or new_poses) and betas; "
                f"it holds {', '.join(map(str, keys)) or type(motion).__name__}."
            )
        return motion_frames.checked_motion(motion[poses_key], motion["betas"], path, self.name)


def _subsets(folder: str) -> list[str]:
    """Returns the names of the subsets in a folder."""
    return sorted(
        name[len(_PREFIX) :]
        for name in os.listdir(folder)
        if name.startswith(_PREFIX) and os.path.isdir(os.path.join(folder, name))
    )
