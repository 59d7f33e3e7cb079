"""What is filmed for the twins of Human3.6M: subjects, actions, cameras, and lenses.

A camera of a subject films one trial only, since a studio has one camera. The world is the
studio's with Human3.6M's axes: z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic.noting_maker import NotingMaker
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import h36m_names
from tfrecords_tools.skeletons import H36M17, H36M32

FRAME_STEP = 5
_IMAGES_PER_TAKE = 20
_TRAIN, _TEST = h36m_names.TRAIN_SUBJECTS, h36m_names.TEST_SUBJECTS
_NUM_CAMERAS = len(h36m_names.CAMERAS)
_SPELLINGS = {"Photo": "TakingPhoto", "WalkDog": "WalkingDog"}
# Lenses (fx, fy, cx, cy) of cameras 1 to 4 for pictures of 1000 px.
_LENSES = np.array(
    [
        [1145.05, 1143.78, 512.54, 515.45],
        [1149.68, 1147.59, 508.85, 508.06],
        [1149.14, 1148.80, 519.82, 501.40],
        [1145.51, 1144.77, 514.97, 501.88],
    ]
)
# From the studio's world (y up) to Human3.6M's (z up).
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


class Take(NamedTuple):
    """One trial before one camera.

    Attributes:
        subject: `S1` to `S11`.
        action: 2 to 16, as 3DMPPE numbers them.
        trial: 1 or 2.
        camera: 1 to 4.
        num_images: frames that are sampled.
    """

    subject: str
    action: int
    trial: int
    camera: int
    num_images: int

    @property
    def is_test(self) -> bool:
        """Whether the subject is for testing."""
        return self.subject in _TEST

    @property
    def stem(self) -> str:
        """The name of the official files, e.g. `Directions 1.54138969`."""
        clip = h36m_names.parse_numbered(1, self.action, 1, self.camera)
        name = _SPELLINGS.get(clip.action, clip.action) if self.subject == "S1" else clip.action
        return f"{name}{' 1' if self.trial == 1 else ''}.{clip.camera}"

    @property
    def image_stem(self) -> str:
        """The name of 3DMPPE's images, e.g. `s_01_act_02_subact_01_ca_01`."""
        number = int(self.subject[1:])
        return f"s_{number:02d}_act_{self.action:02d}_subact_{self.trial:02d}_ca_{self.camera:02d}"


def takes(config: settings.SynthesisConfig, num_test_cameras: int = _NUM_CAMERAS) -> list[Take]:
    """Returns what to film.

    Args:
        config: how many images.
        num_test_cameras: how many cameras film the test subjects, the frontal one first.
    """
    train = [(subject, _TRAIN.index(subject)) for subject in _TRAIN]
    test = [(subject, _NUM_CAMERAS - 1) for subject in _TEST]
    found = _share(config.num_images - config.num_test, train, _NUM_CAMERAS)
    return found + _share(config.num_test, test, num_test_cameras)


def _share(num_images: int, subjects: list[tuple[str, int]], num_cameras: int) -> list[Take]:
    """Shares images out among subjects and cameras, two takes at least."""
    most = len(subjects) * num_cameras
    count = min(most, max(-(-num_images // _IMAGES_PER_TAKE), min(num_images, 2)))
    found = []
    for number, part in enumerate(np.array_split(np.arange(num_images), max(count, 1))):
        subject, first_camera = subjects[number % len(subjects)]
        camera = 1 + (first_camera + number // len(subjects)) % _NUM_CAMERAS
        action = 2 + (13 + 7 * number) % 15  # WalkDog first, which S1's files call otherwise.
        if len(part):
            found.append(Take(subject, action, 1 + number % 2, camera, len(part)))
    return found


def picture_size(camera: int, image_size: int) -> tuple[int, int]:
    """Returns height and width of a camera's pictures: cameras 1 and 4 have two rows more."""
    width = image_size - image_size % 2  # Video codecs want even numbers.
    return width + (2 if camera in (1, 4) else 0), width


def lens(camera: int, image_size: int) -> np.ndarray:
    """Returns the intrinsics `[4]` of a camera, px."""
    width = picture_size(camera, image_size)[1]
    return np.round(_LENSES[camera - 1] * width / 1000.0, 4)


class TakesMaker(NotingMaker):
    """Films takes; a subclass writes them as a layout wants them."""

    num_test_cameras = _NUM_CAMERAS

    def pieces(self) -> Sequence[Take]:
        """Returns one piece per take."""
        return takes(self.config, self.num_test_cameras)

    def film(self, index: int, take: Take, num_frames: int) -> list[TwinImage]:
        """Films a take."""
        height, width = picture_size(take.camera, self.config.image_size)
        return self.studio.film(
            self.random(index),
            height,
            width,
            num_frames,
            tuple(lens(take.camera, self.config.image_size)),
            "test" if take.is_test else "train",
        )


def extrinsics(shot: TwinImage) -> tuple[np.ndarray, np.ndarray]:
    """Returns rotation `[3, 3]` and shift `[3]`, mm, from Human3.6M's world into the camera's."""
    return shot.camera_from_world @ Z_UP.T, 1000.0 * np.asarray(shot.camera_translation)


def to_world(points: np.ndarray, shot: TwinImage) -> np.ndarray:
    """Returns camera-frame points `[..., 3]`, m, in Human3.6M's world, mm."""
    rotation, shift = extrinsics(shot)
    return (1000.0 * np.asarray(points, np.float64) - shift) @ rotation


def raw_joints(person: TwinPerson) -> np.ndarray:
    """Returns Human3.6M's raw joints `[32, 3]`, m, camera frame."""
    known = dict(zip(H36M17.joints, person.h36m17.astype(np.float64)))
    smpl = person.smpl_joints_3d.astype(np.float64)
    for side, hand, foot in (("left", 22, 10), ("right", 23, 11)):
        ankle = known[f"{side}_ankle"]
        known[f"{side}_toe_base"] = smpl[foot]
        known[f"{side}_toe_site"] = smpl[foot] + 0.4 * (smpl[foot] - ankle)
        known[f"{side}_clavicle"] = known["neck"]
        for name in ("thumb", "unused1", "wrist_end", "unused2"):
            known[f"{side}_{name}"] = smpl[hand]
    known["pelvis_copy"] = known["pelvis"]
    return np.stack([known[name] for name in H36M32.joints])
