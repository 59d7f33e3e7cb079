"""Writes motion capture, one file per motion, for the twins of motion-capture datasets.

The poses come from the clips that the people of the test split do not use, mirrored, blended,
recombined and perturbed; frames of one motion start from one clip in the clip's order but are drawn
one by one. Every motion has random numbers of its own, so files that are missing can be made alone.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic import motion_sources, people, poses, work_folder
from tfrecords_tools import atomic_file

FRAMES_PER_MOTION = 250
_USED_SETTINGS = ("num_frames", "num_limit_frames", "seed", "body", "gender", "motion_dir")
_EXTREME = poses.Variation(recombine=1.0, spread=2.0, free_arm=0.5)


@dataclasses.dataclass(frozen=True)
class MotionFile:
    """One file to write: which set it belongs to, its number there and its frames."""

    dataset: str
    number: int
    num_frames: int


class MotionTwin(abc.ABC):
    """Makes any motion of a dataset; made anew in every process.

    Attributes:
        name: of the layout.
        version: counts up when equal settings give other files than before.
        extreme: sets whose poses are near the joints' limits.
        folder: to fill.
        config: what to write.
        motions: where the poses come from.
    """

    name: str
    version: int = 1
    extreme: tuple[str, ...] = ()

    def __init__(self, folder: Path, config: settings.SynthesisConfig) -> None:
        body = load_body(config.body, config.gender)
        rest_joints = body.joint_regressor @ body.template
        self.folder, self.config = folder, config
        self.motions = motion_sources.load_motions(config.motion_dir)["train"]
        self._samplers = {
            is_extreme: poses.PoseSampler(self.motions, rest_joints, variation)
            for is_extreme, variation in ((False, None), (True, _EXTREME))
        }
        self._num_betas = body.num_betas

    @abc.abstractmethod
    def counts(self) -> Mapping[str, int]:
        """Returns set -> number of frames; the order decides the random numbers."""

    @abc.abstractmethod
    def path(self, motion: MotionFile) -> Path:
        """Returns where a motion is written."""

    @abc.abstractmethod
    def encode(
        self, motion: MotionFile, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
    ) -> bytes:
        """Returns the file of a motion.

        Args:
            motion: which one it is.
            pose: `[frames, 72]` rad, y-up root first.
            betas: `[10]`.
            translation: `[frames, 3]` m, y up.
        """

    def settings(self) -> dict[str, object]:
        """Returns the settings that the files depend on."""
        return {name: settings.to_dict(self.config)[name] for name in _USED_SETTINGS}

    def finish(self) -> None:  # noqa: B027 - most twins have nothing else.
        """Writes what is no motion."""

    def subject(self, motion: MotionFile) -> str:
        """Returns the name of the clip that a motion starts from, as a file name."""
        return self.motions.names[draw_clip(self.motions, motion.number)].replace("/", "_")

    def write(self, motion: MotionFile) -> int:
        """Makes and writes one motion; returns its number of frames."""
        kind = list(self.counts()).index(motion.dataset)
        random = np.random.default_rng([self.config.seed, 1 + kind, motion.number])
        clip = draw_clip(self.motions, motion.number)
        sampler = self._samplers[motion.dataset in self.extreme]
        drawn, _ = sampler.sample(random, motion.num_frames, clip)
        yaw = Rotation.from_rotvec([0.0, random.uniform(-np.pi, np.pi), 0.0])
        drawn[:, :3] = (yaw * Rotation.from_rotvec(drawn[:, :3])).as_rotvec()
        translation = np.zeros((len(drawn), 3))
        translation[:, 1] = -sampler.joints(drawn)[..., 1].min(axis=1)
        betas = people.sample_betas(random, self._num_betas)
        atomic_file.write_bytes(self.path(motion), self.encode(motion, drawn, betas, translation))
        return motion.num_frames


_twin: MotionTwin | None = None


def fill(
    twin_class: type[MotionTwin],
    folder: Path,
    config: settings.SynthesisConfig,
    num_workers: int,
) -> str:
    """Writes a dataset, or what is missing of it.

    Args:
        twin_class: makes the motions.
        folder: to fill.
        config: what to write.
        num_workers: processes; 0 works in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin = twin_class(folder, config)  # Tells what is wrong before work begins.
    counts = twin.counts()
    work_folder.claim(
        folder / "synthesize.json",
        {"dataset": twin.name, "version": twin.version, **twin.settings()},
        [folder / name for name in counts],
    )
    motions = [
        MotionFile(dataset, number, min(FRAMES_PER_MOTION, count - start))
        for dataset, count in counts.items()
        for number, start in enumerate(range(0, count, FRAMES_PER_MOTION))
    ]
    missing = [motion for motion in motions if not twin.path(motion).exists()]
    total = sum(motion.num_frames for motion in missing)
    arguments = (twin_class, folder, config)
    work_folder.run(_write_motion, missing, num_workers, _start, arguments, "frame", total)
    twin.finish()
    return f"{sum(counts.values())} frames in {len(motions)} motions in {folder}"


def draw_clip(motions: poses.Motions, number: int) -> int:
    """Returns the clip that a motion starts from: clips by their weights, evenly over numbers."""
    shares = np.cumsum(motions.weights) / motions.weights.sum()
    # Multiples of the golden ratio spread evenly whatever their count.
    return int(np.searchsorted(shares, (number + 0.5) * 0.6180339887498949 % 1.0))


def _start(twin_class: type[MotionTwin], folder: Path, config: settings.SynthesisConfig) -> None:
    global _twin
    _twin = twin_class(folder, config)


def _write_motion(motion: MotionFile) -> int:
    return _twin.write(motion)
