"""Draws coloured shapes to put in front of people, for want of photographs of objects."""

from __future__ import annotations

import cv2
import numpy as np

from tfrecords_tools import occluder_format

# About as large as the objects of PASCAL VOC in their records.
_SIDES_PX = (40, 180)
_NUM_SHAPES = 256
_NUM_CORNERS = 96
_FINENESS = 4  # Outlines are drawn so much larger, then averaged.


def draw_shapes(count: int = _NUM_SHAPES, seed: int = 0) -> list[bytes]:
    """Draws boxes, ellipses, bars and blobs with colours, patterns and shading.

    Args:
        count: shapes.
        seed: of everything about them.

    Returns:
        PNG files with alpha.
    """
    rng = np.random.default_rng(seed)
    return [occluder_format.encode_patch(_draw_shape(rng)) for _ in range(count)]


def _draw_shape(rng: np.random.Generator) -> np.ndarray:
    """Returns one shape: `[height, width, 4]` uint8 RGBA."""
    alpha = _fill(_outline(rng) * rng.uniform(*_SIDES_PX))
    return np.dstack([_paint(rng, *alpha.shape), alpha])


def _outline(rng: np.random.Generator) -> np.ndarray:
    """Returns `[corners, 2]` (x, y), from 0 up to 1 along the longer side."""
    angles = np.linspace(0.0, 2.0 * np.pi, _NUM_CORNERS, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # From a box with round corners to an ellipse.
    points = np.sign(circle) * np.abs(circle) ** rng.uniform(0.1, 1.0)
    if rng.random() < 0.5:
        waves = np.arange(2, 6)
        heights = rng.uniform(0.0, 0.6, 4) / waves
        phases = rng.uniform(0.0, 2.0 * np.pi, 4)
        points *= 1.0 + np.cos(angles[:, None] * waves + phases) @ heights[:, None]
    points[:, 1] *= rng.uniform(0.15, 1.0)
    turn = rng.uniform(0.0, np.pi)
    turned = points @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    turned -= turned.min(axis=0)
    return turned / turned.max()


def _fill(outline_px: np.ndarray) -> np.ndarray:
    """Returns the `[height, width]` uint8 opacity of what is inside an outline."""
    width, height = (int(side) for side in np.ceil(outline_px.max(axis=0)) + 1)
    mask = np.zeros((height * _FINENESS, width * _FINENESS), np.uint8)
    cv2.fillPoly(mask, [np.round(outline_px * _FINENESS).astype(np.int32)], 255)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)


def _paint(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Returns `[height, width, 3]` uint8 RGB: two colours in a pattern, lit from one side."""
    rows, columns = np.mgrid[:height, :width]
    turn = rng.uniform(0.0, np.pi)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    if rng.random() < 0.5:
        share = 0.5 + 0.5 * np.sin(along * 2.0 * np.pi / rng.uniform(6.0, 60.0))
    else:
        coarse = rng.random(rng.integers(2, 9, size=2))
        share = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    contrast = rng.uniform(0.0, 1.0)
    first, second = rng.uniform(0.0, 255.0, (2, 3))
    image = first + contrast * share[..., None] * (second - first)
    light = (along - along.min()) / max(float(np.ptp(along)), 1.0)
    image = image * (1.0 - rng.uniform(0.0, 0.6) * light[..., None])
    return np.clip(image + rng.normal(0.0, 4.0, image.shape), 0, 255).astype(np.uint8)
