"""Pictures of what a model sees and thinks while it is trained."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.body import model_file
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.render import overlay, rasterizer
from tfrecords_tools import skeletons

NUM_OVERLAYS = 4
_SIDE = 224
# Focal length of the pictured camera in crop sides; long, so that the mesh lies where the
# weak-perspective camera of the losses puts it.
_FOCAL_SIDES = 20.0


def overlay_sheet(
    batch: Mapping[str, tf.Tensor], estimate: Mapping[str, tf.Tensor], body: model_file.Body
) -> np.ndarray:
    """Draws a row per image: ground-truth keypoints, estimated keypoints, estimated mesh.

    Args:
        batch: `image` ``[B, S, S, 3]`` in [0, 1], `keypoints_2d` ``[B, 19, 2]`` crop units and
            `visibility` ``[B, 19]``.
        estimate: an Estimate with `vertices`, for the first images of the batch; keypoints in the
            order of cocoplus.
        body: the mesh's faces.

    Returns:
        uint8 RGB ``[rows * 224, 3 * 224, 3]``.
    """
    rows = []
    for index in range(int(estimate[outputs.CAMERA].shape[0])):
        image = _picture(batch["image"][index].numpy())
        gt = _pixels(batch["keypoints_2d"][index].numpy())
        pred = _pixels(estimate[outputs.KEYPOINTS_2D][index].numpy())
        rows.append(
            np.concatenate(
                [
                    _skeleton(image, gt, batch["visibility"][index].numpy()),
                    _skeleton(image, pred, np.ones(len(pred))),
                    _mesh(image, estimate, index, body.faces),
                ],
                axis=1,
            )
        )
    return np.concatenate(rows, axis=0)


def _picture(image: np.ndarray) -> np.ndarray:
    """Returns a crop as uint8 at the size of the sheet."""
    image = np.clip(255.0 * image + 0.5, 0, 255).astype(np.uint8)
    return cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)


def _pixels(points_crop: np.ndarray) -> np.ndarray:
    """Converts crop units to pixels of the sheet."""
    return 0.5 * _SIDE * (points_crop + 1.0)


def _skeleton(image: np.ndarray, points: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    # A point that is not finite, or far outside, cannot be drawn.
    shown = visibility * (np.abs(np.nan_to_num(points, nan=1e9)) < 10 * _SIDE).all(axis=-1)
    points = np.where(shown[:, None] > 0, points, 0.0)
    return overlay.draw_skeleton(image, points, skeletons.COCOPLUS19, shown)


def _mesh(
    image: np.ndarray, estimate: Mapping[str, tf.Tensor], index: int, faces: np.ndarray
) -> np.ndarray:
    camera = estimate[outputs.CAMERA][index]
    vertices = estimate[outputs.VERTICES][index].numpy()
    focal = _FOCAL_SIDES * _SIDE
    translation = camera_lib.camera_to_translation(camera, focal, float(_SIDE)).numpy()
    if not (np.isfinite(translation).all() and translation[2] > 0):
        return image.copy()
    center = 0.5 * _SIDE
    rendered, _ = rasterizer.render_mesh(
        vertices + translation, faces, (focal, focal, center, center), _SIDE, _SIDE
    )
    return rasterizer.composite(rendered, image)
