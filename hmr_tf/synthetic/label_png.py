"""Writes label images as PNGs with a palette, which OpenCV cannot."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_PALETTE_COLOR = 3


def encode(labels: np.ndarray, palette: np.ndarray) -> bytes:
    """Returns a PNG whose pixels are indices of a palette.

    Args:
        labels: `[h, w]` uint8.
        palette: `[256, 3]` uint8 RGB.
    """
    height, width = labels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE_COLOR, 0, 0, 0)
    # Every row begins with the number of its filter: 0, none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), labels], axis=1)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
