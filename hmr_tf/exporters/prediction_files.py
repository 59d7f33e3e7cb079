"""Predictions as files: pictures to look at, arrays to compute with, meshes to open elsewhere.

Each file appears whole or not at all: it is written under a temporary name and then renamed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from hmr_tf import outputs
from hmr_tf.exporters import mesh_files
from hmr_tf.geometry import rotations
from hmr_tf.image_files import writing
from hmr_tf.render import overlay
from tfrecords_tools import atomic_file

# Pictures of larger photographs are drawn smaller.
MAX_OVERLAY_SIDE = 2048
_SIDE_VIEW_SIZE = 512
# More people than this are drawn one after the other, farthest first, to save memory.
_MAX_TOGETHER = 4


def distinct_names(paths: Sequence[str]) -> list[str]:
    """Returns a name for each image: its own without the ending, if no other has the same.

    Args:
        paths: image files.

    Returns:
        Names for their results; ``photo``, or ``photo_jpg`` beside a ``photo.png``.
    """
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    counts = {stem: stems.count(stem) for stem in set(stems)}
    return [
        stem if counts[stem] == 1 else os.path.basename(path).replace(".", "_")
        for stem, path in zip(stems, paths)
    ]


def save_prediction(
    stem: str,
    image: np.ndarray,
    estimate: Mapping[str, np.ndarray],
    faces: np.ndarray,
    boxes_xyxy: np.ndarray | None = None,
) -> list[str]:
    """Writes what was estimated in one image.

    Args:
        stem: path of the results without an ending; its folder is made.
        image: `[height, width, 3]` uint8 RGB.
        estimate: an Estimate with full-image keys and `vertices`, a row for each person.
        faces: `[F, 3]` int.
        boxes_xyxy: `[people, 4]` px, if the people were given by boxes.

    Returns:
        The files: ``_overlay.png``, ``_side.png``, ``.npz`` and ``.obj`` (for several people
        ``_1.obj``, ``_2.obj`` and so on).
    """
    os.makedirs(os.path.dirname(stem) or ".", exist_ok=True)
    num_people = len(estimate[outputs.CAMERA])
    arrays = {
        **estimate,
        "pose_axis_angle": _pose_axis_angle(estimate[outputs.ROTATIONS]),
        "faces": np.asarray(faces, np.int32),
        "image_size_hw": np.array(image.shape[:2], np.int32),
    }
    if boxes_xyxy is not None:
        arrays["boxes_xyxy"] = np.asarray(boxes_xyxy, np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    written = [f"{stem}_overlay.png", f"{stem}_side.png", f"{stem}.npz"]
    writing.write_png(written[0], draw_overlay(image, estimate, faces))
    writing.write_png(written[1], draw_side_views(estimate, faces))
    atomic_file.write_bytes(written[2], buffer.getvalue())
    for index in range(num_people):
        path = f"{stem}.obj" if num_people == 1 else f"{stem}_{index + 1}.obj"
        mesh_files.save_obj(path, estimate[outputs.VERTICES][index], faces)
        written.append(path)
    return written


def draw_overlay(
    image: np.ndarray, estimate: Mapping[str, np.ndarray], faces: np.ndarray
) -> np.ndarray:
    """Draws the estimated bodies over the photograph.

    Args:
        image: `[height, width, 3]` uint8 RGB.
        estimate: an Estimate with full-image keys and `vertices`.
        faces: `[F, 3]` int.

    Returns:
        uint8 RGB, the photograph's size up to `MAX_OVERLAY_SIDE` px.
    """
    scale = min(1.0, MAX_OVERLAY_SIDE / max(image.shape[:2]))
    if scale < 1.0:
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    vertices, translation = estimate[outputs.VERTICES], estimate[outputs.TRANSLATION]
    focal = scale * estimate[outputs.FOCAL_LENGTH_PX]
    colors = [_color(index) for index in range(len(vertices))]
    people = np.argsort(-translation[:, 2], kind="stable")
    # What is not finite cannot be drawn.
    is_finite = np.isfinite(vertices).all(axis=(1, 2)) & np.isfinite(translation).all(axis=1)
    people = people[is_finite[people]]
    together = len(people) if len(people) <= _MAX_TOGETHER else 1
    for start in range(0, len(people), max(together, 1)):
        group = people[start : start + together]
        image = overlay.overlay(
            image,
            vertices[group],
            faces,
            translation[group],
            focal[group],
            colors=[colors[index] for index in group],
        )
    return image


def draw_side_views(estimate: Mapping[str, np.ndarray], faces: np.ndarray) -> np.ndarray:
    """Draws each body from the side, in the colour it has in the overlay.

    Args:
        estimate: an Estimate with `vertices`.
        faces: `[F, 3]` int.

    Returns:
        uint8 RGB, one square for each person.
    """
    views = [
        overlay.side_view(vertices, faces, _SIDE_VIEW_SIZE, color=_color(index))
        for index, vertices in enumerate(estimate[outputs.VERTICES])
    ]
    return views[0] if len(views) == 1 else overlay.tile(views)


def _color(person: int) -> tuple[float, float, float]:
    return overlay.PERSON_COLORS[person % len(overlay.PERSON_COLORS)]


def _pose_axis_angle(matrices: np.ndarray) -> np.ndarray:
    """Returns `[people, 72]` float32, radians."""
    axis_angle = rotations.matrix_to_axis_angle(np.asarray(matrices, np.float32)).numpy()
    return axis_angle.reshape(len(matrices), -1)
