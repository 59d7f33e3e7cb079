"""Writes MATLAB 5 files whose bytes depend on their contents alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import scipy.io

_TEXT_BYTES, _HEADER_BYTES = 116, 128


def header(format_name: bytes, version: int) -> bytes:
    """Returns the 128 bytes that a MATLAB file begins with.

    Args:
        format_name: e.g. `MATLAB 5.0`.
        version: number of the format, e.g. 0x0100.
    """
    text = format_name + b" MAT-file, written by hmr_tf.synthesize"
    return text.ljust(_TEXT_BYTES) + bytes(8) + version.to_bytes(2, "little") + b"IM"


def dumps(variables: Mapping[str, Any]) -> bytes:
    """Returns a compressed MATLAB 5 file.

    Args:
        variables: arrays; of dtype object for cells, dicts in them for structs.
    """
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, dict(variables), do_compression=True)
    # SciPy writes the time into the header.
    return header(b"MATLAB 5.0", 0x0100) + buffer.getvalue()[_HEADER_BYTES:]
