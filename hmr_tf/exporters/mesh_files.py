"""Meshes as files that other programs open: Wavefront .obj.

Bodies are estimated in the camera frame, where y points down; modelling programs expect y up and a
figure that faces the viewer. A half turn about x takes one to the other without mirroring, so the
winding of the faces stays.
"""

from __future__ import annotations

import os

import numpy as np

from tfrecords_tools import atomic_file

FRAMES = ("y_up", "camera")


def to_y_up(points: np.ndarray) -> np.ndarray:
    """Turns points of the camera frame (x right, y down, z forward) to x right, y up, z backward.

    Args:
        points: `[..., 3]`, any unit.

    Returns:
        `[..., 3]`.
    """
    return np.asarray(points) * np.array([1.0, -1.0, -1.0], np.float32)


def save_obj(
    path: str | os.PathLike, vertices: np.ndarray, faces: np.ndarray, frame: str = "y_up"
) -> None:
    """Writes a mesh as Wavefront .obj, at once or not at all.

    Args:
        path: file to write; replaced if it exists.
        vertices: `[V, 3]` m, camera frame.
        faces: `[F, 3]` integer, from 0, counter-clockwise seen from outside.
        frame: `y_up` turns the mesh for modelling programs; `camera` writes it as it is.

    Raises:
        ValueError: if a shape, an index or the frame is wrong.
    """
    vertices, faces = np.asarray(vertices), np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(
            "vertices and faces must be [V, 3] and [F, 3]; "
            f"received {list(vertices.shape)} and {list(faces.shape)}."
        )
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError(
            f"faces must index {len(vertices)} vertices from 0; "
            f"received {faces.min()} to {faces.max()}."
        )
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}; received '{frame}'.")
    # Adding 0 turns -0.0 into 0.0.
    points = (to_y_up(vertices) if frame == "y_up" else vertices) + 0.0
    lines = ["# metres"]
    lines += ["v {:.6f} {:.6f} {:.6f}".format(*point) for point in points.tolist()]
    # The format counts from 1.
    lines += ["f {} {} {}".format(*face) for face in (faces + 1).tolist()]
    atomic_file.write_bytes(path, ("\n".join(lines) + "\n").encode("ascii"))
