"""Copies records from any files into the shards of one dataset; the work of the `merge` tool."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from tfrecords_tools import record_formats
from tfrecords_tools.driver import Outcome, earlier_outcome, refuse_strangers
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.manifest import Identity
from tfrecords_tools.record_file import frame_record, read_record, record_begins
from tfrecords_tools.record_parts import RecordPart
from tfrecords_tools.record_view import RecordView, view_record
from tfrecords_tools.schema import SCHEMA_VERSION
from tfrecords_tools.shard_layout import shard_layout
from tfrecords_tools.tally import Tally
from tfrecords_tools.workers import Encoded
from tfrecords_tools.writer import ShardedWriter


def merge_parts(
    parts: Sequence[RecordPart],
    out_dir: str,
    dataset: str,
    split: str,
    examples_per_shard: int,
    seed: int | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Copies all records of some parts into one part, or goes on where that was interrupted.

    Args:
        parts: where the records come from, in order.
        out_dir: the record folder to write to.
        dataset: what the records become.
        split: what they become.
        examples_per_shard: records in each shard but the last.
        seed: of the order that the records are put into; None keeps theirs.
        overwrite: whether records that are already there are replaced.

    Raises:
        DatasetError: if other records are already there.
        RecordError: if a file is damaged or the records' formats do not go together.
    """
    paths = [path for part in parts for path in part.shards]
    _refuse_own_target(paths, out_dir, dataset, split)
    order = {} if seed is None else {"shuffle_seed": seed}
    identity = Identity(
        dataset=dataset,
        part=split,
        schema_version=SCHEMA_VERSION,
        examples_per_shard=examples_per_shard,
        options={"merged_from": [part.title for part in parts], **order},
        fingerprint=_fingerprint(parts),
    )
    if not overwrite:
        finished = earlier_outcome(out_dir, identity)
        if finished is not None:
            return finished
    with ShardedWriter(out_dir, identity) as writer:
        if not writer.is_complete:
            if not overwrite:
                refuse_strangers(out_dir, identity)
            _copy(writer, paths, seed)
        return Outcome(writer.publish(), was_done=False)


def _copy(writer: ShardedWriter, paths: Sequence[str], seed: int | None) -> None:
    """Copies what is left to copy."""
    places = record_places(paths)
    if seed is not None:
        places = np.random.default_rng(seed).permutation(places)
    start = writer.progress.next_item
    tally = Tally(writer.progress, max_error_fraction=0.0)
    known_format = ""
    with OpenFiles(paths) as files:
        for index in range(start, len(places)):
            file_index, begin = places[index].tolist()
            record = files.read(file_index, begin)
            view = view_record(record, f"{paths[file_index]}, byte {begin}")
            family = _family(view.record_format)
            if known_format not in ("", family):
                raise RecordError(
                    f"{paths[file_index]} holds records of the format {view.record_format}, others "
                    f"before it {known_format}; records of one dataset must be of one format."
                )
            known_format = family
            has_3d, has_smpl = _has_3d(view), view.pose_axis_angle is not None
            framed = frame_record(record)
            tally.add(Encoded(framed, has_3d, has_smpl))
            writer.write(framed)
            if writer.is_shard_full:
                writer.finish_shard(tally.progress(index + 1, 0))
    writer.finish_shard(tally.progress(len(places), 0), is_last=True)


def record_places(paths: Sequence[str]) -> np.ndarray:
    """Returns `[N, 2]` index of the file and first byte of every record, in order."""
    places = []
    for index, path in enumerate(paths):
        with open(path, "rb") as file:
            begins = np.fromiter(record_begins(file, os.path.getsize(path), path), np.int64)
        places.append(np.column_stack([np.full(len(begins), index), begins]))
    return np.concatenate(places)


class OpenFiles:
    """Reads records at places of many files, with a few of them open at a time."""

    _MOST = 64

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._files: dict[int, BinaryIO] = {}

    def __enter__(self) -> OpenFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def read(self, index: int, begin: int) -> bytes:
        """Returns the record that begins at a byte of a file."""
        if index not in self._files:
            if len(self._files) == self._MOST:
                self._files.pop(next(iter(self._files))).close()
            self._files[index] = open(self._paths[index], "rb")
        file = self._files[index]
        if file.tell() != begin:
            file.seek(begin)
        record = read_record(file, f"{self._paths[index]}, byte {begin}", 0)
        if record is None:
            raise RecordError(f"{self._paths[index]} has become shorter; run again.")
        return record


def _has_3d(view: RecordView) -> bool:
    """Tells whether a record counts as one with 3D joints, by the rule of `samples.Sample`."""
    if _family(view.record_format) == record_formats.HMR:
        return "mosh/gt3d" in view.features
    return view.joints_3d is not None


def _family(record_format: str) -> str:
    """Returns one name for formats that the same parser reads."""
    is_hmr = record_format in (record_formats.HMR, record_formats.HMR_TF)
    return record_formats.HMR if is_hmr else record_format


def _refuse_own_target(paths: Sequence[str], out_dir: str, dataset: str, split: str) -> None:
    """Refuses to write over the files that are read."""
    targets = {os.path.realpath(path) for path in shard_layout(dataset).shards(out_dir, split)}
    for path in paths:
        if os.path.realpath(path) in targets:
            raise DatasetError(
                f"{path} would be read and replaced at a time; give another --out_dir or "
                "--out_dataset."
            )


def _fingerprint(parts: Sequence[RecordPart]) -> str:
    """Returns a hash over the contents of the files that are read."""
    digest = hashlib.sha256()
    for part in parts:
        if part.manifest is not None:
            digest.update(part.manifest.content_sha256.encode())
            continue
        for path in part.shards:
            with open(path, "rb") as file:
                for block in iter(lambda file=file: file.read(1 << 20), b""):
                    digest.update(block)
    return digest.hexdigest()
