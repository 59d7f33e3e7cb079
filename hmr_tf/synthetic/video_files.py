"""Writes videos whose bytes depend on their pictures alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

_FPS = 25
_QUALITY = 92


def write_jpeg_video(path: Path, images: Sequence[np.ndarray]) -> None:
    """Writes an .avi of JPEGs, whole or not at all.

    Args:
        path: of the video; its folder must be there.
        images: `[h, w, 3]` uint8 RGB, all of one size.
    """
    height, width = images[0].shape[:2]
    unfinished = path.with_name(f"unfinished_{path.name}")
    code = cv2.VideoWriter_fourcc(*"MJPG")
    # OpenCV's own writer: FFmpeg's puts its version into the file.
    writer = cv2.VideoWriter(str(unfinished), cv2.CAP_OPENCV_MJPEG, code, _FPS, (width, height))
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, _QUALITY)
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    unfinished.replace(path)
