"""The list of samples that a conversion left out, one line each: what and why.

A text file beside the manifest, ``drops_<part>.tsv``: sample, reason, and `damaged` or `filtered`,
separated by tabs, in the order of the source. It grows in the writer's staging folder and is cut
back to the last finished shard when an interrupted conversion goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfrecords_tools.atomic_file import sync_file
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError

_HEADER = "sample\treason\tkind\n"
_DAMAGED, _FILTERED = "damaged", "filtered"


class DropLog:
    """Appends drops to a file; nothing is created before the first one.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def cut(self, num_bytes: int) -> None:
        """Forgets what follows the first ``num_bytes`` bytes.

        Raises:
            ValueError: if the file is shorter than that.
        """
        size = self.close()
        if size < num_bytes:
            raise ValueError(f"{self._path} has {size} bytes; expected {num_bytes}")
        if size > num_bytes:
            os.truncate(self._path, num_bytes)

    def add(self, drop: Drop) -> None:
        """Appends one drop."""
        if self._file is None:
            self._file = open(self._path, "ab")
            if self._file.tell() == 0:
                self._file.write(_HEADER.encode())
        self._file.write(_line(drop).encode())

    def sync(self) -> None:
        """Waits until all lines before the last `close` are on the disk."""
        if os.path.exists(self._path):
            sync_file(self._path)

    def close(self) -> int:
        """Closes the file, which another `add` opens again; returns its size in bytes."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()
        return os.path.getsize(self._path) if os.path.exists(self._path) else 0


class LoggedDrop(NamedTuple):
    """A line of the list."""

    sample: str
    reason: str
    is_damaged: bool


def read_drops(path: str) -> Iterator[LoggedDrop]:
    """Yields the drops of a finished conversion; none if there is no such file.

    Raises:
        DatasetError: if the file is not such a list.
    """
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3:
                raise DatasetError(f"{path}, line {number + 1}: expected sample, reason and kind.")
            if number:
                yield LoggedDrop(fields[0], fields[1], fields[2] == _DAMAGED)


def _line(drop: Drop) -> str:
    # Names come from the source; one must not be able to look like two lines.
    sample, reason = (" ".join(text.split()) for text in (drop.name, drop.reason))
    return f"{sample}\t{reason}\t{_DAMAGED if drop.is_error else _FILTERED}\n"
