"""Pictures of an evaluation: the best, middling and worst people as estimated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.evaluation.examples import Example, ExamplePicker
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.models import extra_inputs
from hmr_tf.render import overlay, rasterizer
from tfrecords_tools import skeletons
from tfrecords_tools.skeletons import Skeleton

Draw = Callable[[Example], "list[np.ndarray]"]

_CELL = 200
_NUM_EACH = 4
# Focal length of the drawn camera in crop sides; long, so that the mesh lies where the
# weak-perspective camera of the model puts it.
_FOCAL_SIDES = 20.0


def draw_sheet(draw: Draw, picker: ExamplePicker) -> np.ndarray:
    """Draws a few of the best, the middling and the worst people.

    Args:
        draw: from a person to three square pictures of one size, e.g. `draw_person`.
        picker: of an evaluation.

    Returns:
        uint8 RGB; two people a row, first the best, then the middling, then the worst.
    """
    cells, captions = [], []
    for sort, examples in picker.pick(_NUM_EACH).items():
        for example in examples:
            cells += draw(example)
            captions += [f"{sort}: {example.error:.3g}", "", example.name]
        if len(examples) % 2:
            cells += [np.full((_CELL, _CELL, 3), 255, np.uint8)] * 3
            captions += [""] * 3
    return overlay.tile(cells, columns=6, captions=captions)


def draw_person(model: tf.keras.Model, example: Example) -> list[np.ndarray]:
    """Draws one example as `draw_estimate` does.

    Args:
        model: estimates the example again.
        example: the person.
    """
    images = tf.constant(example.image[None], tf.float32) / 255.0
    beside = extra_inputs.of_batch(model, example.beside)
    beside = {name: tf.constant(value[None]) for name, value in beside.items()}
    found = model(images, training=False, with_vertices=True, **beside)
    estimate = {key: value[0].numpy() for key, value in found.items()}
    return draw_estimate(example, estimate, model.body_model.faces)


def draw_estimate(
    example: Example, estimate: Mapping[str, np.ndarray], faces: np.ndarray
) -> list[np.ndarray]:
    """Draws one person: the truth's keypoints, the mesh over the picture, its side view.

    Args:
        example: the person.
        estimate: `vertices` `[V, 3]` and `camera` `[3]` of it; without a camera (None) the mesh
            is drawn from the side only.
        faces: `[F, 3]` of the mesh.

    Returns:
        Three square uint8 RGB pictures of one size.
    """
    picture, truth = _draw_truth(example)
    vertices, camera = estimate[outputs.VERTICES], estimate[outputs.CAMERA]
    mesh = picture if camera is None else _draw_mesh(picture, vertices, faces, camera)
    return [truth, mesh, overlay.side_view(vertices, faces, _CELL)]


def draw_joints(example: Example, joints: np.ndarray, skeleton: Skeleton) -> list[np.ndarray]:
    """Draws one person: the truth's keypoints, estimated joints from the front and from the side.

    Args:
        example: the person.
        joints: `[K, 3]` m, camera frame, the first of the skeleton's.
        skeleton: the joints' set.

    Returns:
        Three square uint8 RGB pictures of one size.
    """
    points = np.full((skeleton.num_joints, 3), np.nan)
    points[: len(joints)] = joints - (joints.min(axis=0) + joints.max(axis=0)) / 2
    scale = 0.9 * _CELL / max(float(np.ptp(joints, axis=0).max()), 1e-3)
    views = []
    for across in (0, 2):
        empty = np.full((_CELL, _CELL, 3), 255, np.uint8)
        pixels = scale * points[:, (across, 1)] + (_CELL - 1) / 2.0
        views.append(overlay.draw_skeleton(empty, pixels, skeleton))
    return [_draw_truth(example)[1], *views]


def _draw_truth(example: Example) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture, without and with its true keypoints."""
    picture = cv2.resize(example.image, (_CELL, _CELL), interpolation=cv2.INTER_LINEAR)
    pixels = 0.5 * _CELL * (example.keypoints_2d + 1.0)
    if len(pixels) != len(skeletons.COCOPLUS19.joints):
        return picture, picture
    skeleton = skeletons.COCOPLUS19
    return picture, overlay.draw_skeleton(picture, pixels, skeleton, example.visibility)


def _draw_mesh(
    picture: np.ndarray, vertices: np.ndarray, faces: np.ndarray, camera: np.ndarray
) -> np.ndarray:
    """Draws a mesh over its crop; nothing if its camera looks away from it."""
    focal, middle = _FOCAL_SIDES * _CELL, _CELL / 2.0
    translation = camera_lib.camera_to_translation(camera, focal, float(_CELL)).numpy()
    if not (np.isfinite(translation).all() and translation[2] > 0):
        return picture
    color = np.array(overlay.PERSON_COLORS[0])
    mesh, _ = rasterizer.render_mesh(
        vertices + translation, faces, (focal, focal, middle, middle), _CELL, _CELL, color
    )
    return rasterizer.composite(mesh, picture)
