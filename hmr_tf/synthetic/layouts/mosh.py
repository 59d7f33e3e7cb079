"""Writes motion capture in the layout of neutrMosh: pickles of SMPL poses, one per motion.

    neutrMosh/neutrSMPL_CMU/<clip>/<clip>_0000.pkl ...
    neutrMosh/neutrSMPL_jointLim/<clip>/...             if asked for: poses near the joints' limits

A pickle holds, as Python 2 wrote it (protocol 2, text as byte strings), a dict of float64 arrays:
``poses`` (F, 72), y-up root first, ``betas`` (10,), ``trans`` (F, 3) m. The poses come from the
clips that the people of the test split do not use, mirrored, blended, recombined and perturbed;
frames of one motion start from one clip in the clip's order but are drawn one by one.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic import motion_sources, people, poses, python2_pickle, work_folder
from tfrecords_tools import atomic_file

_VERSION = 1
_FRAMES_PER_MOTION = 250
_USED_SETTINGS = ("num_frames", "num_limit_frames", "seed", "body", "gender", "motion_dir")
_EXTREME = poses.Variation(recombine=1.0, spread=2.0, free_arm=0.5)


@dataclasses.dataclass(frozen=True)
class _Motion:
    """One file to write: which set it belongs to, its number there and its frames."""

    dataset: str
    number: int
    num_frames: int


class _Worker:
    """Makes any motion of the dataset; every motion has random numbers of its own."""

    def __init__(self, folder: Path, config: settings.SynthesisConfig) -> None:
        body = load_body(config.body, config.gender)
        rest_joints = body.joint_regressor @ body.template
        self.motions = motion_sources.load_motions(config.motion_dir)["train"]
        self.samplers = {
            "neutrSMPL_CMU": poses.PoseSampler(self.motions, rest_joints),
            "neutrSMPL_jointLim": poses.PoseSampler(self.motions, rest_joints, _EXTREME),
        }
        self.num_betas = body.num_betas
        self.folder, self.seed = folder, config.seed

    def write(self, motion: _Motion) -> None:
        """Makes and writes one motion."""
        kind = list(self.samplers).index(motion.dataset)
        random = np.random.default_rng([self.seed, 1 + kind, motion.number])
        clip = draw_clip(self.motions, motion.number)
        sampler = self.samplers[motion.dataset]
        drawn, _ = sampler.sample(random, motion.num_frames, clip)
        yaw = Rotation.from_rotvec([0.0, random.uniform(-np.pi, np.pi), 0.0])
        drawn[:, :3] = (yaw * Rotation.from_rotvec(drawn[:, :3])).as_rotvec()
        translation = np.zeros((len(drawn), 3))
        translation[:, 1] = -sampler.joints(drawn)[..., 1].min(axis=1)
        content = encode_motion(drawn, people.sample_betas(random, self.num_betas), translation)
        path = motion_path(self.folder, self.motions, motion.dataset, motion.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write_bytes(path, content)


_worker: _Worker | None = None


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
    folder = Path(out_dir) / "neutrMosh"
    source = _Worker(folder, config).motions  # Tells what is wrong before work begins.
    used = {name: settings.to_dict(config)[name] for name in _USED_SETTINGS}
    counts = {
        "neutrSMPL_CMU": config.num_frames,
        "neutrSMPL_jointLim": config.num_limit_frames,
    }
    work_folder.claim(
        folder / "synthesize.json",
        {"dataset": "mosh", "version": _VERSION, **used},
        [folder / name for name in counts],
    )
    motions = [
        _Motion(dataset, number, min(_FRAMES_PER_MOTION, count - start))
        for dataset, count in counts.items()
        for number, start in enumerate(range(0, count, _FRAMES_PER_MOTION))
    ]
    missing = [
        motion
        for motion in motions
        if not motion_path(folder, source, motion.dataset, motion.number).exists()
    ]
    total = sum(motion.num_frames for motion in missing)
    work_folder.run(_write_motion, missing, num_workers, _start, (folder, config), "frame", total)
    return f"{sum(counts.values())} frames in {len(motions)} motions in {folder}"


def draw_clip(motions: poses.Motions, number: int) -> int:
    """Returns the clip that a motion starts from: clips by their weights, evenly over numbers."""
    shares = np.cumsum(motions.weights) / motions.weights.sum()
    # Multiples of the golden ratio spread evenly whatever their count.
    return int(np.searchsorted(shares, (number + 0.5) * 0.6180339887498949 % 1.0))


def motion_path(folder: Path, motions: poses.Motions, dataset: str, number: int) -> Path:
    """Returns where a motion is written."""
    subject = motions.names[draw_clip(motions, number)].replace("/", "_")
    return folder / dataset / subject / f"{subject}_{number:04d}.pkl"


def encode_motion(pose: np.ndarray, betas: np.ndarray, translation: np.ndarray) -> bytes:
    """Returns the pickle of one motion, as Python 2 would write it."""
    arrays = {"poses": pose, "betas": betas, "trans": translation}
    return python2_pickle.dumps(
        {key: np.ascontiguousarray(array, np.float64) for key, array in arrays.items()}
    )


def _start(folder: Path, config: settings.SynthesisConfig) -> None:
    global _worker
    _worker = _Worker(folder, config)


def _write_motion(motion: _Motion) -> int:
    _worker.write(motion)
    return motion.num_frames
