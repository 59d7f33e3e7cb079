"""Reads source images: checks them, decodes them, and re-encodes only what records cannot hold.

Pixels are as stored in the file. An EXIF orientation is not applied: labels were made by tools that
do not apply it, and neither does TensorFlow's decoder.
"""

from __future__ import annotations

import os
import re

import cv2
import numpy as np

from tfrecords_tools import jpeg_structure
from tfrecords_tools.errors import ImageError

# What the original release's encoder used.
JPEG_QUALITY = 95

_COLOR_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_START, _END = 0xD8, 0xD9
# Not those within a scan (a stuffed byte, or a restart), and without 0xFF repeated as padding.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
# Frame headers (SOF0-SOF15) without DHT, JPG and DAC, which lie between them.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_image_file(path: str) -> bytes:
    """Returns the bytes of an image file.

    Raises:
        ImageError: if it is missing; the message begins with `missing image`.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ImageError(f"missing image: {path}") from error


def jpeg_layout(data: bytes, header_only: bool = False) -> tuple[int, int, int] | None:
    """Walks through a JPEG from its first marker to its last, without decoding it.

    OpenCV decodes a cut file to a picture with a grey end and says nothing; TensorFlow refuses it.

    Args:
        data: contents of the file.
        header_only: whether the walk ends at the frame's header; a cut file may go unnoticed then.

    Returns:
        (height, width, number of channels), or None if the data is no JPEG or a cut one.
    """
    if data[:2] != bytes((0xFF, _START)):
        return None
    layout, position = None, 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            return None
        position = found.end()
        marker = data[position - 1]
        if marker == _END:
            return layout
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            return None
        if marker in _FRAMES and length >= 8:
            height = int.from_bytes(data[position + 3 : position + 5], "big")
            width = int.from_bytes(data[position + 5 : position + 7], "big")
            layout = (height, width, data[position + 7])
            if header_only:
                return layout
        position += length


def size_of(path: str) -> tuple[int, int]:
    """Returns (height, width) of an image file; of a JPEG without a look behind its header.

    Raises:
        ImageError: if the file is missing (`missing image`) or damaged (`corrupt image`).
    """
    data = read_image_file(path)
    layout = jpeg_layout(data, header_only=True)
    return layout[:2] if layout else decode_rgb(data, os.path.basename(path)).shape[:2]


def decode_rgb(data: bytes, name: str, reduction: int = 1) -> np.ndarray:
    """Decodes an image file's contents.

    Args:
        data: contents of a JPEG, PNG or other file that OpenCV reads.
        name: for the error message.
        reduction: 2, 4 or 8 decodes to a half, a quarter or an eighth of both sides, which for a
            JPEG takes a fraction of the time.

    Returns:
        `[height, width, 3]` uint8 RGB; 16-bit images are reduced to 8 bits, alpha is dropped.

    Raises:
        ImageError: if it cannot be decoded or is cut; the message begins with `corrupt image`.
    """
    is_cut = data[:2] == bytes((0xFF, _START)) and jpeg_layout(data) is None
    image = None
    if data and not is_cut:
        flags = _COLOR_FLAGS[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:  # Some damaged headers raise instead of returning None.
            image = None
    if image is None:
        raise ImageError(f"corrupt image: {name}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def encode_jpeg(image: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """Returns `[height, width, 3]` uint8 RGB as JPEG bytes."""
    is_done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not is_done:
        raise ImageError(f"an image of shape {image.shape} cannot be written as JPEG")
    return data.tobytes()


def record_jpeg(path: str) -> tuple[bytes, int, int]:
    """Reads a source image as the JPEG that a record holds.

    Grey and colour JPEGs pass through byte by byte, and are not even decoded where their tables
    say that they can be; other files (PNG, CMYK JPEG) are re-encoded.

    Args:
        path: of the source image.

    Returns:
        (JPEG bytes, height, width).

    Raises:
        ImageError: if the file is missing (`missing image`) or damaged (`corrupt image`).
    """
    data = read_image_file(path)
    layout = jpeg_structure.sound_layout(data)
    if layout is not None:
        return data, *layout[:2]
    image = decode_rgb(data, os.path.basename(path))
    height, width = image.shape[:2]
    layout = jpeg_layout(data)
    if layout is None or layout[2] not in (1, 3):
        data = encode_jpeg(image)
    return data, height, width
