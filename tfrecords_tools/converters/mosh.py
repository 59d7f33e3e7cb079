"""Motion capture as SMPL bodies (``neutrMosh``): CMU, Human3.6M and PosePrior's joint limits.

Source tree: ``neutrSMPL_<subset>/<subject>/<motion>.pkl``, pickled dicts with `poses` (or
`new_poses`) ``(F, 72)`` and `betas` ``(10,)``. As in the original release, files with S9 or S11 in
their path (Human3.6M's test subjects) are left out, all frames of a subset are shuffled together,
and a shard holds 10,000. Here the rule looks at the path below ``--data_dir`` only, so that where
the tree lies does not matter.

Reference:
    M. Loper, N. Mahmood and M. J. Black, MoSh: Motion and Shape Capture from Sparse Markers,
    SIGGRAPH Asia 2014.
"""

from __future__ import annotations

import bisect
import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np

from tfrecords_tools import safe_pickle
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.samples import MocapSample

_PREFIX = "neutrSMPL_"
_TEST_SUBJECTS = ("S9", "S11")
_ROWS_PER_ITEM = 1000

# A file that is left out, or the frames [begin, end) of the shuffled subset.
_Item = Union[Drop, tuple[int, int]]


class MoshConverter(Converter):
    """Converts the subsets of neutrMosh; each is a part of its own.

    Frames are encoded by the main process: it is faster than sending them to another one.
    """

    name = "mosh"
    option_defaults = {"seed": 0}  # noqa: RUF012
    examples_per_shard = 10_000
    uses_workers = False

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

    def fingerprint(self, part: str) -> str:
        """Hashes names and sizes of the motion files."""
        return fingerprint_files(self.data_dir, (), self._files(part))

    def items(self, part: str) -> Sequence[_Item]:
        """Reads all motions of a subset and returns blocks of their shuffled frames."""
        self._motions = []
        items: list[_Item] = []
        for path in self._files(part):
            relative = os.path.relpath(path, self.data_dir)
            if any(subject in relative for subject in _TEST_SUBJECTS):
                items.append(Drop("file of a test subject (S9, S11)"))
                continue
            poses, betas = _read_motion(path)
            if len(poses):
                self._motions.append((relative, poses, betas))
            else:
                items.append(Drop("file without frames"))
        sizes = [len(poses) for _, poses, _ in self._motions]
        self._begins = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()
        num_frames = self._begins[-1]
        rng = np.random.default_rng(self.options["seed"])
        self._order = rng.permutation(num_frames)
        items += [
            (begin, min(begin + _ROWS_PER_ITEM, num_frames))
            for begin in range(0, num_frames, _ROWS_PER_ITEM)
        ]
        return items

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns a block of frames into samples."""
        if isinstance(item, Drop):
            return [item]
        return [self._sample(int(frame)) for frame in self._order[slice(*item)]]

    def _sample(self, frame: int) -> Output:
        """Returns one frame, counted over all motions."""
        motion = bisect.bisect_right(self._begins, frame) - 1
        name, poses, betas = self._motions[motion]
        row = frame - self._begins[motion]
        if not np.isfinite(poses[row]).all():
            return Drop("pose that is not finite", is_error=True)
        return MocapSample(poses[row], betas, f"{name} frame {row}")

    def _files(self, part: str) -> list[str]:
        folder = os.path.join(self.data_dir, _PREFIX + part)
        files = sorted(glob.glob(os.path.join(glob.escape(folder), "*", "*.pkl")))
        if not files:
            raise DatasetError(f"mosh: {folder} holds no <subject>/<motion>.pkl.")
        return files


def _subsets(folder: str) -> list[str]:
    """Returns the names of the subsets in a folder."""
    return sorted(
        name[len(_PREFIX) :]
        for name in os.listdir(folder)
        if name.startswith(_PREFIX) and os.path.isdir(os.path.join(folder, name))
    )


def _read_motion(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one motion file.

    Returns:
        poses `[F, 72]` and betas `[10]`, float32.

    Raises:
        DatasetError: if it is not a motion file, is damaged or would run code.
    """
    motion = safe_pickle.load(path)
    keys = list(motion) if isinstance(motion, dict) else []
    poses_key = "poses" if "poses" in keys else "new_poses"
    if poses_key not in keys or "betas" not in keys:
        raise DatasetError(
            f"mosh: {path} must hold a dict with poses (or new_poses) and betas; "
            f"it holds {', '.join(map(str, keys)) or type(motion).__name__}."
        )
    try:
        poses = np.asarray(motion[poses_key], np.float32)
        betas = np.asarray(motion["betas"], np.float32).reshape(-1)[:10]
    except (ValueError, TypeError) as error:
        raise DatasetError(f"mosh: {path} holds no numbers ({error}).") from error
    if poses.ndim != 2 or poses.shape[1] != 72 or betas.shape != (10,):
        raise DatasetError(
            f"mosh: {path}: {poses_key} must be [frames, 72] and betas [10]; they are "
            f"{list(poses.shape)} and {list(betas.shape)}."
        )
    if not np.isfinite(betas).all():
        raise DatasetError(f"mosh: {path}: betas hold a value that is not finite.")
    return poses, betas
