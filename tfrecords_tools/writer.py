"""Writes shards of records that are complete or absent, and can be resumed.

All shards of a part grow in a hidden staging folder and move to their names together at the end, so
a loader never sees half a dataset. Beside them a journal says, after each finished shard, how far
the source was read; a writer that finds a journal of the same conversion goes on behind its last
finished shard, and the shards end up with the bytes of an uninterrupted run.

    staging folder   <out_dir>/<folder>/.partial_<part>/{journal.json, lock, shards...}
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from absl import logging

from tfrecords_tools.atomic_file import publish, write_json
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.manifest import Identity, Manifest, Shard, load_shards, save_manifest
from tfrecords_tools.shard_layout import shard_layout


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a conversion came, at the end of a shard.

    Attributes:
        next_item: index of the work item to read next.
        next_output: outputs of that item which are already dealt with.
        num_examples: records so far.
        num_with_3d: records with 3D joints so far.
        num_with_smpl: records with SMPL parameters so far.
        drops: reason -> samples left out so far.
        num_errors: how many of the drops are errors.
    """

    next_item: int = 0
    next_output: int = 0
    num_examples: int = 0
    num_with_3d: int = 0
    num_with_smpl: int = 0
    drops: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_errors: int = 0


class ShardedWriter:
    """Writes the shards of one part; a context manager that keeps what is finished on the way out.

    Args:
        out_dir: the record folder.
        identity: what is converted; a journal of another identity is discarded.

    Attributes:
        progress: where to go on: the start, or behind the last finished shard.
        is_complete: whether all shards are written and only their publication was interrupted.
    """

    def __init__(self, out_dir: str, identity: Identity) -> None:
        self._out_dir = out_dir
        self._identity = identity
        self._layout = shard_layout(identity.dataset)
        self._folder = os.path.join(out_dir, self._layout.folder)
        self._staging = os.path.join(self._folder, f".partial_{identity.part}")
        self._stack = contextlib.ExitStack()
        self._shards: list[Shard] = []
        self._shard_file: BinaryIO | None = None
        self._num_in_shard = 0
        self.progress = Progress()
        self.is_complete = False

    def __enter__(self) -> ShardedWriter:
        os.makedirs(self._staging, exist_ok=True)
        self._stack.enter_context(_only_one(os.path.join(self._staging, "lock"), self._identity))
        try:
            self._resume()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._shard_file is not None:  # Left half-written under its temporary name.
            self._shard_file.close()
            self._shard_file = None
        if not self._shards and os.path.exists(self._staging):
            self.discard()  # There is nothing to resume from.
        self._stack.close()

    @property
    def is_shard_full(self) -> bool:
        """Whether the shard being written has all its examples; then call `finish_shard`."""
        return self._num_in_shard == self._identity.examples_per_shard

    def write(self, framed: bytes) -> None:
        """Appends one record, as `record_file.frame_record` makes it, to the current shard."""
        if self._shard_file is None:
            os.makedirs(os.path.dirname(self._staged(self._shard_name())), exist_ok=True)
            self._shard_file = open(f"{self._staged(self._shard_name())}.tmp", "wb")
        self._shard_file.write(framed)
        self._num_in_shard += 1

    def finish_shard(self, progress: Progress, is_last: bool = False) -> None:
        """Completes the current shard, if it holds anything, and notes the progress.

        Args:
            progress: where a resumed run has to go on.
            is_last: whether nothing follows.
        """
        if self._shard_file is not None:
            name = self._shard_name()
            self._shard_file.close()
            publish(f"{self._staged(name)}.tmp", self._staged(name))
            self._shards.append(_describe(self._staged(name), name, self._num_in_shard))
            self._shard_file, self._num_in_shard = None, 0
        self.progress, self.is_complete = progress, is_last
        self._write_journal()

    def publish(self) -> Manifest:
        """Moves all shards to their names, writes the manifest and removes the staging folder.

        Older shards of the part are deleted first. May be interrupted anywhere and called again by
        the next run.
        """
        if not self.is_complete:
            raise ValueError("publish() must follow finish_shard(..., is_last=True).")
        part = self._identity.part
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._layout.manifest_path(self._out_dir, part))
        names = {shard.file for shard in self._shards}
        for path in self._layout.shards(self._out_dir, part):
            if os.path.relpath(path, self._folder) not in names:
                os.remove(path)
        for name in sorted(names):
            target = os.path.join(self._folder, name)
            if os.path.exists(self._staged(name)):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(self._staged(name), target)
            elif not os.path.exists(target):
                raise RecordError(f"{target} is missing; run again with --overwrite.")
        manifest = Manifest(
            identity=self._identity,
            shards=tuple(self._shards),
            num_with_3d=self.progress.num_with_3d,
            num_with_smpl=self.progress.num_with_smpl,
            drops=dict(self.progress.drops),
        )
        save_manifest(self._out_dir, manifest)
        self.discard()
        return manifest

    def discard(self) -> None:
        """Removes the staging folder with all that it holds."""
        self._shards = []
        shutil.rmtree(self._staging)
        with contextlib.suppress(OSError):  # Not empty: there are records.
            os.rmdir(self._folder)

    def _resume(self) -> None:
        """Takes over the finished shards of an interrupted run, if it was the same conversion."""
        journal = self._read_journal()
        if journal is None:
            self._clear_staging()
            return
        self._shards, self.progress, self.is_complete = journal
        for shard in self._shards:
            path = self._staged(shard.file)
            if self.is_complete and not os.path.exists(path):
                path = os.path.join(self._folder, shard.file)  # Publication had begun.
            if not os.path.exists(path) or _sha256(path) != shard.sha256:
                logging.warning("%s is damaged; starting over.", path)
                self._clear_staging()
                self._shards, self.progress, self.is_complete = [], Progress(), False
                return
        if self._shards:
            count = sum(shard.num_examples for shard in self._shards)
            logging.info("Resuming behind %d finished records.", count)

    def _read_journal(self) -> tuple[list[Shard], Progress, bool] | None:
        path = os.path.join(self._staging, "journal.json")
        if not os.path.exists(path):
            return None
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            if Identity(**content["identity"]) != self._identity:
                logging.info("Settings or source changed since the interrupted run; starting over.")
                return None
            shards = list(load_shards(content["shards"]))
            return shards, Progress(**content["progress"]), content["is_complete"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            logging.warning("%s cannot be read (%s); starting over.", path, error)
            return None

    def _write_journal(self) -> None:
        content = {
            "identity": dataclasses.asdict(self._identity),
            "shards": [dataclasses.asdict(shard) for shard in self._shards],
            "progress": dataclasses.asdict(self.progress),
            "is_complete": self.is_complete,
        }
        write_json(os.path.join(self._staging, "journal.json"), content)

    def _clear_staging(self) -> None:
        for name in os.listdir(self._staging):
            path = os.path.join(self._staging, name)
            if name != "lock":
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def _shard_name(self) -> str:
        return self._layout.shard_name(self._identity.part, len(self._shards))

    def _staged(self, name: str) -> str:
        return os.path.join(self._staging, name)


@contextlib.contextmanager
def _only_one(path: str, identity: Identity) -> Iterator[None]:
    """Holds a lock file, so that two conversions do not write into one folder."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatasetError(
                f"{identity.dataset} {identity.part}: another conversion is writing "
                f"{os.path.dirname(path)}; wait for it to end."
            ) from error
        yield


def _describe(path: str, name: str, num_examples: int) -> Shard:
    return Shard(name, num_examples, os.path.getsize(path), _sha256(path))


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
