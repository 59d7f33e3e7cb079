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


def publish(temporary: str, path: str) -> None:
    """Gives a finished file its name, replacing what had it, and waits for both to be on disk."""
    sync_file(temporary)
    os.replace(temporary, path)
    sync_file(os.path.dirname(os.path.abspath(path)))


def write_json(path: str, content: Any) -> None:
    """Writes a JSON file; a reader sees the old one or the new one, never a part."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
    publish(temporary, path)
