"""Reads source wheels and writes array files, so that a build repeats byte for byte."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping

import numpy as np

from hmr_tf.errors import HmrError

# The earliest time a zip entry can carry; a real clock would change the file on every build.
_FIXED_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def open_wheel(path: str, expected_sha256: str) -> zipfile.ZipFile:
    """Opens a wheel after checking that it is exactly the expected one.

    Args:
        path: path of the ``.whl`` file.
        expected_sha256: hexadecimal SHA-256 of the whole file.

    Returns:
        The wheel as an open `zipfile.ZipFile`.

    Raises:
        HmrError: if the file is missing or its hash differs.
    """
    if not os.path.isfile(path):
        raise HmrError(f"No wheel at '{path}'. Fetch it with pip download --no-deps.")
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != expected_sha256:
        raise HmrError(
            f"'{path}' is not the expected wheel: its SHA-256 should be {expected_sha256} and is "
            f"{digest.hexdigest()}. Fetch the version that ATTRIBUTION.md names."
        )
    return zipfile.ZipFile(path)


def write_npz(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed ``.npz`` whose bytes depend on the arrays only.

    `numpy.savez_compressed` stamps each entry with the current time; this does not.

    Args:
        path: file to write; replaced only once the new one is complete.
        arrays: name -> array, written in this order. Never pickled.
    """
    temporary = f"{path}.partial"
    with zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_FIXED_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)
    os.replace(temporary, path)
