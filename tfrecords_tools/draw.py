"""Draws records on one sheet: joints, bones, box, centre, and 3D joints where there are any.

    python -m tfrecords_tools.draw --data_dir=records --dataset=lsp --split=train --out=sheet.png
    python -m tfrecords_tools.draw --files='coco/*.tfrecord' --count=40 --random --out=sheet.png

Left is red, right is blue. Rings are the 3D joints through the record's camera: they lie on the
dots where everything fits. Records are taken evenly from the whole set, or at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from absl import flags

from tfrecords_tools import (
    atomic_file,
    command,
    reader,
    record_drawing,
    record_flags,
    record_formats,
)
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.merging import OpenFiles, record_places
from tfrecords_tools.record_parts import RecordPart
from tfrecords_tools.record_view import view_record

_OUT = flags.DEFINE_string("out", "records.png", "Picture to write (.png or .jpg).")
_COUNT = flags.DEFINE_integer("count", 24, "Records to draw.", lower_bound=1)
_SIZE = flags.DEFINE_integer(
    "size", 256, "Height and width of each picture, px.", lower_bound=64, upper_bound=2048
)
_COLUMNS = flags.DEFINE_integer("columns", 6, "Pictures in a row.", lower_bound=1)
_RANDOM = flags.DEFINE_bool("random", False, "Take records at random.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the random choice.")
_INDEX = flags.DEFINE_list("index", [], "Records to draw, counted over all files; not by --count.")


def main(argv: Sequence[str]) -> None:
    """Draws the chosen records.

    Raises:
        DatasetError: if there is nothing to draw, or the picture cannot be written.
    """
    del argv  # Settings are flags.
    paths = [path for part in _with_images(record_flags.chosen_parts()) for path in part.shards]
    places = record_places(paths)
    chosen = _choose(len(places))
    views = []
    with OpenFiles(paths) as files:
        for file_index, begin in places[chosen].tolist():
            name = f"{paths[file_index]}, byte {begin}"
            views.append(view_record(files.read(file_index, begin), name))
    tiles = [record_drawing.draw_record(view, _SIZE.value) for view in views]
    captions = [record_drawing.caption(view) for view in views]
    sheet = record_drawing.contact_sheet(tiles, captions, _SIZE.value, _COLUMNS.value)
    _write(sheet, _OUT.value)
    print(f"{len(views)} of {len(places)} records in {_OUT.value}")


def _choose(num_records: int) -> np.ndarray:
    """Returns the indices of the records to draw."""
    if _INDEX.value:
        try:
            chosen = np.array([int(text) for text in _INDEX.value])
        except ValueError as error:
            raise DatasetError(f"--index must be numbers; received {error}.") from error
        if chosen.min() < 0 or chosen.max() >= num_records:
            raise DatasetError(f"--index must be below {num_records}, the number of records.")
        return chosen
    count = min(_COUNT.value, num_records)
    if _RANDOM.value:
        rng = np.random.default_rng(_SEED.value)
        return np.sort(rng.choice(num_records, count, replace=False))
    return np.linspace(0, num_records - 1, count).round().astype(int)


def _with_images(parts: Sequence[RecordPart]) -> list[RecordPart]:
    """Leaves out motion capture, which holds nothing to draw on."""
    chosen = []
    for part in parts:
        first = next(reader.read_records(part.shards[0]))
        if record_formats.recognize(first, part.shards[0])[0] != record_formats.MOCAP:
            chosen.append(part)
    if not chosen:
        titles = ", ".join(part.title for part in parts)
        raise DatasetError(f"{titles}: motion-capture records hold no image to draw on.")
    return chosen


def _write(sheet: np.ndarray, path: str) -> None:
    ending = path[path.rfind(".") :].lower()
    if ending not in (".png", ".jpg", ".jpeg"):
        raise DatasetError(f"--out must end in .png or .jpg; received {path}.")
    data = cv2.imencode(ending, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    atomic_file.write_bytes(path, data)


def run() -> None:
    """Runs the command."""
    command.run(main)


if __name__ == "__main__":
    run()
