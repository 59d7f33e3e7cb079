"""The square that shows 2.5 m around a person's pelvis: how SMPLR's release crops.

Such a crop is metric: what is a metre wide in the plane of the pelvis is as many pixels wide for
everyone. It needs to know where the person stands, so it serves datasets with truth, not photos.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020, and its release's reader.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.body.model_file import Body
from hmr_tf.data import augment, body_places, crops
from hmr_tf.data.record_parsing import Parsed, enlargement
from hmr_tf.geometry.volume_axes import EDGE

_NEAREST = 1e-3  # m


def squares_of(model_config: Any, body: Body) -> RootSquares | None:
    """Returns the squares that a model's crops show; None for those of its `window_px`.

    Args:
        model_config: settings of a model.
        body: the model's.
    """
    is_metric = getattr(model_config, "has_metric_crops", False)
    return RootSquares(body, model_config.window_px) if is_metric else None


class RootSquares:
    """Finds the squares of records; those of people who stand nobody knows where are as usual.

    Args:
        body: whose pelvis is meant; translations are of its origin.
        window_px: side of the usual square, px of an image in which the person has 150 px.
    """

    def __init__(self, body: Body, window_px: float) -> None:
        pelvis = body.joint_regressor[:1]
        self._window_px = window_px
        self._pelvis = (pelvis @ body.template)[0]
        self._pelvis_basis = tf.tensordot(pelvis, body.shape_basis, 1)[0]

    def __call__(self, parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns middles `[B, 2]` and sides `[B]`, px of the stored images.

        Args:
            parsed: records, of `record_parsing.batch_parser`.
        """
        root, is_known = self.roots(parsed)
        center, window = root_square(root, parsed["intrinsics"])
        return (
            tf.where(is_known[:, None], center, parsed["center"]),
            tf.where(is_known, window, self._window_px * enlargement(parsed)),
        )

    def cameras(
        self, parsed: Parsed, parameters: augment.CropParameters, image_size: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the cameras of crops around a pelvis, as they were taken.

        Args:
            parsed: records, of `record_parsing.batch_parser`.
            parameters: how their crops are taken.
            image_size: side of the crops, px.

        Returns:
            `[B, 3]` scale, sides of the crop per metre, and shift, m, of an unchanged crop where
            they are not known; and `[B]` 1 where they are.
        """
        root, is_known = self.roots(parsed)
        center, window = root_square(root, parsed["intrinsics"])
        affine = crops.crop_affine(
            parameters.center, parameters.window, image_size, parameters.rotation, parameters.flip
        )
        place = crops.transform_points(center[:, None], affine)[:, 0] / image_size - 0.5
        scale = (window / parameters.window / EDGE)[:, None]
        camera = tf.concat([scale, place / scale], axis=-1)
        camera = tf.where(is_known[:, None], camera, [[1.0 / EDGE, 0.0, 0.0]])
        return camera, tf.cast(is_known, tf.float32)

    def roots(self, parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns where the pelvises are, `[B, 3]` m, camera frame, and `[B]` whether known."""
        betas = parsed["betas"]
        pelvis = self._pelvis + tf.linalg.matvec(self._pelvis_basis, betas)
        root = parsed["translation"] + pelvis
        is_known = body_places.has_camera(parsed) * parsed["has_smpl"] > 0.0
        return root, is_known & (root[:, 2] > _NEAREST)


def root_square(
    root: tf.Tensor, intrinsics: tf.Tensor, edge: float = EDGE
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the square around a person's pelvis.

    Args:
        root: `[..., 3]` float32, m, where the pelvis is, camera frame.
        intrinsics: `[..., 4]` float32, focal lengths along x and y, and principal point, px.
        edge: m, its side in the plane of the pelvis.

    Returns:
        Its middle `[..., 2]`, px of the image, and its side `[...]`, px, which is f edge / z.
    """
    depth = tf.maximum(root[..., 2:], _NEAREST)
    focal, center = intrinsics[..., :2], intrinsics[..., 2:]
    window = edge * tf.reduce_mean(focal, axis=-1) / depth[..., 0]
    return focal * root[..., :2] / depth + center, window
