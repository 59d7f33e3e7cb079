"""Pictures and films of one or several people, for the twins of datasets: people and every truth.

The world is y up with the ground at y = 0; the camera frame is x right, y down, z forward.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import Body
from hmr_tf.render.zbuffer import Intrinsics
from hmr_tf.synthetic import motion_sources, people, poses
from hmr_tf.synthetic.camera_crew import Actor, CameraCrew
from hmr_tf.synthetic.clothing import Wardrobe
from hmr_tf.synthetic.twins import TwinImage, TwinPerson, save_truth

__all__ = ["Studio", "TwinImage", "TwinPerson", "save_truth"]

_OCCLUDER_SHARE = 0.15
_GENDERS = ("female", "male")


class Studio:
    """Takes pictures of people.

    Args:
        body: the body model; needs the keypoint regressors `cocoplus`, `j24` and `h36m`.
        seed: of the studio; pictures depend on it and on the `random` of each call.
        motions: `train` and `test` -> where poses come from; the embedded clips if None.
    """

    def __init__(
        self, body: Body, seed: int = 0, motions: dict[str, poses.Motions] | None = None
    ) -> None:
        self.body = body
        self._seed = seed
        self._wardrobe = Wardrobe(body)
        self._motions = motions or motion_sources.load_motions()
        rest = body.joint_regressor @ body.template
        variations = {"train": poses.Variation(), "test": poses.RECORDED}
        self._samplers = {
            split: poses.PoseSampler(self._motions[split], rest, variation)
            for split, variation in variations.items()
        }
        self._crew = CameraCrew(body)

    def photograph(
        self,
        random: np.random.Generator,
        height: int,
        width: int,
        num_people: int = 1,
        intrinsics: Intrinsics | None = None,
        split: str = "train",
        at_border: bool = False,
    ) -> TwinImage:
        """Takes a picture of people who do not know each other.

        Args:
            random: source of randomness.
            height: rows, px.
            width: columns, px.
            num_people: how many people, at least 1.
            intrinsics: (fx, fy, cx, cy) px; drawn if None.
            split: `train` or `test`: which motion clips the poses come from.
            at_border: whether the first person stands half outside of the picture.
        """
        random = self._own(random)
        actors = []
        for _ in range(num_people):
            pose, clip = self._samplers[split].sample(random, 1)
            name = self._samplers[split].clip_name(int(clip[0]))
            actors.append(self._cast(random, pose, np.zeros((1, 3)), name))
        shots = self._crew.shoot(
            random, actors, (height, width), intrinsics, at_border, _OCCLUDER_SHARE
        )
        return shots[0]

    def film(
        self,
        random: np.random.Generator,
        height: int,
        width: int,
        num_frames: int,
        intrinsics: Intrinsics | None = None,
        split: str = "train",
        num_people: int = 1,
    ) -> list[TwinImage]:
        """Films people with a camera that stands still.

        Each keeps shape and clothes and moves along a motion clip at its own speed (slower where
        the clip is shorter than the film).

        Args:
            random: source of randomness.
            height: rows, px.
            width: columns, px.
            num_frames: length of the film.
            intrinsics: (fx, fy, cx, cy) px; drawn if None.
            split: `train` or `test`: which motion clips the poses come from.
            num_people: how many people, at least 1.
        """
        random = self._own(random)
        actors = []
        for _ in range(num_people):
            pose, name = self._follow_clip(random, split, num_frames)
            way = random.normal(0.0, 0.15, 3) * [1.0, 0.0, 1.0]
            drift = np.linspace(-0.5, 0.5, num_frames)[:, None] * way
            actors.append(self._cast(random, pose, drift, name))
        return self._crew.shoot(random, actors, (height, width), intrinsics)

    def _own(self, random: np.random.Generator) -> np.random.Generator:
        return np.random.default_rng([self._seed, int(random.integers(2**63))])

    def _follow_clip(
        self, random: np.random.Generator, split: str, num_frames: int
    ) -> tuple[np.ndarray, str]:
        """Returns `[frames, 72]` successive poses of a clip and its name."""
        motions = self._motions[split]
        clip = int(random.choice(len(motions.names), p=motions.weights / motions.weights.sum()))
        recorded = motions.pose_axis_angle[motions.clip == clip].reshape(-1, 24, 3)
        step = min(1.0, (len(recorded) - 1) / max(num_frames - 1, 1))
        start = random.uniform(0.0, len(recorded) - 1 - step * (num_frames - 1))
        place = np.clip(start + step * np.arange(num_frames), 0.0, len(recorded) - 1)
        low = np.minimum(place.astype(int), max(len(recorded) - 2, 0))
        high = np.minimum(low + 1, len(recorded) - 1)
        between = poses.blend(recorded[low], recorded[high], place - low)
        if random.random() < 0.5:
            between = poses.mirror(between)
        return between.reshape(num_frames, 72), motions.names[clip]

    def _cast(
        self, random: np.random.Generator, pose: np.ndarray, drift: np.ndarray, subject: str
    ) -> Actor:
        """Gives poses a person: shape, clothes, and the way the person faces."""
        yaw = Rotation.from_rotvec([0.0, random.uniform(-np.pi, np.pi), 0.0])
        pose = pose.copy()
        pose[:, :3] = (yaw * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
        betas = np.zeros(10, np.float32)
        count = min(self.body.num_betas, 10)
        betas[:count] = people.sample_betas(random, count)
        gender = _GENDERS[int(random.integers(2))]
        return Actor(pose, betas, drift, self._wardrobe.dress(random), gender, subject)
