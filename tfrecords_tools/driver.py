"""Runs a converter: counts, limits, refusals, resume.

The bytes of the records depend on the source and the settings alone, not on the number of workers
nor on where earlier runs were interrupted.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Callable, NamedTuple

from absl import logging
from tqdm import tqdm

from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.drop_log import read_drops
from tfrecords_tools.errors import DamagedSourceError, DatasetError
from tfrecords_tools.manifest import Identity, Manifest, load_manifest
from tfrecords_tools.schema import SCHEMA_VERSION
from tfrecords_tools.shard_layout import shard_layout
from tfrecords_tools.tally import Tally, count_words
from tfrecords_tools.workers import convert_items
from tfrecords_tools.writer import ShardedWriter, remove_remains

_ITEMS_PER_LOG_LINE = 5000  # Where there is no terminal for a progress bar.
_NUM_NAMED = 5  # Damaged samples that the report names.


class Outcome(NamedTuple):
    """What `convert_part` did: the manifest, and whether the work was already done."""

    manifest: Manifest
    was_done: bool

    def report(self, out_dir: str) -> str:
        """Says what is there now, in a line or two."""
        manifest = self.manifest
        identity = manifest.identity
        lines = [
            f"{identity.dataset} {identity.part}: {'already converted, ' * self.was_done}"
            f"{manifest.num_examples} records ({manifest.num_with_3d} with 3D joints, "
            f"{manifest.num_with_smpl} with SMPL) in {len(manifest.shards)} files in "
            f"{os.path.join(out_dir, shard_layout(identity.dataset).folder)}"
        ]
        if manifest.drops:
            lines += self._drop_lines(out_dir)
        return "\n".join(lines)

    def _drop_lines(self, out_dir: str) -> list[str]:
        """Says what was left out, and where the list of it lies."""
        identity = self.manifest.identity
        path = shard_layout(identity.dataset).drops_path(out_dir, identity.part)
        lines = [f"left out: {count_words(self.manifest.drops)}; listed in {path}"]
        damaged = [drop for drop in read_drops(path) if drop.is_damaged]
        if damaged:
            named = [f"{drop.sample or 'unnamed'} ({drop.reason})" for drop in damaged[:_NUM_NAMED]]
            rest = len(damaged) - len(named)
            lines.append(f"damaged: {', '.join(named)}{f' and {rest} more' * (rest > 0)}")
        return lines


# Converts a part and completes the writer: (writer, converter, part, max_error_fraction).
WriteShards = Callable[[ShardedWriter, Converter, str, float], None]


def convert_part(
    converter: Converter,
    part: str,
    out_dir: str,
    num_workers: int = 1,
    examples_per_shard: int = 0,
    max_error_fraction: float = 0.05,
    overwrite: bool = False,
    write_shards: WriteShards | None = None,
) -> Outcome:
    """Converts one part of a dataset to records, or goes on where an earlier run was interrupted.

    Args:
        converter: the dataset's converter.
        part: one of ``converter.parts()``.
        out_dir: the record folder; the records go to the dataset's folder in it.
        num_workers: processes that convert; 1 for this process alone.
        examples_per_shard: records in each shard but the last; 0 for the converter's own.
        max_error_fraction: greatest share of the samples that may be damaged.
        overwrite: whether records that are already there are replaced.
        write_shards: what converts, if not this process and its ``num_workers``; see `beam_driver`.

    Raises:
        DatasetError: if the source is not usable, too much of it is damaged, or other records are
            already there.
        RecordError: if a sample cannot be a record.
    """
    identity = Identity(
        dataset=converter.name,
        part=part,
        schema_version=SCHEMA_VERSION,
        examples_per_shard=examples_per_shard or converter.examples_per_shard,
        options=dict(converter.options),
        fingerprint=converter.fingerprint(part),
    )
    if not overwrite:
        finished = earlier_outcome(out_dir, identity)
        if finished is not None:
            return finished
    with ShardedWriter(out_dir, identity) as writer:
        if not overwrite and not writer.is_complete:
            refuse_strangers(out_dir, identity)
        if not writer.is_complete:
            write_shards = write_shards or functools.partial(_write_shards, num_workers=num_workers)
            try:
                write_shards(writer, converter, part, max_error_fraction)
            except DamagedSourceError:
                writer.discard()
                raise
        return Outcome(writer.publish(), was_done=False)


def earlier_outcome(out_dir: str, identity: Identity) -> Outcome | None:
    """Returns the outcome if this very conversion is already done; None if none is.

    Completes what a kill may have left undone of it.

    Raises:
        DatasetError: if another conversion is, or a file has been changed since.
    """
    manifest = load_manifest(out_dir, identity.dataset, identity.part)
    if manifest is None:
        return None
    folder = os.path.join(out_dir, shard_layout(identity.dataset).folder)
    differences = manifest.identity.differences(identity)
    if differences:
        raise DatasetError(
            f"{folder} already holds '{identity.part}' converted otherwise "
            f"({'; '.join(differences)}). Give another --out_dir, or --overwrite to replace it."
        )
    sizes = zip(manifest.shards, manifest.shard_paths(out_dir))
    broken = [
        path
        for shard, path in sizes
        if not os.path.exists(path) or os.path.getsize(path) != shard.num_bytes
    ]
    if broken:
        raise DatasetError(
            f"{broken[0]} is not the file that was converted; --overwrite converts it again."
        )
    remove_remains(out_dir, identity)
    return Outcome(manifest, was_done=True)


def refuse_strangers(out_dir: str, identity: Identity) -> None:
    """Refuses to replace record files that no manifest speaks of.

    Raises:
        DatasetError: if there are any.
    """
    shards = shard_layout(identity.dataset).shards(out_dir, identity.part)
    if shards:
        raise DatasetError(
            f"{shards[0]} is already there, and no manifest says how it was made. "
            "Give another --out_dir, or --overwrite to replace it."
        )


def _write_shards(
    writer: ShardedWriter,
    converter: Converter,
    part: str,
    max_error_fraction: float,
    num_workers: int,
) -> None:
    """Converts what is left of a part and writes it; fails if too much of it is damaged."""
    items = converter.items(part)
    start = writer.progress
    tally = Tally(start, max_error_fraction)
    title = f"{converter.name} {part}"
    bar = tqdm(
        total=len(items),
        initial=start.next_item,
        desc=title,
        unit="item",
        disable=not sys.stderr.isatty(),
    )
    with bar:
        for item_index, outputs in convert_items(converter, items, start.next_item, num_workers):
            # Only the item at which an interrupted run stopped is already dealt with in part.
            num_done = start.next_output if item_index == start.next_item else 0
            for index, output in enumerate(outputs[num_done:], start=num_done):
                tally.add(output)
                if isinstance(output, Drop):
                    writer.note_drop(output)
                else:
                    writer.write(output.framed)
                if writer.is_shard_full:
                    writer.finish_shard(tally.progress(item_index, index + 1))
            tally.check_on_the_way(title, item_index + 1, len(items))
            bar.update()
            if bar.disable and (item_index + 1) % _ITEMS_PER_LOG_LINE == 0:
                logging.info("%s: %d of %d items.", title, item_index + 1, len(items))
    tally.check(title)
    writer.finish_shard(tally.progress(len(items), 0), is_last=True)
