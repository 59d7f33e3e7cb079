"""Files that appear under their name complete or not at all."""

from __future__ import annotations

import json
import os
from typing import Any


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


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file; a reader sees the old one or the new one, never a part."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{os.fspath(path)}.tmp"
    with open(temporary, "wb") as file:
        file.write(content)
    publish(temporary, path)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())
