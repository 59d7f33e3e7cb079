"""Motion-capture datasets: many files of motions, whose frames become records in mixed order."""

from __future__ import annotations

import abc
import bisect
import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Union

import numpy as np
from absl import logging

from tfrecords_tools import safe_pickle
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.samples import MocapSample

_ROWS_PER_ITEM = 1000
# Files of a subset that may be damaged; a drop for each file says little about its frames.
_MAX_DAMAGED_SHARE = 0.05

# A file that is left out, or the frames [begin, end) of the shuffled subset.
_Item = Union[Drop, tuple[int, int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """One person's motion.

    Attributes:
        poses: `[F, 72]` float32 SMPL axis-angle, rad.
        betas: `[10]` float32.
    """

    poses: np.ndarray
    betas: np.ndarray


class MotionConverter(Converter):
    """Base of the converters of motion capture; each subset is a part of its own.

    All frames of a subset are shuffled together, as the original release does it, and encoded by
    the main process: that is faster than sending them to another one.
    """

    option_defaults = {"seed": 0}  # noqa: RUF012
    examples_per_shard = 10_000
    uses_workers = False

    @abc.abstractmethod
    def files(self, part: str) -> list[str]:
        """Returns the motion files of a subset, sorted.

        Raises:
            DatasetError: if there are none.
        """

    @abc.abstractmethod
    def read(self, path: str) -> Motion | Drop:
        """Reads a motion file.

        Raises:
            DatasetError: if it is damaged or no motion file.
            PickleRefusedError: if it would run code.
        """

    def fingerprint(self, part: str) -> str:
        """Hashes names and sizes of the motion files."""
        return fingerprint_files(self.data_dir, (), self.files(part))

    def items(self, part: str) -> Sequence[_Item]:
        """Reads all motions of a subset and returns blocks of their shuffled frames."""
        self._motions: list[tuple[str, Motion]] = []
        items: list[_Item] = []
        damages: list[DatasetError] = []
        files = self.files(part)
        for path in files:
            name = os.path.relpath(path, self.data_dir)
            found = self._read_or_drop(path, damages)
            if isinstance(found, Drop):
                items.append(dataclasses.replace(found, name=name))
            elif not len(found.poses):
                items.append(Drop("file without frames", name=name))
            else:
                self._motions.append((name, found))
        self._check_damages(part, damages, len(files))
        for error in damages:  # Few enough to go on without them.
            logging.warning("%s", error)
        sizes = [len(motion.poses) for _, motion in self._motions]
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

    def _read_or_drop(self, path: str, damages: list[DatasetError]) -> Motion | Drop:
        """Reads a motion file; notes its damage if it is damaged."""
        try:
            return self.read(path)
        except DatasetError as error:
            is_refused = isinstance(error, safe_pickle.PickleRefusedError)
            if is_refused and not isinstance(error, safe_pickle.PickleDamagedError):
                raise  # Who put one hostile file there may have put others.
            damages.append(error)
            return Drop("damaged motion file", is_error=True)

    def _check_damages(self, part: str, damages: list[DatasetError], num_files: int) -> None:
        """Raises if so many files are damaged that the dataset must be another or cut short."""
        is_nothing_left = not self._motions and len(damages) == num_files
        if not damages or not (
            is_nothing_left or len(damages) > max(1, _MAX_DAMAGED_SHARE * num_files)
        ):
            return
        if num_files == 1:
            raise damages[0]
        raise DatasetError(
            f"{self.name}: {len(damages)} of the {num_files} motion files of {part} are damaged; "
            f"unpack the dataset anew, or remove them. The first: {damages[0]}"
        ) from damages[0]

    def _sample(self, frame: int) -> Output:
        """Returns one frame, counted over all motions."""
        index = bisect.bisect_right(self._begins, frame) - 1
        path, motion = self._motions[index]
        row = frame - self._begins[index]
        name = f"{path} frame {row}"
        if not np.isfinite(motion.poses[row]).all():
            return Drop("pose that is not finite", is_error=True, name=name)
        return MocapSample(motion.poses[row], motion.betas, name)


def checked_motion(poses: np.ndarray, betas: np.ndarray, path: str, dataset: str) -> Motion:
    """Returns a motion of arrays that have the right shapes.

    Args:
        poses: `[F, 72]`, of any kind of numbers.
        betas: at least 10 numbers; those behind are left out.
        path: of the file, for errors.
        dataset: its name, for errors.

    Raises:
        DatasetError: if they hold no numbers, or others.
    """
    try:
        poses = np.asarray(poses, np.float32)
        betas = np.asarray(betas, np.float32).reshape(-1)[:10]
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{dataset}: {path} holds no numbers ({error}).") from error
    if poses.ndim != 2 or poses.shape[1] != 72 or betas.shape != (10,):
        raise DatasetError(
            f"{dataset}: {path}: poses must be [frames, 72] and betas [10]; they are "
            f"{list(poses.shape)} and {list(betas.shape)}."
        )
    if not np.isfinite(betas).all():
        raise DatasetError(f"{dataset}: {path}: betas hold a value that is not finite.")
    return Motion(poses, betas)
