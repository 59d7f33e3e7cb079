"""Finds and reads record files, ours and others', with errors that name the record.

Training reads the files that `list_shards` returns with ``tf.data``; the functions here find them,
count them and read them one record at a time.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfrecords_tools import record_formats
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.manifest import Manifest, load_manifest
from tfrecords_tools.record_file import read_record, skip_records
from tfrecords_tools.shard_layout import shard_layout


@dataclasses.dataclass(frozen=True)
class RecordSummary:
    """What is known of a part's records without reading them all.

    Attributes:
        shards: paths, in order.
        num_records: records in all shards.
        has_3d: whether there are 3D joints.
        has_smpl: whether there are SMPL poses and shapes.
        record_format: one of `tfrecords_tools.record_formats`.
    """

    shards: tuple[str, ...]
    num_records: int
    has_3d: bool
    has_smpl: bool
    record_format: str = record_formats.HMR_TF


def list_shards(data_dir: str, dataset: str, split: str = "train") -> list[str]:
    """Returns the record files of a dataset, in order.

    They have the original release's names, or, where there are none of these, hmr2.0's.

    Args:
        data_dir: the record folder, which holds one folder per dataset.
        dataset: e.g. `lsp`, `coco`, `h36m`; `mosh` for the motion-capture sets.
        split: e.g. `train`; for `mosh` the subset (`CMU`, `H3.6`, `jointLim`).

    Raises:
        DatasetError: if there is none.
        RecordError: if a file is empty.
    """
    layout = shard_layout(dataset)
    shards = layout.shards(data_dir, split) or layout.hmr2_shards(data_dir, split)
    if not shards:
        raise DatasetError(
            f"{dataset}: no records of '{split}' found; expected {layout.glob(data_dir, split)}. "
            f"Make them with: python -m hmr_tf.convert {conversion_flags(dataset, split)} "
            f"--data_dir SOURCE --out_dir {data_dir}"
        )
    for shard in shards:
        if os.path.getsize(shard) == 0:
            raise RecordError(f"{shard} is empty; replace it (convert or download it again).")
    return shards


def conversion_flags(dataset: str, split: str) -> str:
    """Returns the flags with which `hmr_tf.convert` makes a dataset's records."""
    if dataset == "mosh":
        return f"--dataset mosh --subsets {split}"
    source, _, subset = dataset.partition("/")
    return f"--dataset {source} {f'--subsets {subset} ' * bool(subset)}--split {split}"


def describe_records(data_dir: str, dataset: str, split: str = "train") -> RecordSummary:
    """Returns what is known of a dataset's records.

    Takes it from the manifest where there is one that names just the files that are there;
    otherwise counts the records and looks into the first one of each file.

    Args:
        data_dir: the record folder.
        dataset: as for `list_shards`.
        split: as for `list_shards`.

    Raises:
        DatasetError: if there are no records.
        RecordError: if a file is empty, damaged or of an unknown format, has not the size that its
            manifest gives, or the formats differ.
    """
    shards = list_shards(data_dir, dataset, split)
    record_format, first = _first_record(shards[0])
    manifest = load_manifest(data_dir, dataset, split)
    if manifest is not None and sorted(manifest.shard_paths(data_dir)) == sorted(shards):
        check_sizes(manifest, manifest.shard_paths(data_dir))
        return RecordSummary(
            tuple(shards), manifest.num_examples, manifest.has_3d, manifest.has_smpl, record_format
        )
    for shard in shards[1:]:
        other = _first_record(shard)[0]
        if other != record_format:
            raise RecordError(
                f"{shard} holds records of the format {other}, {shards[0]} of {record_format}; "
                "the files of one dataset must be of one format."
            )
    smpl_flag = first.get("meta/has_3d", [])
    is_known = any(value > 0 for value in first.get("has_3d", []))
    return RecordSummary(
        shards=tuple(shards),
        num_records=sum(count_records(shard) for shard in shards),
        has_3d="mosh/gt3d" in first or is_known,
        has_smpl=record_format == record_formats.MOCAP or any(value > 0 for value in smpl_flag),
        record_format=record_format,
    )


def check_sizes(manifest: Manifest, shards: Sequence[str]) -> None:
    """Checks that files have the sizes that their manifest gives.

    TensorFlow takes a file that is cut within the first 12 bytes of a record for a shorter one.

    Args:
        manifest: of the files.
        shards: their paths, in the manifest's order.

    Raises:
        RecordError: if a file is missing, cut or replaced.
    """
    for path, shard in zip(shards, manifest.shards):
        size = os.path.getsize(path) if os.path.exists(path) else None
        if size != shard.num_bytes:
            there = "is missing" if size is None else f"has {size} bytes"
            raise RecordError(
                f"{path} {there}; its manifest says {shard.num_bytes} bytes. It was cut or "
                "replaced: copy it again, or convert again with --overwrite."
            )


def _first_record(path: str) -> tuple[str, Mapping[str, Any]]:
    """Returns format and features of a file's first record."""
    return record_formats.recognize(next(read_records(path)), path)


def count_records(path: str) -> int:
    """Counts the records of a file from their lengths alone, without reading the records.

    Raises:
        RecordError: if the file is empty, ends within a record or is no record file.
    """
    size = _checked_size(path)
    with open(path, "rb") as file:
        return skip_records(file, size, path)


def read_records(path: str) -> Iterator[bytes]:
    """Yields the serialized records of a file, with their checksums verified.

    Unlike TensorFlow's reader it also notices a file that is cut within a record's first 12 bytes.

    Raises:
        RecordError: if the file is missing, empty, cut or damaged; the message names the file and
            the index of the first bad record.
    """
    _checked_size(path)
    with open(path, "rb") as file:
        for index in itertools.count():
            record = read_record(file, path, index)
            if record is None:
                return
            yield record


def _checked_size(path: str) -> int:
    if not os.path.isfile(path):
        raise RecordError(f"{path} is not there; expected a TFRecord file.")
    size = os.path.getsize(path)
    if size == 0:
        raise RecordError(f"{path} is empty; replace it (convert or download it again).")
    return size
