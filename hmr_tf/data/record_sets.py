"""Finds the records that training and evaluation read."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from hmr_tf.errors import DataError
from tfrecords_tools import reader, record_formats
from tfrecords_tools.shard_layout import shard_layout

_OCCLUDER_SPLITS = ("trainval", "train", "val")


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """The shards of one dataset and what is known of them.

    Attributes:
        name: the dataset.
        shards: paths, sorted.
        num_records: records in all of them.
        has_3d: whether the records carry 3D labels: joints, or SMPL parameters.
        record_format: one of `tfrecords_tools.record_formats`.
    """

    name: str
    shards: tuple[str, ...]
    num_records: int
    has_3d: bool = False
    record_format: str = record_formats.HMR_TF


def find_records(data_dir: str, dataset: str, split: str) -> RecordSet:
    """Finds the image records of a dataset: ours, the original release's or hmr2.0's.

    Args:
        data_dir: folder that holds one folder per dataset.
        dataset: e.g. `lsp`, or `spin_npz/mpii` of a source that holds several.
        split: e.g. `train`.

    Raises:
        DataError: if there are none; the message says what was found and how to make them.
        RecordError: if a file is damaged or of an unknown format.
    """
    found = _find(data_dir, dataset, split)
    if found.record_format == record_formats.MOCAP:
        raise DataError(
            f"{found.shards[0]} holds motion-capture records, not images; name the set in "
            "--mocap_datasets instead of --datasets."
        )
    if found.record_format == record_formats.OCCLUDER:
        raise DataError(
            f"{found.shards[0]} holds things to put in front of people, not people; leave "
            f"{dataset} out of --datasets."
        )
    return found


def find_occluders(data_dir: str, dataset: str) -> RecordSet:
    """Finds the records of things to put in front of people, of whichever split there is.

    Args:
        data_dir: folder that holds one folder per dataset.
        dataset: e.g. `voc`.

    Raises:
        DataError: if there are none, or they hold something else.
        RecordError: if a file is damaged or of an unknown format.
    """
    layout = shard_layout(dataset)
    there = [split for split in _OCCLUDER_SPLITS if layout.shards(data_dir, split)]
    found = _find(data_dir, dataset, (there or _OCCLUDER_SPLITS)[0])
    if found.record_format != record_formats.OCCLUDER:
        raise DataError(
            f"{found.shards[0]} holds no things to put in front of people; name in --occluders "
            "what hmr_tf.convert --dataset voc made, or nothing for drawn shapes."
        )
    return found


def _find(data_dir: str, dataset: str, split: str) -> RecordSet:
    """Finds records of any kind; ``split`` is a subset where ``dataset`` is `mosh`."""
    layout = shard_layout(dataset)
    if not layout.shards(data_dir, split) and not layout.hmr2_shards(data_dir, split):
        raise DataError(
            f"No records of {dataset} ({split}): expected {layout.glob(data_dir, split)}, "
            f"found {_what_is_there(data_dir, layout.folder)}. Make them with: python -m "
            f"hmr_tf.convert {reader.conversion_flags(dataset, split)} --data_dir SOURCE "
            f"--out_dir {data_dir}"
        )
    summary = reader.describe_records(data_dir, dataset, split)
    if summary.num_records == 0:
        raise DataError(
            f"The records of {dataset} ({split}) in {os.path.join(data_dir, layout.folder)} hold "
            "no example; look at the drop reasons in the manifest beside them and convert again."
        )
    return RecordSet(
        dataset,
        summary.shards,
        summary.num_records,
        summary.has_3d or summary.has_smpl,
        summary.record_format,
    )


def find_mocap(data_dir: str, mocap_datasets: Sequence[str]) -> RecordSet:
    """Finds the records of motion-capture sets; several count as one.

    Args:
        data_dir: folder that holds ``mocap_neutrMosh`` (or hmr2.0's ``smpl``).
        mocap_datasets: names of the sets: `CMU`, `H3.6`, `jointLim`, and of other sources with
            these, e.g. `amass/CMU`, `human_data/cmu_mosh`.

    Raises:
        DataError: if none is named, one has no records or holds images.
        RecordError: if a file is damaged or of an unknown format.
    """
    if not mocap_datasets:
        raise DataError(
            "The discriminators, and --mean_parameters=mocap, need motion-capture poses; name at "
            "least one set, e.g. CMU."
        )
    sets = [_find(data_dir, *_mocap_part(data_dir, name)) for name in mocap_datasets]
    for found in sets:
        if found.record_format != record_formats.MOCAP:
            raise DataError(
                f"{found.shards[0]} holds image records, not motion capture; name the dataset in "
                "--datasets instead of --mocap_datasets."
            )
    shards = tuple(shard for found in sets for shard in found.shards)
    return RecordSet(
        "mosh",
        shards,
        sum(found.num_records for found in sets),
        record_format=record_formats.MOCAP,
    )


def _mocap_part(data_dir: str, name: str) -> tuple[str, str]:
    """Returns dataset and split of a motion-capture set."""
    source, slash, inner = name.partition("/")
    if not slash:
        return "mosh", name
    if shard_layout(name).shards(data_dir, "train"):
        return name, "train"
    return source, inner


def _what_is_there(data_dir: str, folder: str) -> str:
    """Says in a few words what lies where a dataset's records should."""
    path = os.path.join(data_dir, folder)
    if os.path.isdir(path):
        where = path
    elif os.path.isdir(data_dir):
        where = data_dir
    else:
        return f"no folder {data_dir}"
    names = sorted(os.listdir(where))
    if not names:
        return f"{where} empty"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"in {where} only {', '.join(names[:5])}{more}"
