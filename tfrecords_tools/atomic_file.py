"""Files that appear under their name complete or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from tfrecords_tools.errors import OutputError


def sync_file(path: str) -> None:
    """Waits until a file's contents are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: str, path: str | os.PathLike) -> None:
    """Gives a finished file its name, replacing what had it, and waits for both to be on disk."""
    sync_file(temporary)
    os.replace(temporary, path)
    sync_file(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Turns what the system says about a file that cannot be written into one line.

    Raises:
        OutputError: if the disk is full, a quota is used up, the folder may not be written to, ...
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{error.filename or os.fspath(path)} cannot be written: {error.strerror or error}. "
            "Make room (or check --out_dir), then run the same command again; it goes on where it "
            "stopped."
        ) from error


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file; a reader sees the old one or the new one, never a part."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{os.fspath(path)}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
        publish(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())
