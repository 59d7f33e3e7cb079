"""Reads photographs of any usual kind as uint8 RGB, upright, or says in one line why not.

JPEG, PNG and GIF go through the same decoder as in exported models; BMP, WebP and TIFF through
OpenCV. All of them come out alike: grey images are repeated over the channels, 16-bit channels keep
their high byte, CMYK is converted, transparent images are laid on white, and the camera's
orientation tag is applied.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf.errors import ImageError
from hmr_tf.image_files.decoding import decode_photo, lay_on_white
from hmr_tf.image_files.orientation import (
    ORIENTATION_TAG,
    apply_orientation,
    tiff_orientation,
)

READABLE = "JPEG, PNG, WebP, BMP, TIFF or GIF"

# A marker that ends entropy-coded JPEG data: not a stuffed zero, a restart or a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads one image file.

    Args:
        path: the file; its name does not have to tell its format.

    Returns:
        `[height, width, 3]` uint8, RGB, upright.

    Raises:
        ImageError: if the file is missing, empty, cut off, damaged or no image that can be read.
    """
    path = os.fspath(path)
    return decode_bytes(read_bytes(path), path)


def read_bytes(path: str) -> bytes:
    """Returns a file's bytes.

    Raises:
        ImageError: if it is missing, not a file, unreadable or empty.
    """
    if os.path.isdir(path):
        raise ImageError(f"expected an image file; {path} is a folder.")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise ImageError(f"image file {path} does not exist; check the path.") from None
    except OSError as error:
        raise ImageError(f"cannot open image file {path}: {error.strerror}.") from error
    if not data:
        raise ImageError(f"image file {path} is empty (0 bytes); copy or export it again.")
    return data


def decode_bytes(data: bytes, name: str) -> np.ndarray:
    """Decodes an image file's bytes.

    Args:
        data: the whole file.
        name: what error messages call it.

    Returns:
        `[height, width, 3]` uint8, RGB, upright.

    Raises:
        ImageError: as `read_image`.
    """
    kind = _kind(data)
    if kind is None:
        guess = _foreign_kind(data)
        what = f"it is {guess}; convert it to JPEG or PNG" if guess else "it is none of them"
        raise ImageError(f"cannot read {name}: expected {READABLE}; {what}.")
    if not _COMPLETE[kind](data):
        raise ImageError(
            f"cannot read {name}: the {kind} is cut off or damaged ({len(data)} bytes); "
            "copy or export it again."
        )
    try:
        image = _decode_in_graph(data) if kind in ("JPEG", "PNG", "GIF") else _decode(data, kind)
    except (tf.errors.OpError, cv2.error, ValueError) as error:
        raise ImageError(
            f"cannot read {name}: the {kind} is damaged or of a rare kind "
            f"({_first_words(error)}); export it again as an ordinary JPEG or PNG."
        ) from error
    if not image.size:
        raise ImageError(f"cannot read {name}: the {kind} has no pixels.")
    return image


def _kind(data: bytes) -> str | None:
    """Returns the readable format that the first bytes announce, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return "TIFF"
    if data.startswith(b"BM") and len(data) > 26:
        return "BMP"
    return None


def _foreign_kind(data: bytes) -> str | None:
    """Returns the name of a known format that cannot be read, or None."""
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"hevc"):
        return "HEIC"
    if brand in (b"avif", b"avis"):
        return "AVIF"
    if brand or data.startswith((b"\x1aE\xdf\xa3", b"RIFF")):
        return "a video or sound file"
    if data.startswith(b"%PDF"):
        return "PDF"
    if data.lstrip()[:5].lower() in (b"<html", b"<!doc", b"<?xml", b"<svg "):
        return "a web page or SVG drawing"
    return None


def _decode_in_graph(data: bytes) -> np.ndarray:
    return decode_photo(tf.constant(data)).numpy()


def _decode(data: bytes, kind: str) -> np.ndarray:
    """Decodes with OpenCV; the orientation tag is read from the file itself."""
    orientation = 1
    if kind == "TIFF":
        data, orientation = _take_tiff_orientation(data)
    elif kind == "WebP":
        orientation = tiff_orientation(tf.constant(b"".join(_webp_exif(data))))
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)  # Its complaints would stand beside our one line.
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.setLogLevel(level)
    if image is None:
        raise ValueError("its pixels cannot be decoded")
    image = tf.constant(_to_rgb(image))
    return apply_orientation(image, tf.convert_to_tensor(orientation)).numpy()


def _to_rgb(image: np.ndarray) -> np.ndarray:
    """Returns OpenCV's grey, BGR or BGRA pixels of 8 or 16 bits as uint8 RGB."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f"pixels are {image.dtype}, expected 8 or 16 bits")
    image = image[..., None] if image.ndim == 2 else image
    channels = image.shape[-1]
    if channels == 1:
        return np.repeat(image, 3, axis=-1)
    if channels == 3:
        return np.ascontiguousarray(image[..., ::-1])
    if channels == 4:
        return lay_on_white(np.ascontiguousarray(image[..., [2, 1, 0, 3]])).numpy()
    raise ValueError(f"it has {channels} channels, expected 1, 3 or 4")


def _take_tiff_orientation(data: bytes) -> tuple[bytes, int]:
    """Returns the file with its tag set to upright, and the tag.

    The TIFF library applies some orientations to some kinds of pixels by itself; so it gets none to
    apply.
    """
    order = "<" if data[:1] == b"I" else ">"
    if len(data) < 10:
        return data, 1
    (directory,) = struct.unpack_from(order + "I", data, 4)
    if directory + 2 > len(data):
        return data, 1
    (count,) = struct.unpack_from(order + "H", data, directory)
    for position in range(directory + 2, directory + 2 + 12 * count, 12):
        if position + 12 > len(data):
            break
        tag, _, _, value = struct.unpack_from(order + "HHIH", data, position)
        if tag == ORIENTATION_TAG:
            upright = struct.pack(order + "H", 1)
            data = data[: position + 8] + upright + data[position + 10 :]
            return data, value if 1 <= value <= 8 else 1
    return data, 1


def _webp_exif(data: bytes) -> Iterator[bytes]:
    """Yields the Exif block of a WebP file, if it has one."""
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        if name == b"EXIF":
            block = data[position + 8 : position + 8 + length]
            yield block[6:] if block.startswith(b"Exif\x00\x00") else block
            return
        position += 8 + length + (length & 1)


def _is_complete_jpeg(data: bytes) -> bool:
    """Walks the segments to the end marker; what follows it (a phone's extras) does not matter."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return False
        marker = data[position + 1]
        if marker == 0xD9:
            return True
        if marker == 0xFF:  # A fill byte.
            position += 1
            continue
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
        if marker == 0xDA:  # Entropy-coded data follows the start of a scan.
            found = _JPEG_MARKER.search(data, position)
            if found is None:
                return False
            position = found.start()
    return data[position : position + 2] == b"\xff\xd9"


def _is_complete_png(data: bytes) -> bool:
    """Walks the chunks to the last one and checks the sums of those that make up the image."""
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            return False
        if name in _PNG_CRITICAL:
            (expected,) = struct.unpack_from(">I", data, end)
            if zlib.crc32(data[position + 4 : end]) != expected:
                return False
        if name == b"IEND":
            return True
        position = end + 4
    return False


def _is_complete_webp(data: bytes) -> bool:
    return len(data) >= 12 and len(data) >= 8 + struct.unpack_from("<I", data, 4)[0]


_COMPLETE = {
    "JPEG": _is_complete_jpeg,
    "PNG": _is_complete_png,
    "WebP": _is_complete_webp,
    "GIF": lambda data: data.rstrip(b"\x00").endswith(b";"),
    "BMP": lambda data: True,
    "TIFF": lambda data: True,
}


def _first_words(error: Exception) -> str:
    """Returns the gist of a library's error in a few words on one line."""
    text = getattr(error, "message", None) or str(error)
    text = re.sub(r"\{\{.*?\}\}\s*", "", text).split("[Op:")[0]
    return " ".join(text.split())[:120].rstrip(". ")
