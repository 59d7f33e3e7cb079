"""Table, claims and figure of the comparison that `prior` runs; numbers in, text and picture out.

The numbers are those of `prior.measure`: `runs` by name, each with its `metrics`, then `mean_pose`
and `truth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmr_tf.experiments import reports
from hmr_tf.render import bars, overlay, plots

# Run -> what it is called in table and figure.
TITLES = {
    "paired": "3D labels + prior",
    "prior": "2D labels + prior",
    "no_adversary": "2D labels, rigid start",
    "no_prior": "2D labels only",
}
# Metric -> its row in the table, its bar chart, and how it is written.
METRICS = {
    "keypoints_2d_px": ("2D error, px", "2D error, px", "{:.2f}"),
    "mpjpe_mm": ("MPJPE, mm", "MPJPE, mm", "{:.1f}"),
    "pa_mpjpe_mm": ("PA-MPJPE, mm", "PA-MPJPE, mm", "{:.1f}"),
    "pve_mm": ("PVE, mm", "PVE, mm", "{:.1f}"),
    "beyond_limits": ("poses beyond joint limits", "poses beyond joint limits", "{:.0%}"),
    "excess_deg": ("worst joint beyond its range, degrees", "", "{:.1f}"),
}
_MEAN_POSE = "mean pose"
_BARS_HEIGHT, _CURVES_HEIGHT = 160, 380


def check_claims(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compares the runs as the paper does.

    Returns:
        For each claim its `text`, the `value` measured, the `bound` and whether it `holds`.
    """
    paired, prior, beginning, without = (results["runs"][name]["metrics"] for name in TITLES)
    mean = results["mean_pose"]

    def less(name: str, run: Mapping[str, float], other: Mapping[str, float]) -> float:
        """By which share a run lies lower than another."""
        return 1.0 - run[name] / other[name] if other[name] else 0.0

    apart = abs(less("keypoints_2d_px", prior, without))
    rows = [("2D errors with and without prior differ by at most", apart, 0.05, apart <= 0.05)]
    for text, name, run, other, bound in (
        ("the prior lowers MPJPE by at least", "mpjpe_mm", prior, without, 0.20),
        ("the prior lowers PA-MPJPE by at least", "pa_mpjpe_mm", prior, without, 0.08),
        ("PA-MPJPE is under the mean pose's by at least", "pa_mpjpe_mm", prior, mean, 0.05),
        ("fewer poses beyond joint limits by at least", "beyond_limits", prior, without, 0.25),
        ("3D labels lower MPJPE further, by at least", "mpjpe_mm", paired, prior, 0.0),
        ("3D labels lower PA-MPJPE further, by at least", "pa_mpjpe_mm", paired, prior, 0.0),
        ("of the prior, the adversary alone lowers MPJPE", "mpjpe_mm", prior, beginning, 0.0),
        ("... and PA-MPJPE", "pa_mpjpe_mm", prior, beginning, 0.0),
    ):
        value = less(name, run, other)
        rows.append((text, value, bound, value >= bound if bound else value > 0.0))
    return [reports.claim(*row) for row in rows]


def draw_up_table(results: Mapping[str, Any]) -> str:
    """Returns numbers and claims as Markdown."""
    runs, mean, truth = results["runs"], results["mean_pose"], results["truth"]
    columns = [*(TITLES[name] for name in runs), _MEAN_POSE, "truth"]
    lines = [
        f"| held-out people | {' | '.join(columns)} |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for name, (title, _, form) in METRICS.items():
        values = [run["metrics"][name] for run in runs.values()] + [mean[name], truth.get(name)]
        written = ["" if value is None else form.format(value) for value in values]
        lines.append(f"| {title} | " + " | ".join(written) + " |")
    lines += ["", *reports.claims_table(results["claims"]), ""]
    lines += reports.list_runs(runs, TITLES)
    return "\n".join(lines) + "\n"


def draw_figure(
    results: Mapping[str, Any],
    curves: Mapping[str, Sequence[Mapping[str, str]]],
    pictures: Mapping[str, Sequence[Sequence[np.ndarray]]],
) -> np.ndarray:
    """Draws the numbers as bars, the way there as curves, and what it looks like.

    Args:
        results: the numbers.
        curves: run -> rows of its validation.csv.
        pictures: run -> for each of the same people, pictures of truth, estimate and its side.

    Returns:
        uint8 RGB.
    """
    people = _draw_people(results["runs"], pictures)
    width = people.shape[1]
    charts = {name: texts for name, texts in METRICS.items() if texts[1]}
    panels = []
    for name, (_, title, form) in charts.items():
        values = {TITLES[run]: results["runs"][run]["metrics"][name] for run in results["runs"]}
        values[_MEAN_POSE] = results["mean_pose"][name]
        size = {"width": width // len(charts), "height": _BARS_HEIGHT}
        panels.append(bars.draw_bars(values, title, form, **size))
    lines = [
        plots.draw_curves(
            {TITLES[run]: _points(rows, name) for run, rows in curves.items()},
            f"{METRICS[name][1]}, while training",
            "step",
            width=width // 2,
            height=_CURVES_HEIGHT,
        )
        for name in ("keypoints_2d_px", "mpjpe_mm")
    ]
    return reports.stack([np.concatenate(panels, axis=1), np.concatenate(lines, axis=1), people])


def _points(rows: Sequence[Mapping[str, str]], column: str) -> tuple[list[float], list[float]]:
    """Returns steps and values of one column of a validation.csv."""
    known = [row for row in rows if row.get(column)]
    return [float(row["step"]) for row in known], [float(row[column]) for row in known]


def _draw_people(
    runs: Mapping[str, Any], pictures: Mapping[str, Sequence[Sequence[np.ndarray]]]
) -> np.ndarray:
    """Lays out a row per person: the truth's keypoints, then estimate and side view of each run."""
    cells, captions = [], []
    for views in zip(*(pictures[run] for run in runs)):
        cells.append(views[0][0])
        captions.append("keypoints")
        for run, (_, estimate, side) in zip(runs, views):
            cells += [estimate, side]
            captions += [TITLES[run], "from the side"]
    return overlay.tile(cells, columns=1 + 2 * len(runs), captions=captions)
