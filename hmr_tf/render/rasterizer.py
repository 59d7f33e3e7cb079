"""A software renderer in NumPy: shaded meshes with smooth edges, without OpenGL.

Pixel centres lie at integers; smooth edges come from several samples per pixel and axis.

Example:
    image, depth = rasterizer.render_mesh(
        vertices + translation, faces, (500.0, 500.0, 111.5, 111.5), height=224, width=224
    )
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hmr_tf.render import shading, zbuffer
from hmr_tf.render.zbuffer import Intrinsics


class Surface(NamedTuple):
    """What a grid of samples sees.

    Attributes:
        face_index: `[rows, columns]` int32; -1 where nothing is seen.
        depth: `[rows, columns]` float32, m along z; infinite where nothing is seen.
        barycentric: `[rows, columns, 3]` float32, weights of the face's corners on the body itself
            (perspective is accounted for); zero where nothing is seen.
    """

    face_index: np.ndarray
    depth: np.ndarray
    barycentric: np.ndarray


def rasterize(
    vertices: np.ndarray,
    faces: np.ndarray,
    intrinsics: Intrinsics,
    height: int,
    width: int,
    *,
    samples: int = 1,
    cull_back_faces: bool = True,
) -> Surface:
    """Finds the nearest face at every sample.

    Args:
        vertices: `[V, 3]` m, camera frame (x right, y down, z forward), already translated.
        faces: `[F, 3]` integer, counter-clockwise seen from outside.
        intrinsics: (fx, fy, cx, cy) px; pixel centres lie at integers.
        height: rows of the image.
        width: columns of the image.
        samples: samples per pixel and axis, spread evenly over the pixel.
        cull_back_faces: whether faces seen from behind are left out; right for closed meshes.

    Returns:
        Surface of `[height * samples, width * samples]` samples. Faces with a vertex that is not
        finite are left out; what is less than 1 cm in front of the camera plane is cut away.

    Raises:
        ValueError: if a shape or size is wrong.
    """
    scan = zbuffer.scan_mesh(vertices, faces, intrinsics, height, width, samples, cull_back_faces)
    top, left, rows, columns = (size * samples for size in scan.box)
    part = slice(top, top + rows), slice(left, left + columns)
    face_index = np.full((height * samples, width * samples), -1, np.int32)
    depth = np.full(face_index.shape, np.inf, np.float32)
    barycentric = np.zeros((*face_index.shape, 3), np.float32)
    at = np.unravel_index(scan.seen, (rows, columns)) if scan.seen.size else ([], [])
    face_index[part][at] = scan.face
    depth[part][at] = 1.0 / scan.inverse_depth
    corners = np.broadcast_to(np.eye(3), (len(faces), 3, 3))
    weights = np.clip(scan.interpolate(corners, columns), 0.0, 1.0)
    barycentric[part][at] = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return Surface(face_index, depth, barycentric)


def render_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    intrinsics: Intrinsics,
    height: int,
    width: int,
    vertex_colors: np.ndarray | None = None,
    *,
    light: shading.Light | None = None,
    samples: int = 2,
    cull_back_faces: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Renders a smoothly shaded mesh with antialiased edges.

    Args:
        vertices: `[V, 3]` m, camera frame, already translated.
        faces: `[F, 3]` integer, counter-clockwise seen from outside.
        intrinsics: (fx, fy, cx, cy) px; pixel centres lie at integers.
        height: rows of the image.
        width: columns of the image.
        vertex_colors: `[V, 3]` or `[3]` RGB in [0, 1]; a light grey if None.
        light: the lights; a white one from the upper left behind the camera if None.
        samples: samples per pixel and axis that are averaged.
        cull_back_faces: whether faces seen from behind are left out.

    Returns:
        image: `[height, width, 4]` float32, RGB in [0, 1] and the share of the pixel that the mesh
            covers; RGB is zero where that share is zero.
        depth: `[height, width]` float32, m, the nearest of the pixel's samples; infinite where the
            mesh is not seen.

    Raises:
        ValueError: if a shape or size is wrong.
    """
    scan = zbuffer.scan_mesh(vertices, faces, intrinsics, height, width, samples, cull_back_faces)
    colors = shading.shade_vertices(vertices, faces, vertex_colors, light)
    image = np.zeros((height, width, 4), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    if scan.seen.size:
        top, left, rows, columns = scan.box
        part = slice(top, top + rows), slice(left, left + columns)
        image[part], depth[part] = _average(scan, colors[faces], samples)
    return image, depth


def composite(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Lays a rendered image over a picture.

    Args:
        image: `[height, width, 4]` float32 from `render_mesh`.
        background: `[height, width, 3]` uint8 or float32 RGB.

    Returns:
        `[height, width, 3]` of the background's dtype.
    """
    if background.shape != (*image.shape[:2], 3):
        raise ValueError(
            f"background must be [{image.shape[0]}, {image.shape[1]}, 3] like the rendered image; "
            f"received {list(background.shape)}."
        )
    is_bytes = background.dtype == np.uint8
    alpha = image[..., 3:]
    color = image[..., :3] * np.float32(255.0) if is_bytes else image[..., :3]
    mixed = background + alpha * (color - background)
    return (mixed + 0.5).astype(np.uint8) if is_bytes else mixed.astype(background.dtype)


def _average(
    scan: zbuffer.Scan, corner_colors: np.ndarray, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolates colours and averages the samples of each pixel of the scanned box."""
    _, _, height, width = scan.box
    color = scan.interpolate(corner_colors, width * samples)
    row, column = np.divmod(scan.seen, width * samples)
    pixel = (row // samples) * width + column // samples
    num_pixels = height * width
    count = np.bincount(pixel, minlength=num_pixels)
    image = np.empty((num_pixels, 4), np.float32)
    for channel in range(3):
        total = np.bincount(pixel, color[:, channel], minlength=num_pixels)
        image[:, channel] = total / np.maximum(count, 1)
    image[:, 3] = count / samples**2
    np.clip(image, 0.0, 1.0, out=image)
    nearest = np.zeros((height * samples, width * samples), np.float32)
    nearest.reshape(-1)[scan.seen] = scan.inverse_depth
    inverse_depth = np.zeros((height, width), np.float32)
    for step in range(samples * samples):
        part = nearest[step // samples :: samples, step % samples :: samples]
        np.maximum(inverse_depth, part, out=inverse_depth)
    with np.errstate(divide="ignore"):
        depth = 1.0 / inverse_depth
    return image.reshape(height, width, 4), depth
