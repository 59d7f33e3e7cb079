"""Where people and the camera stand, so that everybody is in the picture and nobody in another.

The world is y up with the ground at y = 0; the camera hangs above the origin and looks along -z.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.render.zbuffer import Intrinsics

# From the world (y up, z to the viewer) to a level camera (y down, z forward).
_LEVEL = np.diag([1.0, -1.0, -1.0])
_NEAREST = 1.5  # m; nobody stands closer to the camera.
_PERSONAL_SPACE = 0.8  # m; of two people the further one stands at least so far behind.
_ROUNDS = 12


@dataclasses.dataclass(frozen=True)
class Stage:
    """A camera and the places of people.

    Attributes:
        camera_from_world: `[3, 3]` float64.
        camera_translation: `[3]` float64 m; `camera_from_world @ x + camera_translation`.
        places: `[people, 3]` float64 m, what is added to each person's own coordinates to get the
            world's.
    """

    camera_from_world: np.ndarray
    camera_translation: np.ndarray
    places: np.ndarray


def draw_intrinsics(random: np.random.Generator, height: int, width: int) -> Intrinsics:
    """Draws a camera of ordinary focal length whose axis meets the middle of the picture."""
    focal = max(height, width) * random.uniform(0.9, 1.6)
    return focal, focal, (width - 1) / 2.0, (height - 1) / 2.0


def stage(
    random: np.random.Generator,
    figures: Sequence[np.ndarray],
    intrinsics: Intrinsics,
    height: int,
    width: int,
    at_border: bool = False,
) -> Stage:
    """Places people beside and behind each other and points the camera at them.

    Args:
        random: source of randomness.
        figures: for each person `[points, 3]` m, all places the joints ever take, in coordinates
            of the person's own with the axes of the world and the ground at y = 0.
        intrinsics: (fx, fy, cx, cy) px.
        height: rows of the picture.
        width: columns of the picture.
        at_border: whether the first person stands half outside of the picture.
    """
    count = len(figures)
    wanted_px = random.uniform(0.6, 0.8) * min(height, 1.6 * width / (0.5 * count + 0.5))
    spacing = min(width / (count + 0.5), wanted_px * random.uniform(0.25, 0.55))
    column = width / 2.0 + spacing * (np.arange(count) - (count - 1) / 2.0)
    column += random.normal(0.0, 0.03 * wanted_px, count)
    extent = np.array([max(np.ptp(points, axis=0).max(), 1.2) for points in figures])
    distance = intrinsics[1] * extent / wanted_px
    distance = np.maximum(distance, _NEAREST) * random.uniform(1.0, 1.1, count)
    if at_border:
        column[0] = random.choice([0.0, width - 1.0])
    eye = random.uniform(0.7, 2.0)
    roll = np.radians(np.clip(random.normal(0.0, 3.0), -8.0, 8.0))
    aim = height * random.uniform(0.47, 0.53)
    order = random.permutation(count)
    kept = slice(1 if at_border and count > 1 else 0, count)
    for _ in range(_ROUNDS):
        spread = _apart(distance, order)
        arranged = _arrange(figures, column, spread, eye, roll, aim, intrinsics)
        points = np.concatenate([p + t for p, t in zip(figures[kept], arranged.places[kept])])
        missed = _missed(points, arranged, intrinsics, height, width, at_border and count == 1)
        if missed <= 0.0:
            break
        distance = distance * (1.0 + np.clip(missed, 0.04, 0.3))
        column[kept] += 0.15 * (width / 2.0 - column[kept]) * (not (at_border and count == 1))
    return arranged


def _apart(distance: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Returns distances at which no two people are nearer than their personal space in depth."""
    result = distance.copy()
    for before, after in zip(order[:-1], order[1:]):
        result[after] = max(result[after], result[before] + _PERSONAL_SPACE)
    return result


def _arrange(
    figures: Sequence[np.ndarray],
    column: np.ndarray,
    distance: np.ndarray,
    eye: float,
    roll: float,
    aim: float,
    intrinsics: Intrinsics,
) -> Stage:
    """Puts each person at a column and a distance; tilts the camera so that they are at `aim`."""
    fx, fy, cx, cy = intrinsics
    middles = np.array([(points.min(axis=0) + points.max(axis=0)) / 2 for points in figures])
    places = np.zeros((len(figures), 3))
    places[:, 0] = (column - cx) / fx * distance - middles[:, 0]
    places[:, 2] = -distance - middles[:, 2]
    # The angle under the horizon at which people are, and the one at which they are wanted.
    seen = np.arctan2(eye - middles[:, 1], distance).mean()
    pitch = seen - np.arctan2(aim - cy, fy)
    turn = Rotation.from_rotvec([0.0, 0.0, roll]) * Rotation.from_rotvec([pitch, 0.0, 0.0])
    rotation = turn.as_matrix() @ _LEVEL
    return Stage(rotation, -rotation @ [0.0, eye, 0.0], places)


def _missed(
    points: np.ndarray,
    arranged: Stage,
    intrinsics: Intrinsics,
    height: int,
    width: int,
    rows_only: bool,
) -> float:
    """Returns how far points reach beyond the picture less a margin, relative to its size."""
    fx, fy, cx, cy = intrinsics
    seen = points @ arranged.camera_from_world.T + arranged.camera_translation
    if seen[:, 2].min() < 0.5:
        return 1.0
    x, y = seen[:, 0] / seen[:, 2] * fx + cx, seen[:, 1] / seen[:, 2] * fy + cy
    margin = 0.05
    beyond = [margin - y.min() / height, y.max() / height - 1.0 + margin]
    if not rows_only:
        beyond += [margin - x.min() / width, x.max() / width - 1.0 + margin]
    return max(beyond)
