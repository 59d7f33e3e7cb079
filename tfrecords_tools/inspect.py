"""Prints what is in records: every key with its type, length and values.

    python -m tfrecords_tools.inspect --data_dir=records --dataset=lsp --split=train
    python -m tfrecords_tools.inspect --files=records/lsp/train_000.tfrecord --index=7 --all_values

Reads any TFRecord file of `tf.train.Example`s, whichever program wrote it. With more than one
dataset it shows one record of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from tfrecords_tools import command, images, reader, record_flags, record_formats
from tfrecords_tools.errors import RecordError
from tfrecords_tools.example_proto import decode_example
from tfrecords_tools.record_parts import RecordPart

_INDEX = flags.DEFINE_integer("index", 0, "Record to print, counted over all files.", lower_bound=0)
_ALL_VALUES = flags.DEFINE_bool("all_values", False, "Print all numbers of a key.")

_NUM_SHOWN = 6
_LONGEST_TEXT = 60


def main(argv: Sequence[str]) -> None:
    """Prints one record of each chosen part."""
    del argv  # Settings are flags.
    for part in record_flags.chosen_parts():
        path, index, record = _find(part, _INDEX.value)
        features = decode_example(record)
        print(f"{part.title}: {path}, record {index}, {len(record)} bytes, {_format(record, path)}")
        width = max(map(len, features), default=0)
        for key in sorted(features):
            print(f"  {key.ljust(width)}  {describe(features[key], _ALL_VALUES.value)}")


def describe(values: Any, shows_all: bool = False) -> str:
    """Returns one feature in a line: type, length, values.

    Args:
        values: list of bytes, or an array.
        shows_all: whether all numbers are shown.
    """
    if isinstance(values, list):
        return f"bytes[{len(values)}]  {', '.join(map(_describe_bytes, values))}"
    kind = "int64" if values.dtype.kind == "i" else "float"
    shown = values if shows_all else values[:_NUM_SHOWN]
    numbers = " ".join(str(v) if kind == "int64" else f"{v:.5g}" for v in shown.tolist())
    if len(shown) < len(values):
        numbers += f" ... (from {np.min(values):.5g} to {np.max(values):.5g})"
    return f"{kind}[{len(values)}]  {numbers}"


def _describe_bytes(data: bytes) -> str:
    layout = images.jpeg_layout(data)
    if layout is not None:
        height, width, channels = layout
        return f"JPEG {width} x {height}, {channels} channels, {len(data)} bytes"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"{len(data)} bytes {data[:8].hex()}..."
    return repr(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...")


def _find(part: RecordPart, index: int) -> tuple[str, int, bytes]:
    """Returns path, index in it and contents of a record counted over all files of a part."""
    left = index
    for path in part.shards:
        count = reader.count_records(path)
        if left < count:
            for position, record in enumerate(reader.read_records(path)):
                if position == left:
                    return path, position, record
        left -= count
    raise RecordError(f"{part.title} has {index - left} records; --index={index} is beyond them.")


def _format(record: bytes, path: str) -> str:
    try:
        return f"format {record_formats.recognize(record, path)[0]}"
    except RecordError:
        return "of an unknown format"


def run() -> None:
    """Runs the command."""
    command.run(main)


if __name__ == "__main__":
    run()
