"""An evaluation's numbers as rows of text, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hmr_tf.evaluation import published
from hmr_tf.evaluation.breakdown import Breakdown
from hmr_tf.evaluation.measures import MEASURES

LABELS = {
    "mpjpe_mm": "MPJPE",
    "pa_mpjpe_mm": "PA-MPJPE",
    "pve_mm": "PVE",
    "smpl_mpjpe_mm": "MPJPE of SMPL's joints",
    "located_mpjpe_mm": "MPJPE as located",
    "keypoints_2d_px": "2D error",
    "pck_150": "3DPCK",
    "auc_150": "AUC",
    "pa_pck_150": "PA 3DPCK",
    "pa_auc_150": "PA AUC",
    "pck_torso_0.2": "PCK",
    "pckh_0.5": "PCKh",
    "pck_box_0.05": "PCK 0.05",
    "pck_box_0.1": "PCK 0.1",
    "foreground_accuracy": "Foreground accuracy",
    "foreground_f1": "Foreground F1",
    "part_accuracy": "Part accuracy",
    "part_f1": "Part F1",
}
# What stands for a number that is not known.
UNKNOWN = "–"


def format_value(value: float | None, unit: str) -> str:
    """Returns a number as tables show it: F1 with two digits, others with one."""
    if value is None:
        return UNKNOWN
    return f"{value:.1f}" if unit else f"{value:.2f}"


def heading(name: str) -> str:
    """Returns a metric's short name and unit."""
    unit = MEASURES[name].unit
    return f"{LABELS[name]}{f', {unit}' if unit else ''}"


def cells(values: Mapping[str, float | None], names: Sequence[str]) -> list[str]:
    """Returns the values of some metrics as text."""
    return [format_value(values.get(name), MEASURES[name].unit) for name in names]


def comparison(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows of the table of our numbers beside published ones.

    The first row is ours, the last two columns are the sources and what to know about them.

    Args:
        summary: `protocol`, `metrics` and `baseline`.
    """
    metrics = [name for name, value in summary["metrics"].items() if value is not None]
    header = ["", *[heading(name) for name in metrics], "source", "note"]
    rows = [["this model", *cells(summary["metrics"], metrics), "this evaluation", ""]]
    if any(summary.get("baseline", {}).get(name) is not None for name in metrics):
        note = "where training began, for everybody"
        rows.append(["mean pose", *cells(summary["baseline"], metrics), "this evaluation", note])
    for entry in published.find(summary["protocol"]):
        if set(entry.values) & set(metrics):
            values = [_as_printed(entry.values[m], m) if m in entry.values else "" for m in metrics]
            rows.append([entry.model, *values, entry.source, entry.note])
    return header, rows


def _as_printed(value: float, name: str) -> str:
    """Returns a published number with all its digits, but no fewer than ours have."""
    return max(f"{value:g}", format_value(value, MEASURES[name].unit), key=len)


def part_rows(table: Breakdown) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows of a table by part."""
    header = [table.by, "people", *[heading(name) for name in table.metrics]]
    rows = []
    for row in table.rows:
        count = "" if row.count is None else f"{row.count:,}"
        rows.append([row.label or UNKNOWN, count, *cells(row.values, table.metrics)])
    return header, rows


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table for a terminal: names and texts to the left, numbers right.

    Args:
        header, rows: of `comparison`.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = (0, len(header) - 2, len(header) - 1)
    return [
        "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]
