"""Random plausible poses: motion clips mirrored, blended, recombined and perturbed within limits.

A few minutes of recorded motion hold few poses but real correlations between joints. To cover the
space of poses densely, a new pose starts between two recorded frames, takes or blends in limbs of
other frames, and is perturbed joint by joint; `joint_limits` keeps it possible, and limbs that
would end inside the body fall back to the recorded ones.

Everything here is in the upright frame of the clips: y up, the person faces +z, left is +x.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.synthetic import joint_limits
from tfrecords_tools.skeletons import SMPL24, SMPL_PARENTS

# Whole clips kept for the people of the test split. They are upright, unlike each other and each
# something no other clip does (a stroll, boxing, a dance), but no pose needs a limb where no
# training clip has one. `run`, `dance_a` and `spinkick` are their nearest kin in training.
TEST_CLIPS = ("dance_b", "punch", "walk")

# How often each clip is drawn, relative; a clip without an entry counts 1. Most people stand
# upright, as in photographs; one in twenty crawls, rolls, stands on the hands or gets up.
CLIP_WEIGHTS = {
    "dance_a": 4.0,
    "run": 3.0,
    "spinkick": 3.0,
    "jump": 2.0,
    "kick": 2.0,
    "cartwheel": 0.2,
    "getup_facedown": 0.15,
    "getup_faceup": 0.15,
    "roll": 0.1,
    "backflip": 0.1,
    "crawl": 0.08,
}

_TRUNK = (3, 6, 9, 12, 15)
_LEFT_ARM = (13, 16, 18, 20, 22)
_RIGHT_ARM = (14, 17, 19, 21, 23)
_LEFT_LEG = (1, 4, 7, 10)
_RIGHT_LEG = (2, 5, 8, 11)
_FLIP = list(SMPL24.flip)
_MIRROR = np.array([1.0, -1.0, -1.0])

# Standard deviation of the perturbation of each joint, degrees per axis. The clips do not move the
# collars, wrists, hands and feet at all, so these get their whole range from here.
_SPREAD_DEG = np.array(
    [
        *(5, 12, 12, 5, 14, 14, 5, 10, 10, 5, 6, 6),
        *(7, 5, 5, 8, 16, 16, 16, 16, 16, 16, 8, 8),
    ],
    float,
)
_UNRECORDED = np.isin(np.arange(24), (10, 11, 13, 14, 20, 21, 22, 23))


@dataclasses.dataclass(frozen=True)
class Motions:
    """Recorded poses to draw from.

    Attributes:
        pose_axis_angle: `[frames, 72]` rad, y-up root first, clips one after another.
        clip: `[frames]` index of each frame's clip.
        names: names of the clips.
        weights: `[clips]` how often each clip is drawn, relative.
    """

    pose_axis_angle: np.ndarray
    clip: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Variation:
    """How far drawn poses stray from what was recorded.

    Attributes:
        recombine: share of poses that take limbs from other frames.
        spread: scale of the joints' perturbation.
        free_arm: share of arms that are turned far and anew.
    """

    recombine: float = 0.6
    spread: float = 0.5
    free_arm: float = 0.05


# Test people stay close to the recorded motion; only what the clips never move is perturbed fully.
RECORDED = Variation(recombine=0.0, spread=0.3, free_arm=0.0)


def gather_motions(
    clips: Mapping[str, np.ndarray], weights: Mapping[str, float] | None = None
) -> Motions:
    """Joins clips to draw from.

    Args:
        clips: name -> `[frames, 72]` rad, y-up root first.
        weights: name -> how often the clip is drawn, relative; 1 where it has no entry.
    """
    names = tuple(clips)
    weights = weights or {}
    return Motions(
        np.concatenate([clips[name] for name in names]).astype(np.float64),
        np.repeat(np.arange(len(names)), [len(clips[name]) for name in names]),
        names,
        np.array([weights.get(name, 1.0) for name in names]),
    )


class PoseSampler:
    """Draws poses from motions.

    Args:
        motions: recorded poses.
        rest_joints: `[24, 3]` m, joints of the body in its rest pose, to see limbs that collide.
        variation: how far poses stray from the recorded ones.
    """

    def __init__(
        self, motions: Motions, rest_joints: np.ndarray, variation: Variation | None = None
    ) -> None:
        self._motions = motions
        self._variation = variation or Variation()
        parents = np.array(SMPL_PARENTS)
        self._offsets = rest_joints - np.where(parents[:, None] < 0, 0.0, rest_joints[parents])
        root = Rotation.from_rotvec(motions.pose_axis_angle[:, :3]).as_matrix()
        self._is_upright = root[:, 1, 1] > 0.5
        self._frames_of = [np.flatnonzero(motions.clip == c) for c in range(len(motions.names))]

    def clip_name(self, clip: int) -> str:
        """Returns the name of a clip by its index."""
        return self._motions.names[clip]

    def sample(
        self, random: np.random.Generator, count: int, clip: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws poses.

        Args:
            random: source of randomness.
            count: how many.
            clip: index of the clip to start from, then in the clip's order; drawn for each pose if
                None.

        Returns:
            `[count, 72]` float64 rad, and `[count]` index of the clip each pose started from.
        """
        weights = self._motions.weights / self._motions.weights.sum()
        chosen = random.choice(len(weights), count, p=weights)
        chosen = chosen if clip is None else np.full(count, clip)
        host = np.array([random.choice(self._frames_of[c]) for c in chosen])
        host = host if clip is None else np.sort(host)
        recorded = self._recorded(random, host)
        mixed = self._recombine(random, recorded, host)
        moved = self._perturb(random, mixed)
        moved = joint_limits.limit(_flat(moved), _flat(mixed))
        pose = moved.as_rotvec().reshape(count, 24, 3)
        return self._without_collisions(pose, recorded).reshape(count, 72), chosen

    def _recorded(self, random: np.random.Generator, frame: np.ndarray) -> np.ndarray:
        """Returns `[count, 24, 3]` poses between recorded neighbours, half of them mirrored."""
        clip = self._motions.clip
        following = np.minimum(frame + 1, len(clip) - 1)
        following = np.where(clip[following] == clip[frame], following, frame)
        poses = self._motions.pose_axis_angle.reshape(-1, 24, 3)
        between = blend(poses[frame], poses[following], random.random(len(frame)))
        is_mirrored = random.random(len(frame)) < 0.5
        return np.where(is_mirrored[:, None, None], mirror(between), between)

    def _recombine(
        self, random: np.random.Generator, recorded: np.ndarray, host: np.ndarray
    ) -> np.ndarray:
        """Gives some poses limbs of other frames, or blends of theirs and their own."""
        count = len(recorded)
        result = recorded.copy()
        is_mixed = random.random(count) < self._variation.recombine
        # Both legs usually come together: balance ties them.
        legs_part = random.random(count) < 0.3
        groups = ((_TRUNK, 0.4), (_LEFT_ARM, 0.6), (_RIGHT_ARM, 0.6))
        groups += ((_LEFT_LEG + _RIGHT_LEG, 0.4), (_LEFT_LEG, 0.5))
        for number, (joints, share) in enumerate(groups):
            donor = self._recorded(random, self._donors(random, host))
            takes = is_mixed & (random.random(count) < share)
            if number >= 3:
                takes &= legs_part == (number == 4)
            amount = np.where(random.random(count) < 0.5, 1.0, random.random(count))
            other = np.repeat(np.where(takes, amount, 0.0)[:, None], len(joints), axis=1)
            result[:, joints] = blend(result[:, joints], donor[:, joints], other)
        return result

    def _donors(self, random: np.random.Generator, host: np.ndarray) -> np.ndarray:
        """Draws other frames; a person who stands gets limbs from people who stand."""
        weights = self._motions.weights / np.bincount(self._motions.clip)
        weights = weights[self._motions.clip]
        donors = np.empty(len(host), np.int64)
        for is_upright in (False, True):
            wanted = self._is_upright[host] == is_upright
            likely = weights * (self._is_upright == is_upright)
            if wanted.any():
                donors[wanted] = random.choice(len(likely), wanted.sum(), p=likely / likely.sum())
        return donors

    def _perturb(self, random: np.random.Generator, pose: np.ndarray) -> np.ndarray:
        count = len(pose)
        # Few poses stray far and most a little, as the scale is itself random.
        scale = self._variation.spread * random.gamma(2.0, 0.5, (count, 1))
        scale = np.where(_UNRECORDED, 1.0, scale)
        turn = random.normal(size=(count, 24, 3)) * np.radians(_SPREAD_DEG * scale)[..., None]
        for arm in (_LEFT_ARM, _RIGHT_ARM):
            is_free = random.random(count) < self._variation.free_arm
            far = random.normal(size=(count, 3)) * np.radians(55.0)
            turn[:, arm[1]] += far * is_free[:, None]
            bend = np.radians(random.uniform(-40.0, 70.0, count)) * is_free
            turn[:, arm[2], 1] += bend if arm is _RIGHT_ARM else -bend
        turned = Rotation.from_rotvec(turn.reshape(-1, 3)) * _flat(pose)
        return turned.as_rotvec().reshape(count, 24, 3)

    def _without_collisions(self, pose: np.ndarray, recorded: np.ndarray) -> np.ndarray:
        """Puts back the recorded arms and legs where the new ones end inside the body."""
        result = pose.copy()
        joints = self.joints(result)
        legs = list(_LEFT_LEG + _RIGHT_LEG)
        hits = legs_collide(joints)
        result[np.ix_(hits, legs)] = recorded[np.ix_(hits, legs)]
        for attempt in (0, 1):
            joints = self.joints(result)
            for arm in (_LEFT_ARM, _RIGHT_ARM):
                hits = arm_collides(joints, arm)
                # The recorded arm belongs to the recorded trunk; the second time both return.
                part = list(arm if attempt == 0 else arm + _TRUNK + tuple(legs))
                result[np.ix_(hits, part)] = recorded[np.ix_(hits, part)]
        return result

    def joints(self, pose: np.ndarray) -> np.ndarray:
        """Returns the `[count, 24, 3]` joint positions, m, of `[count, 72]` poses, rad."""
        matrices = _flat(pose).as_matrix().reshape(-1, 24, 3, 3)
        rotations = [matrices[:, 0]]
        positions = [np.broadcast_to(self._offsets[0], (len(pose), 3))]
        for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
            rotations.append(rotations[parent] @ matrices[:, joint])
            positions.append(positions[parent] + rotations[parent] @ self._offsets[joint])
        return np.stack(positions, axis=1)


def mirror(pose: np.ndarray) -> np.ndarray:
    """Returns the mirror image of `[..., 24, 3]` axis-angle poses."""
    return pose[..., _FLIP, :] * _MIRROR


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Turns rotations part of the way to others, along the shortest arc.

    Args:
        first: `[count, joints, 3]` axis-angle, rad.
        second: `[count, joints, 3]` axis-angle, rad.
        share: `[count]` or `[count, joints]`, 0 for the first and 1 for the second.

    Returns:
        `[count, joints, 3]` axis-angle, rad.
    """
    share = share if share.ndim == 2 else np.repeat(share[:, None], first.shape[1], axis=1)
    start = _flat(first)
    step = (start.inv() * _flat(second)).as_rotvec() * share.reshape(-1, 1)
    return (start * Rotation.from_rotvec(step)).as_rotvec().reshape(first.shape)


def arm_collides(joints: np.ndarray, arm: tuple[int, ...]) -> np.ndarray:
    """Tells which arms reach into the trunk, the head or a thigh.

    Args:
        joints: `[count, 24, 3]` m, SMPL's joints.
        arm: collar, shoulder, elbow, wrist and hand of one arm.

    Returns:
        `[count]` bool.
    """
    elbow, wrist, hand = (joints[:, index] for index in arm[2:])
    middle = (elbow + wrist) / 2
    result = np.zeros(len(joints), bool)
    for point in (middle, wrist, hand):
        result |= _distance(point, joints[:, 0], joints[:, 9]) < 0.125
        result |= _distance(point, joints[:, 9], joints[:, 12]) < 0.125
        result |= _distance(point, joints[:, 12], joints[:, 15]) < 0.09
        result |= _distance(point, joints[:, 15], 2 * joints[:, 15] - joints[:, 12]) < 0.11
        for hip, knee in ((1, 4), (2, 5)):
            result |= _distance(point, joints[:, hip], joints[:, knee]) < 0.085
    return result | (_distance(elbow, joints[:, 0], joints[:, 12]) < 0.12)


def legs_collide(joints: np.ndarray) -> np.ndarray:
    """Tells which `[count, 24, 3]` poses have one leg inside the other, `[count]` bool."""
    result = np.zeros(len(joints), bool)
    for (hip, knee, ankle), (other_hip, other_knee, other_ankle) in (
        ((1, 4, 7), (2, 5, 8)),
        ((2, 5, 8), (1, 4, 7)),
    ):
        shin = (joints[:, knee] + joints[:, ankle]) / 2
        thigh = (joints[:, hip] + 2 * joints[:, knee]) / 3
        for point in (joints[:, knee], shin, joints[:, ankle], thigh):
            result |= _distance(point, joints[:, other_knee], joints[:, other_ankle]) < 0.075
            result |= _distance(point, joints[:, other_hip], joints[:, other_knee]) < 0.09
    return result


def _distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the distances of `[count, 3]` points from `[count, 3]` segments."""
    along = end - start
    share = ((point - start) * along).sum(1) / np.maximum((along * along).sum(1), 1e-12)
    return np.linalg.norm(point - start - np.clip(share, 0, 1)[:, None] * along, axis=1)


def _flat(pose: np.ndarray) -> Rotation:
    return Rotation.from_rotvec(pose.reshape(-1, 3))
