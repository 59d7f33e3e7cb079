"""Counts the records of a record folder, by dataset and split.

    python -m tfrecords_tools.count --data_dir=records
    python -m tfrecords_tools.count --data_dir=records --dataset=lsp --split=train

Numbers come from the manifests where there are any (files whose size differs from the manifest's
are an error), from the record files themselves otherwise. `3D` and `SMPL` are known from manifests
alone. --files counts any TFRecord files.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfrecords_tools import command, reader, record_flags
from tfrecords_tools.record_parts import RecordPart
from tfrecords_tools.tally import count_words

_HEADER = ("part", "files", "records", "3D", "SMPL", "left out")


def main(argv: Sequence[str]) -> None:
    """Prints a table of the chosen parts."""
    del argv  # Settings are flags.
    parts = record_flags.chosen_parts()
    rows = [_row(part) for part in parts]
    total = sum(int(row[2]) for row in rows)
    rows.append(("all", str(sum(len(part.shards) for part in parts)), str(total), "", "", ""))
    widths = [max(len(row[column]) for row in (_HEADER, *rows)) for column in range(5)]
    for row in (_HEADER, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:5], widths[1:])]
        print("  ".join([*cells, row[5]]).rstrip())


def _row(part: RecordPart) -> tuple[str, ...]:
    """Returns the cells of a part's line."""
    manifest = part.manifest
    if manifest is None:
        count = sum(map(reader.count_records, part.shards))
        return part.title, str(len(part.shards)), str(count), "?", "?", ""
    reader.check_sizes(manifest, part.shards)
    return (
        part.title,
        str(len(part.shards)),
        str(manifest.num_examples),
        str(manifest.num_with_3d),
        str(manifest.num_with_smpl),
        count_words(manifest.drops),
    )


def run() -> None:
    """Runs the command."""
    command.run(main)


if __name__ == "__main__":
    run()
