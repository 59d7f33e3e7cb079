"""Files that appear under their name complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from typing import Any

from tfrecords_tools.errors import OutputError

# Errors of writing alone: no space, quota used up, file too large, read-only.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})


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
        raise not_written(error.filename or path, error.strerror or str(error)) from error


def not_written(path: str | os.PathLike, reason: str) -> OutputError:
    """Returns the error of a file that cannot be written."""
    return OutputError(
        f"{os.fspath(path)} cannot be written: {reason}. Make room (or give another folder), then "
        "run the same command again."
    )


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file; a reader sees the old one or the new one, never a part.

    Raises:
        OutputError: as `writing`.
    """
    temporary = f"{os.fspath(path)}.tmp"
    try:
        with writing(path):
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(content)
            publish(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Writes a JSON file, whole or not at all.

    Raises:
        OutputError: as `writing`.
    """
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())
