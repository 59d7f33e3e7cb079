"""Colours a body as if it were dressed: skin, hair, shirt, trousers, shoes, random patterns.

Regions follow from the body's own skinning weights and rest pose, so any body model can be dressed.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from hmr_tf.body.model_file import Body
from hmr_tf.synthetic.backgrounds import draw_color

_SKIN_TONES = np.array(
    [
        [0.96, 0.80, 0.69],
        [0.88, 0.67, 0.53],
        [0.72, 0.50, 0.36],
        [0.50, 0.33, 0.22],
        [0.30, 0.19, 0.13],
    ]
)
_HAIR_COLORS = np.array(
    [
        [0.06, 0.05, 0.05],
        [0.20, 0.12, 0.07],
        [0.42, 0.26, 0.13],
        [0.75, 0.58, 0.33],
        [0.6, 0.6, 0.6],
    ]
)
_ARM = (16, 17, 18, 19, 20, 21, 22, 23)
_LEG = (1, 2, 4, 5, 7, 8, 10, 11)
_TRUNK = (0, 3, 6, 9, 13, 14)
_FEET = (7, 8, 10, 11)


@dataclasses.dataclass(frozen=True)
class Outfit:
    """What one person wears.

    Attributes:
        colors: `[V, 3]` float32 RGB in [0, 1].
        thickness: `[V]` float32 m, how far cloth and hair stand off the body along the normals.
    """

    colors: np.ndarray
    thickness: np.ndarray


class Wardrobe:
    """Dresses bodies of one model.

    Args:
        body: the body model.
    """

    def __init__(self, body: Body) -> None:
        rest = np.asarray(body.template, np.float64)
        joints = body.joint_regressor @ rest
        part = body.skin_weights.argmax(axis=1)
        self._rest = rest
        self._is_head = np.isin(part, (12, 15))
        self._is_trunk = np.isin(part, _TRUNK)
        self._is_arm = np.isin(part, _ARM)
        self._is_leg = np.isin(part, _LEG)
        self._is_foot = np.isin(part, _FEET)
        shoulder, wrist = abs(joints[16:18, 0]).mean(), abs(joints[20:22, 0]).mean()
        hip, ankle = joints[1:3, 1].mean(), joints[7:9, 1].mean()
        # 0 at the shoulder and hip, 1 at the wrist and ankle.
        self._along_arm = (np.abs(rest[:, 0]) - shoulder) / (wrist - shoulder)
        self._along_leg = (hip - rest[:, 1]) / (hip - ankle)
        # 0 at the hips, 1 at the base of the neck.
        self._up_trunk = (rest[:, 1] - hip) / (joints[12, 1] - hip)
        # -1 at the back, 1 at the front of the chest; the width is in m to the side.
        chest = rest[self._is_trunk & (self._up_trunk > 0.5) & (np.abs(rest[:, 0]) < 0.1), 2]
        self._front_chest = 2.0 * (rest[:, 2] - chest.min()) / (chest.max() - chest.min()) - 1.0
        self._aside = np.abs(rest[:, 0])
        head = rest[self._is_head]
        top = head[:, 1].max()
        # 0 at the joint of head and neck, 1 at the crown; 0 at the back, 1 at the tip of the nose.
        self._up_head = (rest[:, 1] - joints[15, 1]) / (top - joints[15, 1])
        skull = head[head[:, 1] > joints[15, 1]][:, 2]
        self._front_head = (rest[:, 2] - skull.min()) / (skull.max() - skull.min())

    def dress(self, random: np.random.Generator) -> Outfit:
        """Draws an outfit."""
        skin = _pick_between(random, _SKIN_TONES)
        colors = np.tile(skin, (len(self._rest), 1))
        thickness = np.zeros(len(self._rest))
        # A little redder and darker or lighter from place to place.
        colors += 0.05 * _smooth_noise(random, self._rest, 6.0)[:, None] * [1.0, 0.7, 0.6]

        top, bottom = draw_color(random), draw_color(random)
        if random.random() < 0.15:
            bottom = top
        is_shirt, is_trousers, is_shoe, is_hair = self._regions(random)
        self._put_on(random, colors, is_trousers, bottom, pattern_share=0.25)
        self._put_on(random, colors, is_shirt, top, pattern_share=0.55)
        thickness[is_trousers] = random.uniform(0.0, 0.015)
        thickness[is_shirt] = random.uniform(0.0, 0.012)
        self._open_jacket(random, colors, is_shirt)
        self._rucksack(random, colors, thickness)
        colors[is_shoe] = draw_color(random)
        thickness[is_shoe] = 0.006
        hair = _pick_between(random, _HAIR_COLORS)
        colors[is_hair] = hair + 0.06 * _smooth_noise(random, self._rest, 60.0)[is_hair, None]
        thickness[is_hair] = random.uniform(0.002, 0.025)
        return Outfit(np.clip(colors, 0.02, 1.0).astype(np.float32), thickness.astype(np.float32))

    def _regions(
        self, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draws which `[V]` vertices belong to shirt, trousers, shoes and hair."""
        sleeve = random.choice([-0.05, 0.28, 0.45, 0.95], p=[0.12, 0.38, 0.1, 0.4])
        sleeve += random.normal(0.0, 0.03)
        hem = random.uniform(-0.1, 0.2)
        collar = random.uniform(0.86, 1.0)
        leg_end = random.choice([0.22, 0.45, 0.72, 0.97], p=[0.1, 0.25, 0.1, 0.55])
        leg_end += random.normal(0.0, 0.02)
        waist = hem + random.uniform(0.0, 0.15)
        is_shirt = self._is_trunk & (self._up_trunk > hem) & (self._up_trunk < collar)
        if random.random() < 0.7:
            depth = random.uniform(0.05, 0.35)
            neckline = collar - depth * (1.0 - self._aside / random.uniform(0.06, 0.11))
            is_shirt &= (self._front_chest < 0.0) | (self._up_trunk < neckline)
        is_shirt |= self._is_arm & (self._along_arm < sleeve)
        is_shirt |= self._is_leg & (self._up_trunk > hem)
        if random.random() < 0.06:
            is_shirt[:] = False
        is_trousers = (self._is_leg & (self._along_leg < leg_end)) | (
            self._is_trunk & (self._up_trunk < waist)
        )
        is_shoe = self._is_foot & (self._along_leg > random.uniform(0.9, 1.02))
        if random.random() < 0.1:
            is_shoe[:] = False
        # The hairline rises from the nape to the forehead.
        line = random.uniform(0.55, 0.8) - random.uniform(0.7, 1.1) * (0.75 - self._front_head)
        is_hair = self._is_head & (self._up_head > np.minimum(line, 0.8))
        is_hair &= self._front_head < random.uniform(0.75, 0.9)
        if random.random() < 0.05:
            is_hair[:] = False
        elif random.random() < 0.35:  # Long hair falls down the back.
            end = random.uniform(0.6, 0.95)
            is_back = (self._front_chest < 0.0) & (self._aside < random.uniform(0.07, 0.12))
            is_hair |= (self._is_trunk | self._is_head) & is_back & (self._up_trunk > end)
        return is_shirt, is_trousers, is_shoe, is_hair

    def _open_jacket(
        self, random: np.random.Generator, colors: np.ndarray, is_shirt: np.ndarray
    ) -> None:
        """Shows, on some people, a strip of another shirt between the sides of a jacket."""
        if random.random() < 0.35:
            strip = self._aside < random.uniform(0.03, 0.1)
            strip &= is_shirt & self._is_trunk & (self._front_chest > 0.0)
            self._put_on(random, colors, strip, draw_color(random), pattern_share=0.2)

    def _rucksack(
        self, random: np.random.Generator, colors: np.ndarray, thickness: np.ndarray
    ) -> None:
        """Gives some people a rucksack."""
        if random.random() < 0.12:
            low, high = random.uniform(0.15, 0.45), random.uniform(0.75, 0.95)
            is_bag = self._is_trunk & (self._front_chest < -0.2)
            is_bag &= self._aside < random.uniform(0.1, 0.16)
            is_bag &= (self._up_trunk > low) & (self._up_trunk < high)
            self._put_on(random, colors, is_bag, draw_color(random), pattern_share=0.2)
            thickness[is_bag] = random.uniform(0.04, 0.15)

    def _put_on(
        self,
        random: np.random.Generator,
        colors: np.ndarray,
        where: np.ndarray,
        color: np.ndarray,
        pattern_share: float,
    ) -> None:
        """Colours a garment in place."""
        if not where.any():
            return
        points = self._rest[where]
        cloth = np.tile(color, (len(points), 1))
        if random.random() < pattern_share:
            other = draw_color(random)
            cloth += _pattern(random, points)[:, None] * (other - color)
        cloth *= 1.0 + 0.08 * _smooth_noise(random, points, 12.0)[:, None]
        colors[where] = cloth


def _pattern(random: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Returns `[V]` shares of a garment's second colour at `[V, 3]` rest points, m."""
    kind = random.choice(["rings", "bars", "checks", "blotches", "print", "halves"])
    width = random.uniform(0.03, 0.12)
    phase = random.uniform(0.0, 2.0 * np.pi)
    rings = np.sin(2.0 * np.pi * points[:, 1] / width + phase) > 0
    around = np.sin(2.0 * np.pi * (points[:, 0] + points[:, 2]) / width + phase) > 0
    if kind == "rings":
        return rings.astype(float)
    if kind == "bars":
        return around.astype(float)
    if kind == "checks":
        return (rings ^ around).astype(float)
    if kind == "blotches":
        return (_smooth_noise(random, points, random.uniform(15.0, 50.0)) > 0.2).astype(float)
    if kind == "halves":
        axis = random.integers(0, 3)
        return (points[:, axis] > np.median(points[:, axis])).astype(float)
    middle = np.median(points, axis=0)
    middle[1] += random.uniform(-0.05, 0.15)
    size = random.uniform(0.06, 0.14)
    away = np.abs(points - middle)[:, :2].max(axis=1)
    return ((away < size) & (points[:, 2] > middle[2])).astype(float)


def _smooth_noise(random: np.random.Generator, points: np.ndarray, frequency: float) -> np.ndarray:
    """Returns `[V]` smooth values around 0, about 1 in size, at `[V, 3]` points, m."""
    waves = random.normal(0.0, frequency, (4, 3))
    phases = random.uniform(0.0, 2.0 * np.pi, 4)
    return np.sin(points @ waves.T + phases).sum(axis=1) / 2.0


def _pick_between(random: np.random.Generator, colors: np.ndarray) -> np.ndarray:
    """Draws a colour between neighbours of a row of colours."""
    place = random.uniform(0.0, len(colors) - 1.0)
    low = int(place)
    mixed = colors[low] + (place - low) * (colors[min(low + 1, len(colors) - 1)] - colors[low])
    return mixed * random.uniform(0.9, 1.1, 3)
