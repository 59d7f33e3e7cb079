"""Pictures of an evaluation: the best, middling and worst people as estimated."""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.evaluation.examples import Example, ExamplePicker
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.image_files import writing
from hmr_tf.render import overlay, rasterizer
from tfrecords_tools import skeletons

_CELL = 200
# Focal length of the drawn camera in crop sides; long, so that the mesh lies where the
# weak-perspective camera of the model puts it.
_FOCAL_SIDES = 20.0


def save_sheet(path: str, model: tf.keras.Model, picker: ExamplePicker) -> None:
    """Writes the sheet of `draw_sheet` as a PNG, at once or not at all."""
    writing.write_png(path, draw_sheet(model, picker))


def draw_sheet(model: tf.keras.Model, picker: ExamplePicker) -> np.ndarray:
    """Draws three pictures of each example: the truth's keypoints, the mesh over it, its side view.

    Args:
        model: estimates the examples again.
        picker: of an evaluation.

    Returns:
        uint8 RGB; two people a row, first the best, then the middling, then the worst.
    """
    cells, captions = [], []
    for sort, examples in picker.pick().items():
        for example in examples:
            cells += draw_person(model, example)
            captions += [f"{sort}: MPJPE {example.error:.0f} mm", "", example.name]
        if len(examples) % 2:
            cells += [np.full((_CELL, _CELL, 3), 255, np.uint8)] * 3
            captions += [""] * 3
    return overlay.tile(cells, columns=6, captions=captions)


def draw_person(model: tf.keras.Model, example: Example) -> list[np.ndarray]:
    """Draws one example: the truth's keypoints, the mesh over the picture, its side view.

    Args:
        model: estimates the example again.
        example: the person.

    Returns:
        Three square uint8 RGB pictures of one size.
    """
    images = tf.constant(example.image[None], tf.float32) / 255.0
    estimate = {
        key: value[0].numpy()
        for key, value in model(images, training=False, with_vertices=True).items()
    }
    picture = cv2.resize(example.image, (_CELL, _CELL), interpolation=cv2.INTER_LINEAR)
    pixels = 0.5 * _CELL * (example.keypoints_2d + 1.0)
    truth = picture
    if len(pixels) == len(skeletons.COCOPLUS19.joints):
        truth = overlay.draw_skeleton(picture, pixels, skeletons.COCOPLUS19, example.visibility)
    faces, vertices = model.body_model.faces, estimate[outputs.VERTICES]
    return [
        truth,
        _draw_mesh(picture, vertices, faces, estimate[outputs.CAMERA]),
        overlay.side_view(vertices, faces, _CELL),
    ]


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
