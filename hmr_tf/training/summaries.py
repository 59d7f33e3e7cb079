"""What is shown of a model while it is trained: what it sees, what it thinks, and the truth."""

from __future__ import annotations

import os
from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf
from absl import logging

from hmr_tf import outputs
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import rotations
from hmr_tf.image_files import writing
from hmr_tf.models import extra_inputs
from hmr_tf.render import overlay, rasterizer
from hmr_tf.training.task import Views
from tfrecords_tools import skeletons

NUM_OVERLAYS = 4
_NUM_INPUTS = 16
_NUM_MESHES = 2  # A mesh of SMPL's size takes 250 kB of the event file.
_SIDE = 224
# Focal length of the pictured camera in crop sides; long, so that the mesh lies where the
# weak-perspective camera of the losses puts it.
_FOCAL_SIDES = 20.0


def show(model: tf.keras.Model, batch: Mapping[str, tf.Tensor]) -> Views:
    """Draws the first images of a batch with what a model sees in them.

    Args:
        model: images to an Estimate; has the `SMPL` layer `body`.
        batch: as `hmr_tf.data.pipeline` makes it.
    """
    first = {key: value[:NUM_OVERLAYS] for key, value in batch.items()}
    beside = extra_inputs.of_batch(model, first)
    estimate = model(first["image"], training=False, with_vertices=True, **beside)
    pose = tf.reshape(first["pose_axis_angle"], [-1, 24, 3])
    truth = model.body(rotations.axis_angle_to_matrix(pose), first["betas"])
    return view(batch, estimate, truth["vertices"], model.body_model.faces)


def view(
    batch: Mapping[str, tf.Tensor],
    estimate: Mapping[str, tf.Tensor],
    true_vertices: tf.Tensor,
    faces: np.ndarray,
) -> Views:
    """Draws a batch.

    Args:
        batch: `image` ``[B, S, S, 3]`` in [0, 1], `keypoints_2d` ``[B, 19, 2]`` crop units,
            `visibility` ``[B, 19]`` and `has_smpl` ``[B]``.
        estimate: an Estimate with `vertices`, for the first images of the batch; keypoints in the
            order of cocoplus.
        true_vertices: `[people, V, 3]` of as many images; any where ``has_smpl`` is 0.
        faces: `[F, 3]`.

    Returns:
        The pictures `overlay` (`overlay_sheet`) and `inputs` (crops as the network gets them), and
        the meshes of the first people, estimated and true.
    """
    crops = np.clip(255.0 * batch["image"][:_NUM_INPUTS].numpy() + 0.5, 0, 255).astype(np.uint8)
    vertices = estimate[outputs.VERTICES].numpy()
    known = batch["has_smpl"].numpy()[: len(vertices)] > 0
    truth = np.where(known[:, None, None], true_vertices.numpy(), np.nan)
    meshes = {"mesh_estimate": vertices, "mesh_truth": truth}
    return Views(
        images={
            "overlay": overlay_sheet(batch, estimate, truth, faces),
            "inputs": overlay.tile(list(crops)),
        },
        meshes={name: (people[:_NUM_MESHES], faces) for name, people in meshes.items()},
    )


def write(views: Views, step: int, log_dir: str) -> None:
    """Writes views to TensorBoard's default writer, and the pictures as PNG files, too.

    Args:
        views: what a task shows.
        step: steps taken.
        log_dir: folder of the files.
    """
    for name, picture in views.images.items():
        tf.summary.image(name, picture[np.newaxis], step=step)
        writing.write_png(os.path.join(log_dir, f"{name}.png"), picture)
    try:
        for name, (vertices, faces) in views.meshes.items():
            _write_mesh(name, vertices, faces, step)
    except Exception as error:  # Whatever a plugin that is missing or damaged may raise.
        logging.log_first_n(
            logging.WARNING, "TensorBoard's mesh plugin does not work, no meshes: %r", 1, error
        )


def _write_mesh(name: str, vertices: np.ndarray, faces: np.ndarray, step: int) -> None:
    from tensorboard.plugins.mesh import summary_v2

    vertices = vertices[np.isfinite(vertices).all(axis=(1, 2))]
    if len(vertices):
        # The viewer's y axis points up and its z axis to the spectator.
        upright = (vertices * [1.0, -1.0, -1.0]).astype(np.float32)
        repeated = np.repeat(faces[np.newaxis], len(vertices), axis=0)
        summary_v2.mesh(name, upright, repeated.astype(np.int32), step=step)


def overlay_sheet(
    batch: Mapping[str, tf.Tensor],
    estimate: Mapping[str, tf.Tensor],
    true_vertices: np.ndarray,
    faces: np.ndarray,
) -> np.ndarray:
    """Draws a row per image: true and estimated keypoints, the mesh, side views of it and the true.

    Args:
        batch: as for `view`.
        estimate: as for `view`.
        true_vertices: `[people, V, 3]`; not finite where unknown, which leaves a white square.
        faces: `[F, 3]`.

    Returns:
        uint8 RGB ``[rows * 224, 5 * 224, 3]``.
    """
    rows = []
    for index, truth in enumerate(true_vertices):
        image = _picture(batch["image"][index].numpy())
        gt = _pixels(batch["keypoints_2d"][index].numpy())
        pred = _pixels(estimate[outputs.KEYPOINTS_2D][index].numpy())
        vertices = estimate[outputs.VERTICES][index].numpy()
        rows.append(
            np.concatenate(
                [
                    _skeleton(image, gt, batch["visibility"][index].numpy()),
                    _skeleton(image, pred, np.ones(len(pred))),
                    _mesh(image, vertices, estimate[outputs.CAMERA][index], faces),
                    overlay.side_view(vertices, faces, _SIDE),
                    overlay.side_view(truth, faces, _SIDE, color=overlay.PERSON_COLORS[2]),
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
    image: np.ndarray, vertices: np.ndarray, camera: tf.Tensor, faces: np.ndarray
) -> np.ndarray:
    focal = _FOCAL_SIDES * _SIDE
    translation = camera_lib.camera_to_translation(camera, focal, float(_SIDE)).numpy()
    if not (np.isfinite(translation).all() and translation[2] > 0):
        return image.copy()
    center = 0.5 * _SIDE
    rendered, _ = rasterizer.render_mesh(
        vertices + translation, faces, (focal, focal, center, center), _SIDE, _SIDE
    )
    return rasterizer.composite(rendered, image)
