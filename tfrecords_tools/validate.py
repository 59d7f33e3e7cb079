"""Checks records: checksums, keys, images, plausible values, and the manifest's word.

    python -m tfrecords_tools.validate --data_dir=records
    python -m tfrecords_tools.validate --data_dir=records --dataset=lsp --max_reprojection_px=1

Every record is read and its image decoded. Exits with 1 if anything is wrong. Where records hold 3D
joints and a camera, it also says how far they project from the 2D joints; real labels are not
exact, so that is an error only with --max_reprojection_px.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np
from absl import flags

from tfrecords_tools import command, reader, record_checks, record_flags
from tfrecords_tools.errors import RecordError
from tfrecords_tools.manifest import describe_shard
from tfrecords_tools.record_parts import RecordPart
from tfrecords_tools.record_view import view_record

_MAX_REPROJECTION_PX = flags.DEFINE_float(
    "max_reprojection_px",
    None,
    "Greatest distance between 2D joints and projected 3D joints; not checked if empty.",
    lower_bound=0.0,
)
_NUM_NAMED = 3  # Records that the report names for each problem.


def main(argv: Sequence[str]) -> None:
    """Checks the chosen parts and prints a line for each.

    Raises:
        RecordError: if anything is wrong.
    """
    del argv  # Settings are flags.
    num_bad, parts = 0, record_flags.chosen_parts()
    for part in parts:
        report = check_part(part, _MAX_REPROJECTION_PX.value)
        num_bad += report.num_bad
        print("\n".join(report.lines(part)))
    if num_bad:
        raise RecordError(f"{num_bad} records or files have problems; see above.")


class PartReport:
    """What was found in a part.

    Attributes:
        num_records: that were read.
        found: problem -> places where it was found.
        errors_px: distances between 2D joints and projected 3D joints.
    """

    def __init__(self) -> None:
        self.num_records = 0
        self.found: dict[str, list[str]] = collections.defaultdict(list)
        self.errors_px: list[np.ndarray] = []

    @property
    def num_bad(self) -> int:
        """Places with a problem."""
        return len({place for places in self.found.values() for place in places})

    def lines(self, part: RecordPart) -> list[str]:
        """Returns the report in words."""
        count = f"{self.num_records} records in {len(part.shards)} files"
        verdict = f"{self.num_bad} with problems" if self.found else "all good"
        lines = [f"{part.title}: {count}, {verdict}{'' if part.manifest else ' (no manifest)'}"]
        errors = np.concatenate(self.errors_px) if self.errors_px else np.zeros(0)
        if len(errors):
            lines.append(
                f"  3D joints project {np.median(errors):.2f} px from the 2D joints in the median, "
                f"{errors.max():.2f} px at most"
            )
        for problem, places in sorted(self.found.items()):
            rest = len(places) - _NUM_NAMED
            more = f" and {rest} more" if rest > 0 else ""
            lines.append(f"  {problem}: {', '.join(places[:_NUM_NAMED])}{more}")
        return lines


def check_part(part: RecordPart, max_reprojection_px: float | None = None) -> PartReport:
    """Reads and checks all records of a part.

    Args:
        part: what to check.
        max_reprojection_px: greatest distance between 2D joints and projected 3D joints; None not
            to check it.
    """
    report = PartReport()
    shards = part.manifest.shards if part.manifest else [None] * len(part.shards)
    for path, shard in zip(part.shards, shards):
        first = report.num_records
        try:
            for index, record in enumerate(reader.read_records(path)):
                _check_record(report, record, f"{path}, record {index}", max_reprojection_px)
        except RecordError as error:  # The file cannot be read on.
            report.found[str(error)].append(path)
            continue
        if shard is not None and describe_shard(path, shard.file, shard.num_examples) != shard:
            report.found["file that is not the one of the manifest"].append(path)
        elif shard is not None and report.num_records - first != shard.num_examples:
            report.found["file with another number of records than the manifest says"].append(path)
    return report


def _check_record(
    report: PartReport, record: bytes, place: str, max_reprojection_px: float | None
) -> None:
    """Adds one record to the report."""
    report.num_records += 1
    try:
        view = view_record(record, place)
    except RecordError as error:
        report.found[str(error).removeprefix(f"{place}: ")].append(place)
        return
    for problem in record_checks.problems(view):
        report.found[problem].append(place)
    errors = view.reprojection_errors()
    if len(errors) and np.isfinite(errors).all():
        report.errors_px.append(errors)
        if max_reprojection_px is not None and errors.max() > max_reprojection_px:
            report.found[f"3D joint over {max_reprojection_px:g} px off"].append(place)


def run() -> None:
    """Runs the command."""
    command.run(main)


if __name__ == "__main__":
    run()
