"""The journal of a conversion: what is finished, so that an interrupted run can go on."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from absl import logging

from tfrecords_tools.atomic_file import write_json
from tfrecords_tools.manifest import Identity, Shard, load_shards


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


@dataclasses.dataclass(frozen=True)
class Journal:
    """The state of a conversion.

    Attributes:
        identity: what is converted.
        shards: the finished shards.
        progress: where to go on behind them.
        is_complete: whether nothing is left to convert.
        num_drop_bytes: length of the list of drops that belongs to the finished shards.
    """

    identity: Identity
    shards: tuple[Shard, ...] = ()
    progress: Progress = dataclasses.field(default_factory=Progress)
    is_complete: bool = False
    num_drop_bytes: int = 0


def save_journal(path: str, journal: Journal) -> None:
    """Writes a journal, whole or not at all."""
    write_json(path, dataclasses.asdict(journal))


def load_journal(path: str) -> Journal | None:
    """Reads a journal; returns None if there is none, or none that can be read."""
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        return Journal(
            identity=Identity(**content["identity"]),
            shards=load_shards(content["shards"]),
            progress=Progress(**content["progress"]),
            is_complete=bool(content["is_complete"]),
            num_drop_bytes=int(content["num_drop_bytes"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        logging.warning("%s cannot be read (%s); it counts for nothing.", path, error)
        return None
