"""Subjects, cameras, actions and names of Human3.6M."""

from __future__ import annotations

import re
from typing import NamedTuple

TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")
# Camera ids in the order of their index; the last one looks at the subjects from the front.
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases"),
    *("Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether"),
)
# Actions 2 to 16 of the names of extracted images (s_01_act_02_...).
_NUMBERED_ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases"),
    *("Sitting", "SittingDown", "Smoking", "Photo", "Waiting", "Walking", "WalkDog"),
    "WalkTogether",
)
# What single subjects' files and older preparations call an action.
_SPELLINGS = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WakingDog": "WalkDog"}
# Videos that do not decode to what is labelled.
CORRUPT_VIDEOS = (("S11", "Directions.54138969"),)


class Clip(NamedTuple):
    """What one camera saw of one trial.

    Attributes:
        subject: `S1` to `S11`.
        stem: name of its files without the ending, e.g. `Directions 1.54138969`.
        action: one of `ACTIONS`, whatever the file calls it.
        trial: what distinguishes the trials of an action in the file's name; may be empty.
        camera: one of `CAMERAS`.
    """

    subject: str
    stem: str
    action: str
    trial: str
    camera: str

    @property
    def sequence(self) -> str:
        """The name that records give the clip, e.g. `S1_Directions_1.54138969`."""
        parts = [self.subject, self.action, *([self.trial] if self.trial else [])]
        return f"{'_'.join(parts)}.{self.camera}"

    @property
    def image_stem(self) -> str:
        """The name that SPIN and mmhuman3d give the clip's images."""
        return f"{self.subject}_{self.stem.replace(' ', '_')}"


def parse_stem(subject: str, stem: str) -> Clip | None:
    """Returns the clip of a file name without its ending; None if it is none (`_ALL`)."""
    match = re.fullmatch(r"([A-Za-z]+)(?: (\d+))?\.(\d{8})", stem)
    if match is None:
        return None
    action, trial, camera = match.groups()
    action = _SPELLINGS.get(action, action)
    if action not in ACTIONS or camera not in CAMERAS:
        return None
    return Clip(subject, stem, action, trial or "", camera)


def parse_numbered(subject: int, action: int, trial: int, camera: int) -> Clip | None:
    """Returns the clip of 3DMPPE's numbers: actions from 2, cameras and trials from 1.

    Which of `Directions 1` and `Directions` is the first trial differs between the subjects and
    only ``metadata.xml`` tells, so the trial is called `subact1` or `subact2`.
    """
    if not (2 <= action <= 16 and 1 <= camera <= 4):
        return None
    stem = f"s_{subject:02d}_act_{action:02d}_subact_{trial:02d}_ca_{camera:02d}"
    name = _NUMBERED_ACTIONS[action - 2]
    return Clip(f"S{subject}", stem, name, f"subact{trial}", CAMERAS[camera - 1])


def parse_image_name(name: str) -> tuple[Clip, int] | None:
    """Returns clip and frame (from 0) of `s_01_act_02_subact_01_ca_01_000001.jpg`, or None."""
    match = re.search(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)_(\d+)\.\w+$", name)
    if match is None:
        return None
    *numbers, image = map(int, match.groups())
    clip = parse_numbered(*numbers)
    return None if clip is None else (clip, image - 1)
