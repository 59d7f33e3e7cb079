"""Finds the parts (splits, subsets) that a record folder holds, with or without manifests."""

from __future__ import annotations

import dataclasses
import glob
import json
import os
import re
from collections.abc import Sequence

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.manifest import Manifest, load_manifest
from tfrecords_tools.reader import list_shards


@dataclasses.dataclass(frozen=True)
class RecordPart:
    """Record files that belong together.

    Attributes:
        title: dataset and split, or what the files' names have in common.
        shards: paths, in order.
        manifest: what is known of their conversion; None for files of other programs.
    """

    title: str
    shards: tuple[str, ...]
    manifest: Manifest | None = None


def find_parts(
    data_dir: str, datasets: Sequence[str] = (), split: str = "", files: Sequence[str] = ()
) -> list[RecordPart]:
    """Returns the parts that are asked for.

    Args:
        data_dir: the record folder.
        datasets: names, e.g. `lsp`; all that are there if empty.
        split: e.g. `train` (for `mosh` the subset); all that are there if empty.
        files: instead of all these, paths or glob patterns of record files, one part each.

    Raises:
        DatasetError: if there is none.
    """
    if files:
        return [_of_pattern(pattern) for pattern in files]
    if not os.path.isdir(data_dir):
        raise DatasetError(f"{data_dir or '--data_dir'} is not a folder; expected a record folder.")
    if datasets and split:
        return [_of_dataset(data_dir, dataset, split) for dataset in datasets]
    parts = [*_with_manifest(data_dir)]
    known = {os.path.realpath(path) for part in parts for path in part.shards}
    parts += _without_manifest(data_dir, known)
    chosen = [
        part
        for part in parts
        if (not datasets or _dataset(part) in datasets) and (not split or _split(part) == split)
    ]
    if not chosen:
        there = ", ".join(part.title for part in parts) or "no records"
        wanted = " ".join([*datasets, *([split] if split else [])]) or "any dataset"
        raise DatasetError(f"{data_dir} holds no records of {wanted}; it holds: {there}.")
    return sorted(chosen, key=lambda part: part.title)


def _of_pattern(pattern: str) -> RecordPart:
    shards = sorted(glob.glob(pattern)) or ([pattern] if os.path.exists(pattern) else [])
    if not shards:
        raise DatasetError(f"{pattern} is not there; expected record files.")
    return RecordPart(pattern, tuple(shards))


def _of_dataset(data_dir: str, dataset: str, split: str) -> RecordPart:
    shards = tuple(list_shards(data_dir, dataset, split))
    return RecordPart(f"{dataset} {split}", shards, load_manifest(data_dir, dataset, split))


def _with_manifest(data_dir: str) -> list[RecordPart]:
    parts = []
    for path in sorted(glob.glob(os.path.join(glob.escape(data_dir), "*", "manifest_*.json"))):
        try:
            with open(path, encoding="utf-8") as file:
                identity = json.load(file)["identity"]
            manifest = load_manifest(data_dir, identity["dataset"], identity["part"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{path} is not a manifest ({error}); delete it and convert again."
            ) from error
        if manifest is None:
            raise DatasetError(
                f"{path} tells of {identity['dataset']}, whose records lie elsewhere; the folder "
                "has been renamed."
            )
        title = f"{manifest.identity.dataset} {manifest.identity.part}"
        parts.append(RecordPart(title, tuple(manifest.shard_paths(data_dir)), manifest))
    return parts


def _without_manifest(data_dir: str, known: set[str]) -> list[RecordPart]:
    """Groups other record files by folder and by what their names have in common."""
    groups: dict[str, list[str]] = {}
    for folder, subfolders, names in os.walk(data_dir):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith(".tfrecord") and os.path.realpath(path) not in known:
                stem = re.sub(r"_?\d+(?=_|\.|$)|\.tfrecord$", "", name).strip("_")
                relative = "" if folder == data_dir else os.path.relpath(folder, data_dir)
                groups.setdefault(f"{relative} {stem}".strip(), []).append(path)
    return [RecordPart(title, tuple(paths)) for title, paths in groups.items()]


def _dataset(part: RecordPart) -> str:
    return part.manifest.identity.dataset if part.manifest else part.title.split()[0]


def _split(part: RecordPart) -> str:
    return part.manifest.identity.part if part.manifest else part.title.split()[-1]
