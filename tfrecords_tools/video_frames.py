"""Reads frames out of a video, exactly by their number."""

from __future__ import annotations

import functools
import os

import cv2
import numpy as np

from tfrecords_tools.errors import ImageError


class VideoFrames:
    """A video that is read from front to back.

    Frames are counted while they are decoded: seeking by number is inexact for many codecs, and
    labels belong to numbers. Reading a frame before the last one starts again from the front.

    Args:
        path: of the video.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._capture: cv2.VideoCapture | None = None
        self._next_index = 0
        self._end: int | None = None

    def read(self, index: int) -> np.ndarray:
        """Returns a frame.

        Args:
            index: from 0.

        Returns:
            `[height, width, 3]` uint8 RGB.

        Raises:
            ImageError: if the video is missing (`missing video`), cannot be opened (`corrupt
                video`), or ends or breaks before the frame (`missing frame`).
        """
        image = None
        if self._end is None or index < self._end:
            image = self._decode(index)
        if image is None:
            raise ImageError(f"missing frame: {self._path} holds no frame {index}")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _decode(self, index: int) -> np.ndarray | None:
        if self._capture is None or index < self._next_index:
            self._capture, self._next_index = _open(self._path), 0
        while self._next_index <= index:
            # What follows a broken frame could not be told by its number: the video ends there.
            if not self._capture.grab():
                self._end = self._next_index
                return None
            self._next_index += 1
        is_decoded, image = self._capture.retrieve()
        return image if is_decoded else None


def open_video(path: str) -> VideoFrames:
    """Returns the frames of a video; the last video stays open for the next call."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise ImageError(f"missing video: {path}") from error
    return _cached_video(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _cached_video(path: str, _mtime: int, _size: int) -> VideoFrames:
    return VideoFrames(path)


def _open(path: str) -> cv2.VideoCapture:
    if not os.path.isfile(path):
        raise ImageError(f"missing video: {path}")
    # FFmpeg and OpenCV complain about damaged files on stderr; the caller says it once.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    log_level = cv2.setLogLevel(0)
    try:
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    finally:
        cv2.setLogLevel(log_level)
    if not capture.isOpened():
        raise ImageError(f"corrupt video: {path}")
    return capture
