"""Writes the segmentations of the `lsp` twin's test images in the layout of UPi-S1h.

    data/lsp/im0151_segmentation.png           above 0 where the person is
    data/lsp/im0151_part_segmentation.png      0 background, 1 to 6 parts, 255 where nobody says

They belong to the images that `lsp` writes with the same settings, and are of the size of these.
The body is labelled as it stands before the camera, without its clothes and whatever stands before
it. In every fourth image a patch in the middle of the person is not labelled as a part.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hmr_tf import config as settings
from hmr_tf.body import parts, posing
from hmr_tf.body.model_file import Body
from hmr_tf.errors import DataError
from hmr_tf.render import rasterizer
from hmr_tf.synthetic import lsp_pictures, work_folder
from tfrecords_tools import atomic_file

_FOLDER = Path("data") / "lsp"
_VOID = 255
_VOID_EVERY = 4


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the labels.

    Args:
        out_dir: folder to fill.
        config: that of the images; only those of the test split have labels.
        num_workers: not used; there is little to do.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    del num_workers
    if not 0 <= config.num_test <= config.num_images:
        raise DataError(
            f"num_test must lie between 0 and num_images={config.num_images}; received "
            f"{config.num_test}."
        )
    folder = Path(out_dir)
    drawer = lsp_pictures.Drawer(folder, config)
    used = {name: settings.to_dict(config)[name] for name in lsp_pictures.USED_SETTINGS}
    identity = {"dataset": "upi_s1h", **used}
    work_folder.claim(folder / "synthesize.json", identity, [folder / "data"])
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    of_face = parts.face_parts(drawer.renderer.body)
    for index in range(config.num_images - config.num_test, config.num_images):
        labels = _label(drawer, index, of_face)
        stem = Path(lsp_pictures.image_name(index)).stem
        for kind, picture in labels.items():
            content = cv2.imencode(".png", picture)[1].tobytes()
            atomic_file.write_bytes(folder / _FOLDER / f"{stem}_{kind}.png", content)
    return f"labels of {config.num_test} images in {folder}"


def _label(drawer: lsp_pictures.Drawer, index: int, of_face: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the two pictures of labels of an image."""
    _, person, drawn = drawer.compose(index)
    body: Body = drawer.renderer.body
    vertices, _ = posing.pose_body(body, person.pose_axis_angle, person.betas)
    height, width = drawn.image.shape[:2]
    seen = rasterizer.rasterize(
        vertices + drawn.translation, body.faces, tuple(drawn.intrinsics), height, width
    ).face_index
    labels = np.where(seen >= 0, of_face[seen], 0).astype(np.uint8)
    mask = np.where(labels > 0, 255, 0).astype(np.uint8)
    if index % _VOID_EVERY == 0 and labels.any():
        row, column = (int(np.median(axis)) for axis in np.nonzero(labels))
        reach = max(height // 32, 1)
        labels[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach] = _VOID
    return {"segmentation": mask, "part_segmentation": labels}
