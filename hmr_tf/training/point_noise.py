"""Noise on SMPLR's points: what the networks behind an hourglass learn to put up with.

`uniform` and `normal` take a table of how far off the release's hourglass was, coordinate by
coordinate and independently. `hourglass` adds errors that one's own hourglass made on somebody
else: points of one person are off together. On top of any of them come limbs taken for those of the
other side, and points that are missing, which stand at the pelvis.

Points are `[batch, 41, 3]` float32, m, camera frame, relative to the pelvis, in the order of
`hmr_tf.body.landmarks`.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.body import landmarks

LAWS = ("none", "uniform", "normal", "hourglass")
# mm, of the release along depth, to the picture's right and up.
_RELEASED_MM = np.array(
    [
        (8.3, 6.9, 5.2), (8.0, 7.1, 5.0), (8.5, 6.9, 5.3), (34.5, 22.2, 19.6), (34.3, 23.1, 19.1),
        (14.9, 8.9, 9.8), (53.5, 23.5, 24.2), (52.1, 22.3, 25.5), (16.7, 9.0, 10.8),
        (56.7, 24.3, 25.3), (56.1, 22.6, 24.7), (26.5, 10.6, 14.4), (21.7, 10.4, 12.2),
        (22.2, 10.3, 12.2), (30.5, 11.9, 15.8), (26.2, 16.4, 17.4), (27.0, 15.9, 16.6),
        (44.1, 25.8, 28.1), (45.8, 25.6, 27.2), (64.8, 30.7, 35.8), (69.7, 29.5, 33.4),
        (75.7, 33.6, 40.6), (81.7, 32.5, 37.5), (20.6, 14.6, 15.0), (21.6, 14.8, 14.8),
        (11.3, 11.4, 10.5), (12.9, 13.2, 8.7), (13.2, 12.9, 8.1), (17.7, 15.9, 14.4),
        (18.6, 15.3, 14.1), (16.1, 12.3, 10.4), (15.3, 11.6, 10.1), (59.6, 28.3, 29.5),
        (60.4, 26.3, 28.7), (85.1, 41.0, 48.6), (30.4, 17.2, 19.1), (31.1, 19.8, 21.8),
        (33.9, 17.8, 19.7), (33.7, 20.4, 22.3), (91.2, 41.6, 45.9), (39.2, 21.6, 29.1),
    ]
)  # fmt: skip
# m, along x, y and z of the camera.
REACH = np.float32(_RELEASED_MM[:, [1, 2, 0]] / 1000.0)
NUM_POINTS = len(REACH)
# First joints of the limbs that are taken for one another, on one side.
_LIMB_ROOTS = (16, 1)


def disturb(
    points: tf.Tensor,
    seed: tf.Tensor,
    law: str = "normal",
    errors: tf.Tensor | None = None,
    swap_probability: float = 0.0,
    missing_probability: float = 0.0,
) -> tf.Tensor:
    """Returns points as an hourglass might have found them.

    Args:
        points: the true ones.
        seed: `[2]` int32; all that is drawn follows from it.
        law: one of `LAWS`.
        errors: `[N, 41, 3]`, m, for the law `hourglass`: what `errors_of` collected.
        swap_probability: share of arms, and of legs, whose sides are confused.
        missing_probability: share of points that are missing.

    Raises:
        ValueError: if there is no such law, or it lacks its errors.
    """
    if law not in LAWS or (law == "hourglass") != (errors is not None):
        raise ValueError(
            f"law must be one of {', '.join(LAWS)}, 'hourglass' alone with errors; received "
            f"'{law}' {'without' if errors is None else 'with'} errors."
        )
    seeds = tf.random.experimental.stateless_split(tf.cast(seed, tf.int32), 3)
    if swap_probability:
        points = _swapped(points, seeds[1], swap_probability)
    points += _noise(tf.shape(points), seeds[0], law, errors)
    if missing_probability:
        draws = tf.random.stateless_uniform(tf.shape(points)[:2], seeds[2])
        points = tf.where(draws[..., tf.newaxis] < missing_probability, 0.0, points)
    return points


def errors_of(found: tf.Tensor, points: tf.Tensor, has_points: tf.Tensor) -> np.ndarray:
    """Returns what an hourglass got wrong, `[N, 41, 3]` m, of the people whose points are known.

    Args:
        found: what it found.
        points: the true ones.
        has_points: `[batch]` 1 where they are known.
    """
    return (np.asarray(found) - np.asarray(points))[np.asarray(has_points) > 0.0]


def _noise(
    shape: tf.Tensor, seed: tf.Tensor, law: str, errors: tf.Tensor | None
) -> tf.Tensor | float:
    if law == "none":
        return 0.0
    if law == "hourglass":
        number = tf.shape(errors)[0]
        rows = tf.random.stateless_uniform(shape[:1], seed, maxval=number, dtype=tf.int32)
        return tf.gather(errors, rows)
    if law == "normal":
        return REACH * tf.random.stateless_normal(shape, seed)
    return REACH * tf.random.stateless_uniform(shape, seed, -1.0, 1.0)


def _swapped(points: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Exchanges the points of both arms, or of both legs."""
    draws = tf.random.stateless_uniform([tf.shape(points)[0], len(_LIMB_ROOTS)], seed)
    for index, root in enumerate(_LIMB_ROOTS):
        order = list(range(NUM_POINTS))
        for point in _beyond(root):
            other = landmarks.POINTS.flip[point]
            order[point - 1], order[other - 1] = other - 1, point - 1
        is_swapped = draws[:, index, tf.newaxis, tf.newaxis] < probability
        points = tf.where(is_swapped, tf.gather(points, order, axis=1), points)
    return points


def _beyond(root: int) -> list[int]:
    """Returns a point and all that hang on it; parents stand before their children."""
    found = [root]
    for point, parent in enumerate(landmarks.POINT_PARENTS):
        if parent in found:
            found.append(point)
    return found
