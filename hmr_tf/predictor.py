"""Estimates bodies in whole images: finds the crop, runs the model, returns to the full image.

The crop is the square that the model's training showed it. With a box, the box's diagonal spans
150/window_px of the square's side (150/224 in the original release) and the middles coincide;
without one, the square is the smallest that holds the whole image, as in that release's demo.

The full image's camera has its principal point at the image centre. Its focal length is that of the
model (`crop_focal` sides of the crop) or, if that has none, 500/224 of the image's longer side (a
field of view of 25 degrees), one for all people of the image; for a whole image that is the focal
length of the original release. With the returned translation, points of the body at z = 0 project
exactly where the weak-perspective camera puts them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np
import tensorflow as tf

from hmr_tf import checkpoints, outputs
from hmr_tf.data import crops
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import crop_pinhole
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import extra_inputs

# Side of the training crop and diagonal of the person in it, px, in the original release.
REFERENCE_WINDOW = 224.0
REFERENCE_DIAGONAL = 150.0
REFERENCE_FOCAL = 500.0

Box = Union[Sequence[float], np.ndarray]
Beside = Mapping[str, tf.Tensor]


def whole_image_square(image_size_hw: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the square that holds a whole image, centred.

    The crop's pixels tile the square exactly; an image of the crop's own size is not resampled.

    Args:
        image_size_hw: `[..., 2]` int, height and width, px.
        size: side of the crop, px.

    Returns:
        center: `[..., 2]` float32, full-image px.
        window: `[...]` float32, full-image px.
    """
    window = tf.cast(tf.reduce_max(image_size_hw, axis=-1), tf.float32)
    # A crop's middle in crop units lies half a crop pixel right of and below the middle of its
    # pixels, because crop units count from pixel centres as the original's do.
    half_pixel = 0.5 * window / size
    return camera_lib.image_center(image_size_hw) + half_pixel[..., None], window


def box_square(
    boxes_xyxy: tf.Tensor, window_px: float = REFERENCE_WINDOW
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the square around a person's box.

    Args:
        boxes_xyxy: `[..., 4]` float32, full-image px.
        window_px: the model's (`hmr_tf.config.HMRConfig`).

    Returns:
        center: `[..., 2]` float32, full-image px.
        window: `[...]` float32, full-image px, at least 1.
    """
    corner, opposite = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    diagonal = tf.norm(opposite - corner, axis=-1)
    window = diagonal * (window_px / REFERENCE_DIAGONAL)
    return 0.5 * (corner + opposite), tf.maximum(window, 1.0)


def focal_length_px(image_size_hw: tf.Tensor) -> tf.Tensor:
    """Returns the focal length assumed for an image.

    Args:
        image_size_hw: `[..., 2]` int, height and width, px.

    Returns:
        `[...]` float32, px.
    """
    longer = tf.cast(tf.reduce_max(image_size_hw, axis=-1), tf.float32)
    return longer * (REFERENCE_FOCAL / REFERENCE_WINDOW)


def view_of_crops(
    model: tf.keras.Model, center: tf.Tensor, window: tf.Tensor, image_size_hw: tf.Tensor
) -> CropView:
    """Returns where crops lie in their images, as a model supposes these were taken.

    Args:
        model: a model of `hmr_tf.models`.
        center: `[batch, 2]` float32, full-image px, of the crops.
        window: `[batch]` float32, full-image px, of the crops.
        image_size_hw: `[batch, 2]` int, height and width, px.
    """
    focal = focal_length_px(image_size_hw)
    if model.crop_focal is not None:
        focal = model.crop_focal * window
    return crop_pinhole.image_view(center, window, image_size_hw, focal)


def add_full_image_keys(
    estimate: Mapping[str, tf.Tensor],
    view: CropView,
    center: tf.Tensor,
    window: tf.Tensor,
    image_size_hw: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Adds what an Estimate says about the full image.

    Args:
        estimate: an Estimate of crops.
        view: of the crops, as `view_of_crops` returned it.
        center: `[batch, 2]` float32, full-image px, of the crops.
        window: `[batch]` float32, full-image px, of the crops.
        image_size_hw: `[batch, 2]` int, height and width, px.

    Returns:
        The Estimate with `keypoints_2d_image`, `translation` and `focal_length_px`.
    """
    focal = view.focal[:, 0] * window
    return {
        **estimate,
        outputs.KEYPOINTS_2D_IMAGE: camera_lib.crop_to_image(
            estimate[outputs.KEYPOINTS_2D], center, window
        ),
        outputs.TRANSLATION: camera_lib.full_image_camera(
            estimate[outputs.CAMERA], center, window, image_size_hw, focal
        ),
        outputs.FOCAL_LENGTH_PX: focal,
    }


class Predictor:
    """Estimates bodies in images held in memory.

    Args:
        model: a model, or the path of a checkpoint.
        batch_size: greatest number of people the network sees at once.
        with_vertices: whether meshes are returned.

    Attributes:
        model: the model.
        image_size: side of the model's crop, px.
        window_px: what the crop shows (`hmr_tf.config.HMRConfig`).
        faces: `[F, 3]` int32, the mesh's faces.
    """

    def __init__(
        self,
        model: tf.keras.Model | str | os.PathLike,
        batch_size: int = 16,
        with_vertices: bool = True,
    ) -> None:
        if isinstance(model, (str, os.PathLike)):
            model = checkpoints.load_model(model)
        self.model = model
        self.image_size: int = model.config.image_size
        self.window_px: float = model.config.window_px
        self.faces: np.ndarray = model.body_model.faces
        self._batch_size = batch_size
        size = self.image_size

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, size, size, 3], tf.float32),
                crop_pinhole.VIEW_SIGNATURE,
                extra_inputs.signature(model),
            ],
            autograph=False,
        )
        def estimate(images: tf.Tensor, view: CropView, beside: Beside) -> dict[str, tf.Tensor]:
            return model(images, training=False, with_vertices=with_vertices, view=view, **beside)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None, 3], tf.uint8),
                tf.TensorSpec([2], tf.float32),
                tf.TensorSpec([], tf.float32),
            ],
            autograph=False,
        )
        def crop(image: tf.Tensor, center: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
            return crops.crop_image(image, center, window, size)

        self._estimate = estimate
        self._crop = crop

    def predict_images(
        self,
        images: Sequence[np.ndarray],
        boxes_xyxy: Sequence[Box | None] | None = None,
        **beside: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Estimates one person in each image; give an image once for each of its people.

        Args:
            images: `[height, width, 3]` uint8 RGB each, upright, of any sizes.
            boxes_xyxy: for each image the person's box (left, top, right, bottom, px), or None for
                a person who fills the image; by default None for all.
            **beside: what the model sees beside images (`hmr_tf.models.extra_inputs`), a row for
                each image, full-image px: `pose_2d` `[n, 30, 3]`.

        Returns:
            The Estimate (`hmr_tf.outputs`) with its full-image keys, NumPy arrays of one row for
            each image.

        Raises:
            ConfigError: if the model needs more beside images.
            ValueError: if an image, a box or what stands beside is not as above.
        """
        boxes = [None] * len(images) if boxes_xyxy is None else list(boxes_xyxy)
        _check(images, boxes)
        beside = extra_inputs.filled(self.model, beside, len(images))
        parts = []
        for start in range(0, len(images), self._batch_size):
            chunk = slice(start, start + self._batch_size)
            rows = {name: values[chunk] for name, values in beside.items()}
            parts.append(self._predict_batch(images[chunk], boxes[chunk], rows))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def predict_crops(self, images: np.ndarray, **beside: np.ndarray) -> dict[str, np.ndarray]:
        """Estimates the person in each crop.

        Args:
            images: `[n, size, size, 3]` float32 RGB in [0, 1].
            **beside: as in `predict_images`, but in crop units.

        Returns:
            The Estimate without full-image keys, NumPy arrays of n rows.
        """
        images = np.asarray(images, np.float32)
        beside = extra_inputs.filled(self.model, beside, len(images))
        parts = []
        for start in range(0, len(images), self._batch_size):
            chunk = slice(start, start + self._batch_size)
            rows = {name: values[chunk] for name, values in beside.items()}
            view = crop_pinhole.centred_view(len(images[chunk]))
            parts.append(self._estimate(images[chunk], view, rows))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _predict_batch(
        self,
        images: Sequence[np.ndarray],
        boxes: Sequence[Box | None],
        beside: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        sizes = tf.constant([image.shape[:2] for image in images], tf.int32)
        squares = [
            whole_image_square(size, self.image_size)
            if box is None
            else box_square(tf.constant(np.asarray(box, np.float32)), self.window_px)
            for size, box in zip(sizes, boxes)
        ]
        inputs = [self._crop(image, *square) for image, square in zip(images, squares)]
        centers, windows = (tf.stack(parts) for parts in zip(*squares))
        view = view_of_crops(self.model, centers, windows, sizes)
        beside = extra_inputs.to_crop(beside, centers, windows)
        estimate = self._estimate(tf.stack(inputs), view, beside)
        estimate = add_full_image_keys(estimate, view, centers, windows, sizes)
        return {key: value.numpy() for key, value in estimate.items()}


def _check(images: Sequence[np.ndarray], boxes: Sequence[Box | None]) -> None:
    """Raises ValueError unless there are images, of the right kind, with a box or None each."""
    if not len(images):
        raise ValueError("images must hold at least one image; received none.")
    if len(images) != len(boxes):
        raise ValueError(
            f"boxes_xyxy must have one entry (or None) per image; received {len(boxes)} for "
            f"{len(images)} images."
        )
    for number, (image, box) in enumerate(zip(images, boxes)):
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            raise ValueError(
                f"image {number} must be a NumPy array of uint8; received "
                f"{getattr(image, 'dtype', type(image).__name__)}."
            )
        if image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(
                f"image {number} must be [height, width, 3]; received {list(image.shape)}."
            )
        if box is None:
            continue
        left, top, right, bottom = (float(number) for number in box)
        if not (np.isfinite([left, top, right, bottom]).all() and right > left and bottom > top):
            raise ValueError(
                f"box {number} must be left, top, right, bottom with right > left and bottom > "
                f"top; received {left:g}, {top:g}, {right:g}, {bottom:g}."
            )
