"""Writes shards of records that are complete or absent, and can be resumed.

All shards of a part grow in a hidden staging folder and move to their names together at the end, so
a loader never sees half a dataset. Beside them a journal says, after each finished shard, how far
the source was read; a writer that finds a journal of the same conversion goes on behind its last
finished shard, and the shards end up with the bytes of an uninterrupted run.

    staging folder   <out_dir>/<folder>/.partial_<part>/{journal.json, lock, drops.tsv, shards...}

The list of samples that were left out (`drop_log`) grows and is resumed with the shards.

While one shard is written, the one before it is brought to the disk and noted in the journal by a
thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import BinaryIO

from absl import logging

from tfrecords_tools.atomic_file import publish, writing
from tfrecords_tools.converter import Drop
from tfrecords_tools.drop_log import DropLog
from tfrecords_tools.errors import DatasetError, OutputError, RecordError
from tfrecords_tools.journal import Journal, Progress, load_journal, save_journal
from tfrecords_tools.manifest import Identity, Manifest, Shard, describe_shard, save_manifest
from tfrecords_tools.shard_layout import shard_layout

_JOURNAL, _LOCK = "journal.json", "lock"  # In the staging folder.


class ShardedWriter:
    """Writes the shards of one part; a context manager that keeps what is finished on the way out.

    Args:
        out_dir: the record folder.
        identity: what is converted; a journal of another identity is discarded.

    Attributes:
        identity: what is converted.
        progress: where to go on: the start, or behind the last finished shard.
        is_complete: whether all shards are written and only their publication was interrupted.
    """

    def __init__(self, out_dir: str, identity: Identity) -> None:
        self._out_dir = out_dir
        self.identity = identity
        self._layout = shard_layout(identity.dataset)
        self._folder = os.path.join(out_dir, self._layout.folder)
        self._staging = self._layout.staging(out_dir, identity.part)
        self._stack = contextlib.ExitStack()
        self._shards: list[Shard] = []
        self._drops = DropLog(self._staged("drops.tsv"))
        self._keeps_staging = False
        self._shard_file: BinaryIO | None = None
        self._num_in_shard = 0
        self._thread = futures.ThreadPoolExecutor(1)  # It starts with the first shard.
        self._finishing: futures.Future | None = None
        self.progress = Progress()
        self.is_complete = False

    @property
    def staging(self) -> str:
        """The hidden folder in which the shards grow."""
        return self._staging

    def __enter__(self) -> ShardedWriter:
        with writing(self._staging):
            os.makedirs(self._staging, exist_ok=True)
            lock = _only_one(self._staging, self.identity)
            self._stack.enter_context(lock)
        try:
            self._resume()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A full disk is what may have led here.
        with contextlib.suppress(OutputError, OSError):
            self._await_shard()
        self._thread.shutdown()
        with contextlib.suppress(OSError):
            if self._shard_file is not None:  # Left half-written under its temporary name.
                self._shard_file.close()
        with contextlib.suppress(OSError):
            self._drops.close()
        self._shard_file = None
        has_progress = self._shards or self._keeps_staging
        if not has_progress and os.path.exists(self._staging):
            self.discard()  # There is nothing to resume from.
        self._stack.close()

    @property
    def is_shard_full(self) -> bool:
        """Whether the shard being written has all its examples; then call `finish_shard`."""
        return self._num_in_shard == self.identity.examples_per_shard

    def write(self, framed: bytes) -> None:
        """Appends one record, as `record_file.frame_record` makes it, to the current shard."""
        if self._shard_file is None:
            path = f"{self._staged(self._shard_name())}.tmp"
            with writing(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._shard_file = open(path, "wb")
        with writing(self._shard_file.name):
            self._shard_file.write(framed)
        self._num_in_shard += 1

    def note_drop(self, drop: Drop) -> None:
        """Adds a sample that is left out to the list of those."""
        with writing(self._staged("drops.tsv")):
            self._drops.add(drop)

    def finish_shard(self, progress: Progress, is_last: bool = False) -> None:
        """Completes the current shard, if it holds anything, and notes the progress.

        Returns before all is on the disk, except with ``is_last``; what goes wrong afterwards is
        raised by the next call.

        Args:
            progress: where a resumed run has to go on.
            is_last: whether nothing follows.
        """
        self._await_shard()
        name = self._shard_name()
        with writing(self._staged(name)):
            if self._shard_file is not None:
                self._shard_file.close()
            num_drop_bytes = self._drops.close()
        self._finishing = self._thread.submit(
            self._finish, name, self._num_in_shard, progress, is_last, num_drop_bytes
        )
        self._shard_file, self._num_in_shard, self.progress = None, 0, progress
        if is_last:
            self._await_shard()
            self.is_complete = True

    def _finish(
        self, name: str, num_examples: int, progress: Progress, is_last: bool, num_drop_bytes: int
    ) -> list[Shard]:
        """Waits for the disk; returns the finished shards. Runs beside the writing of the next."""
        shards = list(self._shards)
        if num_examples:
            path = self._staged(name)
            with writing(path):
                publish(f"{path}.tmp", path)
            shards.append(describe_shard(path, name, num_examples))
        self._write_journal(
            Journal(self.identity, tuple(shards), progress, is_last, num_drop_bytes)
        )
        return shards

    def _await_shard(self) -> None:
        """Waits until the last finished shard is on the disk."""
        if self._finishing is not None:
            finishing, self._finishing = self._finishing, None
            self._shards = finishing.result()

    def delegate(self) -> None:
        """Starts over, with shards that others will put into the staging folder.

        The folder is kept for the next run, with what others left there, even if nothing is done.
        """
        self._shards, self.progress, self._keeps_staging = [], Progress(), True
        self._drops.cut(0)
        self._write_journal(Journal(self.identity))

    def adopt(self, shards: Sequence[Shard], progress: Progress) -> None:
        """Takes over all shards of the part, which others have put into the staging folder."""
        self._shards, self.progress, self.is_complete = list(shards), progress, True
        num_drop_bytes = self._drops.close()
        self._write_journal(Journal(self.identity, tuple(shards), progress, True, num_drop_bytes))

    def publish(self) -> Manifest:
        """Moves all shards to their names, writes the manifest and removes the staging folder.

        Older shards of the part are deleted first. May be interrupted anywhere and called again by
        the next run.
        """
        if not self.is_complete:
            raise ValueError("publish() must follow finish_shard(..., is_last=True).")
        with writing(self._folder):
            self._move_to_names()
            manifest = Manifest(
                identity=self.identity,
                shards=tuple(self._shards),
                num_with_3d=self.progress.num_with_3d,
                num_with_smpl=self.progress.num_with_smpl,
                drops=dict(self.progress.drops),
            )
            save_manifest(self._out_dir, manifest)
        self.discard()
        return manifest

    def _move_to_names(self) -> None:
        """Replaces what an earlier conversion of the part left by what this one made."""
        part = self.identity.part
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
        drops_path = self._layout.drops_path(self._out_dir, part)
        if os.path.exists(self._staged("drops.tsv")):
            os.replace(self._staged("drops.tsv"), drops_path)
        elif not self.progress.drops and os.path.exists(drops_path):
            os.remove(drops_path)

    def discard(self) -> None:
        """Removes the staging folder with all that it holds."""
        with contextlib.suppress(OutputError, OSError):
            self._await_shard()
        self._shards = []
        shutil.rmtree(self._staging)
        with contextlib.suppress(OSError):  # Not empty: there are records.
            os.rmdir(self._folder)

    def _resume(self) -> None:
        """Takes over the finished shards of an interrupted run, if it was the same conversion."""
        journal = load_journal(self._staged(_JOURNAL))
        if journal is not None and journal.identity != self.identity:
            logging.info("Settings or source changed since the interrupted run; starting over.")
            journal = None
        if journal is None:
            self._clear_staging()
            return
        self._shards = list(journal.shards)
        self.progress, self.is_complete = journal.progress, journal.is_complete
        try:
            for shard in self._shards:
                self._check_leftover(shard)
            if not self.is_complete:
                self._drops.cut(journal.num_drop_bytes)
        except ValueError as error:
            logging.warning("%s; starting over.", error)
            self._clear_staging()
            self._shards, self.progress, self.is_complete = [], Progress(), False
            return
        if self._shards:
            count = sum(shard.num_examples for shard in self._shards)
            logging.info("Resuming behind %d finished records.", count)

    def _check_leftover(self, shard: Shard) -> None:
        """Raises ValueError if a finished shard is not what the journal says."""
        path = self._staged(shard.file)
        if self.is_complete and not os.path.exists(path):
            path = os.path.join(self._folder, shard.file)  # Publication had begun.
        is_there = os.path.exists(path)
        if not is_there or describe_shard(path, shard.file, shard.num_examples) != shard:
            raise ValueError(f"{path} is damaged")

    def _write_journal(self, journal: Journal) -> None:
        with writing(self._staging):
            self._drops.sync()
            save_journal(self._staged(_JOURNAL), journal)

    def _clear_staging(self) -> None:
        for name in os.listdir(self._staging):
            path = os.path.join(self._staging, name)
            if name != _LOCK:
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def _shard_name(self) -> str:
        """Returns the name of the shard that is being written."""
        index = len(self._shards) + (self._finishing is not None)
        return self._layout.shard_name(self.identity.part, index)

    def _staged(self, name: str) -> str:
        return os.path.join(self._staging, name)


def remove_remains(out_dir: str, identity: Identity) -> None:
    """Removes the staging folder of a finished conversion that was killed before it did so itself.

    Another conversion's is kept: one that runs, or one that was interrupted and can go on.
    """
    staging = shard_layout(identity.dataset).staging(out_dir, identity.part)
    if not os.path.exists(staging):
        return
    with contextlib.suppress(DatasetError, OSError), _only_one(staging, identity):
        journal = load_journal(os.path.join(staging, _JOURNAL))
        if journal is None or (journal.identity == identity and journal.is_complete):
            shutil.rmtree(staging)


@contextlib.contextmanager
def _only_one(staging: str, identity: Identity) -> Iterator[None]:
    """Holds a lock file, so that two conversions do not write into one folder."""
    with open(os.path.join(staging, _LOCK), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatasetError(
                f"{identity.dataset} {identity.part}: another conversion is writing "
                f"{staging}; wait for it to end."
            ) from error
        yield
