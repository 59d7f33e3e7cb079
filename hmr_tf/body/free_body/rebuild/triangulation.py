"""Triangles from quads, the same on both sides of the body, and facts about a triangle mesh."""

from __future__ import annotations

import cv2
import numpy as np

from hmr_tf.body.free_body.rebuild.symmetry import mirrored_faces

_NUM_VIEWS = 48
_VIEW_SIZE_PX = 900
_SUBPIXEL_BITS = 4
_GOLDEN_RATIO = (1 + 5**0.5) / 2


def split_quads(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Splits each quad along its shorter diagonal.

    Args:
        vertices: `[V, 3]`, exactly symmetric, so that partners choose partner diagonals.
        quads: `[Q, 4]`, counter-clockwise.

    Returns:
        `[2 Q, 3]`, counter-clockwise.
    """
    corners = vertices[quads]
    first = np.square(corners[:, 0] - corners[:, 2]).sum(1)
    second = np.square(corners[:, 1] - corners[:, 3]).sum(1)
    along_first = quads[:, [[0, 1, 2], [0, 2, 3]]]
    along_second = quads[:, [[0, 1, 3], [1, 2, 3]]]
    return np.where((first <= second)[:, None, None], along_first, along_second).reshape(-1, 3)


def visible_faces(vertices: np.ndarray, faces: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Finds the faces that can be seen from some side; the inside of the mouth cannot.

    Every face is painted with its number, far ones first, from directions spread over the sphere.

    Returns:
        `[F]` bool, equal for mirrored faces.
    """
    centred = vertices - (vertices.max(0) + vertices.min(0)) / 2
    scale = 0.95 * _VIEW_SIZE_PX / np.linalg.norm(np.ptp(vertices, axis=0))
    visible = np.zeros(len(faces), bool)
    for view in range(_NUM_VIEWS):
        corners = (centred @ _view_axes(view).T)[faces]
        numbers = np.unique(_paint_numbers(corners, scale))
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        numbers = numbers[numbers < len(faces)]
        visible[numbers[normals[numbers, 2] > 0]] = True
    return visible | visible[mirrored_faces(faces, mirror)]


def _view_axes(view: int) -> np.ndarray:
    """Right, up and towards-the-eye of one of the directions, as rows."""
    height = 1 - 2 * (view + 0.5) / _NUM_VIEWS
    angle = 2 * np.pi * view / _GOLDEN_RATIO
    radius = np.sqrt(1 - height * height)
    towards = np.array([radius * np.cos(angle), height, radius * np.sin(angle)])
    right = np.cross(towards, [0.3, 1.0, 0.2])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def _paint_numbers(corners: np.ndarray, scale: float) -> np.ndarray:
    """Paints the number of each face as its color; the background is the largest number."""
    canvas = np.full((_VIEW_SIZE_PX, _VIEW_SIZE_PX, 3), 255, np.uint8)
    points = np.round((corners[:, :, :2] * scale + _VIEW_SIZE_PX / 2) * 2**_SUBPIXEL_BITS)
    points = points.astype(np.int32)
    for face in np.argsort(corners[:, :, 2].mean(1), kind="stable").tolist():
        color = (face & 255, face >> 8 & 255, face >> 16)
        cv2.fillConvexPoly(canvas, points[face], color, shift=_SUBPIXEL_BITS)
    return canvas.reshape(-1, 3).astype(np.int64) @ [1, 256, 65536]


def vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Returns `[V]`, m2, a third of the area of the faces around each vertex."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    shares = np.repeat(np.linalg.norm(normals, axis=1) / 6, 3)
    return np.bincount(faces.ravel(), shares, minlength=len(vertices))


def volume_litres(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Returns the enclosed volume in litres of `[..., V, 3]` vertices in m."""
    a, b, c = (vertices[..., faces[:, corner], :].astype(np.float64) for corner in range(3))
    return np.einsum("...fi,...fi->...", a, np.cross(b, c)) / 6 * 1000
