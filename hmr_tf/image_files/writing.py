"""Pictures as files, whole or not at all."""

from __future__ import annotations

import os

import cv2
import numpy as np

from tfrecords_tools import atomic_file


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture as PNG.

    Args:
        path: the file; replaced if it exists.
        image: `[height, width, 3]` uint8 RGB.
    """
    encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1]
    atomic_file.write_bytes(path, encoded.tobytes())
