"""Silhouettes and parts of the body: which pixels an estimated mesh gets right, on LSP's images.

The labels are UPi-S1h's, one pair of pictures per LSP image, in its size:
``im1001_segmentation.png`` is above 0 where the person is, ``im1001_part_segmentation.png`` is 0
for background, 1 head, 2 torso, 3 right arm, 4 left arm, 5 right leg, 6 left leg and 255 where
nobody says. An estimated mesh is divided by its skinning weights (`hmr_tf.body.parts`), so that its
parts end about where these do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hmr_tf.body.model_file import Body
from hmr_tf.body.parts import PARTS, face_parts
from hmr_tf.errors import DataError
from hmr_tf.render import rasterizer

VOID = 255
# Focal length of the drawing camera for a crop of 224 px, as in SPIN: nearly parallel rays.
_FOCAL_SIDES = 5000.0 / 224.0
_INNER = os.path.join("data", "lsp")


class Segmentation:
    """Labels of a folder, and meshes drawn to compare with them.

    Args:
        folder: holds the labels, or is the root of UPi-S1h.
        body: whose meshes are drawn.

    Raises:
        DataError: if there are no labels.
    """

    def __init__(self, folder: str, body: Body) -> None:
        inner = os.path.join(folder, _INNER)
        self._folder = inner if os.path.isdir(inner) else folder
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        if not any(name.endswith("_segmentation.png") for name in names):
            raise DataError(
                f"{folder} holds no segmentations: expected im1001_segmentation.png and "
                f"im1001_part_segmentation.png there or in its folder {_INNER}, as in UPi-S1h."
            )
        self._faces = body.faces
        self._face_parts = face_parts(body)

    def count(
        self,
        filename: str,
        vertices: np.ndarray,
        camera: np.ndarray,
        center: np.ndarray,
        window: float,
        size_hw: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compares a mesh with the labels of its image.

        Args:
            filename: of the image.
            vertices: `[V, 3]` m, not translated.
            camera: `[3]` weak perspective, crop units.
            center: `[2]` px, middle of the crop.
            window: px, side of the crop.
            size_hw: height and width of the image, px.

        Returns:
            `mask_counts` `[2, 3]` and `part_counts` `[8, 3]` (`hmr_tf.evaluation.measures`); NaN
            where the image has no such labels.

        Raises:
            DataError: if the labels are of another size than the image.
        """
        drawn = draw_parts(vertices, self._faces, self._face_parts, camera, center, window, size_hw)
        mask = self._read(filename, "segmentation", size_hw)
        labels = self._read(filename, "part_segmentation", size_hw)
        return (
            np.full((2, 3), np.nan) if mask is None else count_mask(drawn > 0, mask > 0),
            np.full((8, 3), np.nan) if labels is None else count_parts(drawn, labels),
        )

    def count_batch(
        self, vertices: np.ndarray, cameras: np.ndarray, batch: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Compares the meshes of a batch.

        Args:
            vertices: `[B, V, 3]` m, not translated.
            cameras: `[B, 3]` weak perspective.
            batch: of `hmr_tf.data.pipeline.evaluation_dataset`.

        Returns:
            `mask_counts` `[B, 2, 3]` and `part_counts` `[B, 8, 3]`.
        """
        names = [name.decode(errors="replace") for name in np.asarray(batch["filename"])]
        keys = ("center", "window", "height", "width")
        rows = zip(names, vertices, cameras, *(np.asarray(batch[key]) for key in keys))
        found = [self.count(*row[:5], size_hw=row[5:]) for row in rows]
        return {
            "mask_counts": np.stack([counts for counts, _ in found]),
            "part_counts": np.stack([counts for _, counts in found]),
        }

    def _read(self, filename: str, kind: str, size_hw: tuple[int, int]) -> np.ndarray | None:
        stem = os.path.splitext(os.path.basename(filename))[0]
        path = os.path.join(self._folder, f"{stem}_{kind}.png")
        if not os.path.isfile(path):
            return None
        labels = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        if labels is None or labels.shape != tuple(size_hw):
            found = "not a picture" if labels is None else f"{labels.shape[1]} x {labels.shape[0]}"
            raise DataError(
                f"{path} is {found}; the image in the records is {size_hw[1]} x {size_hw[0]} px. "
                "Segmentations belong to lsp_dataset's own images, converted as they are."
            )
        return labels


def draw_parts(
    vertices: np.ndarray,
    faces: np.ndarray,
    of_face: np.ndarray,
    camera: np.ndarray,
    center: np.ndarray,
    window: float,
    size_hw: tuple[int, int],
) -> np.ndarray:
    """Draws the parts of a mesh where its camera puts them in the image.

    Args:
        vertices: `[V, 3]` m, not translated.
        faces: `[F, 3]`.
        of_face: `[F]` uint8, the part of each.
        camera, center, window, size_hw: as in `Segmentation.count`.

    Returns:
        `[height, width]` uint8, 0 where there is nothing; nothing at all if the camera's scale is
        not positive.
    """
    scale, shift_x, shift_y = (float(value) for value in camera)
    height, width = (int(value) for value in size_hw)
    if not (np.isfinite(camera).all() and scale > 1e-6):
        return np.zeros((height, width), np.uint8)
    translation = np.array([shift_x, shift_y, 2.0 * _FOCAL_SIDES / scale])
    focal = _FOCAL_SIDES * float(window)
    intrinsics = (focal, focal, float(center[0]), float(center[1]))
    seen = rasterizer.rasterize(vertices + translation, faces, intrinsics, height, width)
    return np.where(seen.face_index >= 0, of_face[seen.face_index], 0).astype(np.uint8)


def count_mask(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Counts pixels of background and person.

    Args:
        pred, gt: `[H, W]` bool.

    Returns:
        `[2, 3]`: hit, extra and missed pixels of each class.
    """
    return np.array([_counts(pred == one, gt == one) for one in (False, True)], np.float64)


def count_parts(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Counts pixels of background and parts, as SPIN's evaluation does.

    Args:
        pred: `[H, W]` 0 to 6.
        gt: `[H, W]` 0 to 6, or 255 where nobody says: there no class is extra, and for the last row
            it is background.

    Returns:
        `[8, 3]`: hit, extra and missed pixels of each class; in the last row pixels labelled right,
        all pixels, and 0.
    """
    is_void = gt == VOID
    rows = [_counts((pred == one) & ~is_void, gt == one) for one in range(len(PARTS))]
    is_right = np.where(is_void, 0, gt) == pred
    return np.array([*rows, (is_right.sum(), is_right.size, 0)], np.float64)


def _counts(pred: np.ndarray, gt: np.ndarray) -> tuple[int, int, int]:
    return (pred & gt).sum(), (pred & ~gt).sum(), (gt & ~pred).sum()
