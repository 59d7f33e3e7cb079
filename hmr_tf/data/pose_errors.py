"""Errors as 2D pose detectors make them, for poses that a network is shown in training.

Each of COCO's 17 joints is displaced in one of five ways: it is found well, found nearly (jitter),
missed, taken for its partner on the other side (inversion), or for somebody else's (swap). How far
is measured by COCO's similarity of keypoints: d_s is the distance at which it falls to s.
Candidates that would be nearer to another point than to the one they are meant for are not drawn,
and what has no candidate is not chosen.

The release draws 500 candidates of each kind, here there are 32: a kind counts as impossible a
little more often. It makes an exception of somebody else's partner joint where the own one is not
visible, which is an index slip and not kept.

Reference: M. Ronchi and P. Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose
Estimation, ICCV 2017; G. Moon et al., PoseFix, CVPR 2019, whose synthesis SGRE's release takes.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tfrecords_tools import skeletons

KINDS = ("jitter", "miss", "inversion", "swap", "good")
_JITTER, _MISS, _INVERSION, _SWAP, _GOOD = range(5)
NUM_JOINTS = skeletons.COCO17.num_joints
# COCO's standard deviations, as shares of the root of a person's area.
_SIGMAS = np.array(
    [
        *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ]
)
# Distances in use: 0, and those of similarity 0.85, 0.5 and 0.1.
_FACTORS = np.array([0.0, *np.sqrt(-2.0 * np.log([0.85, 0.5, 0.1]))])
_D0, _D85, _D50, _D10 = range(4)
_NUM_CANDIDATES = 32
_PARTNERS = np.where(np.array(skeletons.COCO17.flip) == np.arange(17), -1, skeletons.COCO17.flip)
# A joint whose partner comes before it sees that one as it was displaced.
_PASSES = (
    [joint for joint in range(NUM_JOINTS) if _PARTNERS[joint] < 0 or _PARTNERS[joint] > joint],
    [joint for joint in range(NUM_JOINTS) if 0 <= _PARTNERS[joint] < joint],
)


def _by_joint(*shares: tuple[float, tuple[int, ...]]) -> np.ndarray:
    """Returns `[17]` numbers, each said of some joints."""
    values = np.zeros(NUM_JOINTS)
    for share, joints in shares:
        values[list(joints)] = share
    return values


_FACE, _ARMS, _HIPS, _LEGS = range(5), range(5, 11), (11, 12), range(13, 17)
_ENDS, _MIDDLES = (5, 6, 15, 16), (*range(7, 15),)
_JITTERS = np.stack(
    [
        _by_joint((few, (0, *_LEGS)), (some, range(1, 11)), (many, _HIPS))
        for few, some, many in ((0.15, 0.20, 0.25), (0.10, 0.15, 0.20))
    ]
)
_MISSES = np.stack(
    [
        _by_joint((few, _FACE), (some, _ENDS), (many, _MIDDLES))
        for few, some, many in ((0.15, 0.20, 0.25), (0.10, 0.13, 0.15), (0.02, 0.05, 0.10))
    ]
)
_INVERSIONS = _by_joint((0.01, _FACE), (0.03, _ARMS), (0.06, range(11, 17)))
_SWAPS = np.stack(
    [
        _by_joint((face, _FACE), (arms, _ARMS), (legs, range(11, 17)))
        for face, arms, legs in ((0.01, 0.06, 0.03), (0.02, 0.15, 0.10))
    ]
)


def distances(area: tf.Tensor) -> tf.Tensor:
    """Returns how far from a joint its similarity falls to 1, 0.85, 0.5 and 0.1.

    Args:
        area: `[batch]` float32, of the person's box, in the square of any unit.

    Returns:
        `[batch, 17, 4]` float32 in that unit.
    """
    table = tf.constant(2.0 * _SIGMAS[:, None] * _FACTORS, tf.float32)
    return tf.sqrt(area)[:, None, None] * table


def shares(num_visible: tf.Tensor, num_near: tf.Tensor) -> tf.Tensor:
    """Returns how often each kind of error happens if all are possible.

    Args:
        num_visible: `[batch]` int32, joints that are visible.
        num_near: `[batch]` int32, people whose boxes overlap the person's.

    Returns:
        `[batch, 17, 5]` float32 in the order of `KINDS`; each row sums to 1.
    """

    def rows(table: np.ndarray, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(table, tf.float32), index)

    is_few = num_visible <= 10
    is_crowded = (is_few & (num_near > 0)) | ((num_visible <= 15) & (num_near >= 3))
    as_index = functools.partial(tf.cast, dtype=tf.int32)
    jitter = rows(_JITTERS, as_index(~is_few))
    miss = rows(_MISSES, as_index(num_visible > 5) + as_index(~is_few))
    swap = rows(_SWAPS, as_index(is_crowded))
    inversion = tf.zeros_like(swap) + tf.constant(_INVERSIONS, tf.float32)
    found = [jitter, miss, inversion, swap]
    return tf.stack([*found, 1.0 - tf.add_n(found)], axis=-1)


def disturb(
    seed: tf.Tensor,
    points: tf.Tensor,
    visibility: tf.Tensor,
    area: tf.Tensor,
    near: tf.Tensor | None = None,
) -> tf.Tensor:
    """Displaces joints as a detector would.

    Args:
        seed: `[2]` int; equal seeds and shapes give equal errors.
        points: `[batch, 17, 2]` float32, COCO's joints, in any unit.
        visibility: `[batch, 17]` float32, 0 or 1. Joints that are not visible are displaced, too.
        area: `[batch]` float32, of the person's box, in the square of that unit.
        near: `[batch, P, 17, 3]` float32 (x, y, visibility), the joints of people whose boxes
            overlap the person's, mirrored as the person is; rows without visible joints are nobody.

    Returns:
        `[batch, 17, 2]` float32.
    """
    if near is None:
        near = tf.zeros([tf.shape(points)[0], 0, NUM_JOINTS, 3])
    num_people = near.shape[1]
    num_near = tf.reduce_sum(tf.cast(tf.reduce_any(near[..., 2] > 0, axis=2), tf.int32), axis=1)
    num_visible = tf.reduce_sum(tf.cast(visibility > 0, tf.int32), axis=1)
    probabilities = shares(num_visible, num_near)
    reach = distances(area)
    # Whoever has no partner is given his own joint, and it does not count.
    partners = np.where(_PARTNERS < 0, np.arange(NUM_JOINTS), _PARTNERS)
    has_partner = tf.constant(_PARTNERS >= 0)
    near = tf.transpose(near, [0, 2, 1, 3])
    for number, joints in enumerate(_PASSES):
        pairs = partners[joints]
        paired = tf.gather(has_partner, joints)[:, None]
        own, other = (tf.gather(points, x, axis=1)[:, :, None] for x in (joints, pairs))
        others = [tf.gather(near, x, axis=1) for x in (joints, pairs)]
        candidates = tf.concat([own, others[0][..., :2], other, others[1][..., :2]], axis=2)
        is_there = tf.concat(
            [
                tf.ones_like(own[..., 0], tf.bool),
                others[0][..., 2] > 0,
                (tf.gather(visibility, pairs, axis=1)[..., None] > 0) & paired,
                (others[1][..., 2] > 0) & paired,
            ],
            axis=2,
        )
        found = _displaced(
            tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int32), number),
            candidates,
            is_there,
            tf.gather(reach, joints, axis=1),
            tf.gather(probabilities, joints, axis=1),
            _plan(num_people),
        )
        # In the place of the joints of this pass.
        kept = [joint for joint in range(NUM_JOINTS) if joint not in joints]
        order = np.argsort([*joints, *kept])
        both = tf.concat([found, tf.gather(points, kept, axis=1)], axis=1)
        points = tf.gather(both, order, axis=1)
    return points


@functools.lru_cache(maxsize=8)
def _plan(num_people: int) -> dict[str, np.ndarray]:
    """Returns what every candidate displacement is, `[S]` each, and what it is compared with.

    Points it may be drawn around: the joint, the same joint of P people near, its partner, the
    partner of P people near.
    """
    partner = 1 + num_people
    count = 2 * (1 + num_people)
    swaps = [point for point in range(count) if point not in (0, partner)]
    rows = [(_JITTER, 0, _D85, _D50, 1.0), (_INVERSION, partner, _D0, _D50, 1.0)]
    rows += [(_GOOD, 0, _D0, _D85, 1.0)]
    # All of those around the joint itself count, and a quarter of the others.
    rows += [(_MISS, point, _D50, _D10, 0.25 if point else 1.0) for point in range(count)]
    rows += [(_SWAP, point, _D0, _D50, 1.0) for point in swaps]
    kind, around, low, high, weight = (
        np.repeat(x, _NUM_CANDIDATES) for x in map(np.array, zip(*rows))
    )
    is_compared = np.arange(count) != around[:, None]
    is_compared &= (kind[:, None] != _SWAP) | np.isin(np.arange(count), (0, partner))
    return {
        "kind": kind,
        "around": around,
        "low": low,
        "high": high,
        "log_weight": np.log(weight).astype(np.float32),
        "is_compared": is_compared,
    }


def _displaced(
    seed: tf.Tensor,
    candidates: tf.Tensor,
    is_there: tf.Tensor,
    reach: tf.Tensor,
    probabilities: tf.Tensor,
    plan: dict[str, np.ndarray],
) -> tf.Tensor:
    """Chooses a displacement for each joint of a pass.

    Args:
        seed: `[2]` int32.
        candidates: `[batch, J, C, 2]` points that it may be drawn around.
        is_there: `[batch, J, C]` bool.
        reach: `[batch, J, 4]`.
        probabilities: `[batch, J, 5]`.
        plan: of `_plan`.

    Returns:
        `[batch, J, 2]`; zeros where nothing is possible.
    """
    shape = tf.concat([tf.shape(reach)[:2], [len(plan["kind"]), 3]], axis=0)
    draws = tf.random.stateless_uniform(shape, seed, minval=1e-7, alg="philox")
    low, high = (tf.gather(reach, plan[key], axis=2) for key in ("low", "high"))
    radius = low + (high - low) * draws[..., 0]
    angle = 2.0 * np.pi * draws[..., 1]
    step = radius[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)
    points = tf.gather(candidates, plan["around"], axis=2) + step
    apart = tf.norm(points[:, :, :, None] - candidates[:, :, None], axis=-1)
    limit = tf.where(plan["kind"] == _MISS, reach[..., _D50:_D10], radius)
    clashes = (apart <= limit[..., None]) & is_there[:, :, None] & plan["is_compared"]
    accepted = tf.gather(is_there, plan["around"], axis=2) & ~tf.reduce_any(clashes, axis=-1)
    of_kind = tf.constant(plan["kind"][:, None] == np.arange(len(KINDS)))
    is_possible = tf.reduce_any(accepted[..., None] & of_kind, axis=2)
    kind = _choose_kind(seed, probabilities * tf.cast(is_possible, tf.float32))
    # The greatest of weights times exponential noise: one of them, in proportion to its weight.
    key = plan["log_weight"] - tf.math.log(-tf.math.log(draws[..., 2]))
    is_eligible = accepted & (plan["kind"] == kind[..., None])
    best = tf.argmax(tf.where(is_eligible, key, -np.inf), axis=-1)
    found = tf.gather(points, best, batch_dims=2)
    return tf.where(tf.reduce_any(is_eligible, axis=-1, keepdims=True), found, 0.0)


def _choose_kind(seed: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Draws `[batch, J]` int32 in proportion to `[batch, J, 5]`."""
    seed = tf.random.experimental.stateless_fold_in(seed, len(KINDS))
    draw = tf.random.stateless_uniform(tf.shape(weights)[:2], seed, alg="philox")
    ends = tf.cumsum(weights, axis=-1)
    passed = draw[..., None] * ends[..., -1:] >= ends
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1)
