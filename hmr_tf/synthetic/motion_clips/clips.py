"""Loads the motion clips that ship with the package.

The frame is the body's rest frame: y up, the person faces +z when the root does not rotate, the
person's left is +x. Poses are upright there; a camera that looks along +z with y down sees them
after a further turn of pi about x.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

PATH = os.path.join(os.path.dirname(__file__), "motion_clips.npz")


@dataclass(frozen=True)
class Clip:
    """One recorded motion.

    Attributes:
        pose_axis_angle: `[frames, 72]` float32, rad; SMPL's 24 joints, y-up root first.
        translation: `[frames, 3]` float32, m, y up, of the root as recorded on the clip's own
            15-body figure (pelvis about 0.87 m above the ground when standing).
        seconds: `[frames]` float32, s, how long each frame lasts. The last frame of most clips
            carries 0, as in the source.
    """

    pose_axis_angle: np.ndarray
    translation: np.ndarray
    seconds: np.ndarray


def load_clips() -> dict[str, Clip]:
    """Loads all clips.

    Returns:
        Clip name -> `Clip`, in alphabetical order: backflip, cartwheel, crawl, dance_a, dance_b,
        getup_facedown, getup_faceup, jump, kick, punch, roll, run, spin, spinkick, walk.
    """
    with np.load(PATH, allow_pickle=False) as file:
        ends = np.cumsum(file["frame_counts"])[:-1]
        columns = [
            np.split(file[key], ends) for key in ("pose_axis_angle", "translation", "seconds")
        ]
        names = [str(name) for name in file["names"]]
    return {name: Clip(*arrays) for name, arrays in zip(names, zip(*columns))}
