"""Writes results so that a reader finds the old file or the new one, never a part."""

from __future__ import annotations

import os

import cv2
import numpy as np

from tfrecords_tools import atomic_file


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file, replacing what was there."""
    path = os.fspath(path)
    temporary = f"{path}.tmp_{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(data)
    atomic_file.publish(temporary, path)


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture as PNG.

    Args:
        path: the file; replaced if it exists.
        image: `[height, width, 3]` uint8 RGB.
    """
    write_bytes(path, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
