"""Light on a mesh: vertex normals and lit vertex colours."""

from __future__ import annotations

import dataclasses

import numpy as np

DEFAULT_COLOR = (0.78, 0.78, 0.80)


@dataclasses.dataclass(frozen=True)
class Light:
    """One far light, the sky that fills its shadows, and a highlight.

    Attributes:
        direction: from the scene towards the light, camera frame (x right, y down, z forward); the
            default stands to the upper left behind the camera.
        color: RGB of the far light.
        ambient: RGB of the light that comes from everywhere.
        highlight: strength of the white highlight; 0 for dull cloth.
    """

    direction: tuple[float, float, float] = (-0.4, -0.6, -0.8)
    color: tuple[float, float, float] = (0.75, 0.75, 0.75)
    ambient: tuple[float, float, float] = (0.32, 0.32, 0.32)
    highlight: float = 0.12


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Averages the face normals around each vertex, weighted by area.

    Args:
        vertices: `[V, 3]`.
        faces: `[F, 3]` integer, counter-clockwise seen from outside.

    Returns:
        `[V, 3]` float32 unit normals that point outwards; zero for a vertex without a proper face.
    """
    vertices = np.asarray(vertices, np.float32)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        normal = np.cross(b - a, c - a)
    normal[~np.isfinite(normal).all(axis=1)] = 0.0
    index = faces.T.reshape(-1)
    sums = [
        np.bincount(index, np.tile(normal[:, axis], 3), minlength=len(vertices))
        for axis in range(3)
    ]
    total = np.stack(sums, axis=1).astype(np.float32)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20)


def shade_vertices(
    vertices: np.ndarray,
    faces: np.ndarray,
    vertex_colors: np.ndarray | None = None,
    light: Light | None = None,
) -> np.ndarray:
    """Lights vertex colours.

    Args:
        vertices: `[V, 3]` m, camera frame.
        faces: `[F, 3]` integer, counter-clockwise seen from outside.
        vertex_colors: `[V, 3]` or `[3]` RGB in [0, 1]; a light grey if None.
        light: the lights; the default `Light` if None.

    Returns:
        `[V, 3]` float32 RGB in [0, 1].
    """
    light = light or Light()
    base = np.asarray(DEFAULT_COLOR if vertex_colors is None else vertex_colors, np.float32)
    if base.shape not in ((3,), (len(vertices), 3)):
        raise ValueError(
            f"vertex_colors must be [{len(vertices)}, 3] or [3]; received {list(base.shape)}."
        )
    normals = vertex_normals(vertices, faces)
    direction = np.asarray(light.direction, np.float32)
    direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    facing = normals @ direction
    # Wrapped a little around the body: skin and cloth have no hard line between light and shade.
    diffuse = np.maximum((facing + 0.15) / 1.15, 0.0)[:, None]
    lit = base * (np.asarray(light.ambient, np.float32) + diffuse * np.float32(light.color))
    if light.highlight > 0:
        view = -np.nan_to_num(np.asarray(vertices, np.float32), posinf=0.0, neginf=0.0)
        half = direction + view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-12)
        half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-12)
        shine = np.maximum(np.einsum("vi,vi->v", normals, half), 0.0) ** 24
        lit = lit + (light.highlight * shine)[:, None]
    return np.clip(np.nan_to_num(lit), 0.0, 1.0).astype(np.float32)
