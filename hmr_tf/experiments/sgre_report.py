"""Tables, claims and figure of the comparison that `sgre` runs; numbers in, text and picture out.

The numbers are those of `sgre.measure`: `runs` by name, each with its `metrics` and `by_depth`,
then `mean_pose` likewise and `joints_by_depth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmr_tf.experiments import reports
from hmr_tf.render import plots

# Run -> what it is called in tables and figure.
TITLES = {"sequential": "sequential, global", "direct": "direct, relative"}
_MEAN_POSE = "mean pose"
METRICS = {
    "mpjpe_mm": ("MPJPE, mm", "{:.1f}"),
    "pa_mpjpe_mm": ("PA-MPJPE, mm", "{:.1f}"),
    "pve_mm": ("PVE, mm", "{:.1f}"),
    "keypoints_2d_px": ("2D error, px", "{:.2f}"),
}
MEASURES = {
    "joints_mm": "joints, mm",
    "global_deg": "global rotations, degrees",
    "independent_deg": "global rotations, others' errors, degrees",
    "local_deg": "relative rotations, degrees",
}
# Of SMPL's joints, head, shoulders, arms and hands lie from this depth on.
_DEEP = 5
_EXPLANATION = (
    "Depth is the number of joints above, up to the pelvis. Global rotations are composed from "
    "the root, relative ones are to the parent; one network estimates these, the other those, and "
    "either kind follows from the other. With others' errors each joint's relative rotation is "
    "wrong as it is in another person: by so much more, errors along a limb make up for each other."
)


def check_claims(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compares the runs as the paper does.

    Returns:
        For each claim its `text`, the `value` measured, the `bound` and whether it `holds`.
    """
    counts = results["joints_by_depth"]
    sequential, direct = (results["runs"][name] for name in TITLES)

    def gain(name: str, depths: slice) -> float:
        """By which share the sequential run lies lower at some depths."""
        ours, theirs = (
            _mean(run["by_depth"][name], counts, depths) for run in (sequential, direct)
        )
        return 1.0 - ours / theirs if theirs else 0.0

    everywhere, shallow, deep = slice(0, None), slice(1, _DEEP), slice(_DEEP, None)
    mpjpe = 1.0 - sequential["metrics"]["mpjpe_mm"] / direct["metrics"]["mpjpe_mm"]
    deeper = gain("joints_mm", deep) - gain("joints_mm", shallow)
    rows = (
        ("sequential estimation lowers MPJPE, by", mpjpe),
        ("and the error of global rotations, by", gain("global_deg", everywhere)),
        (f"and that of joints at depths from {_DEEP} on, by", gain("joints_mm", deep)),
        ("which is more than above, by", deeper),
    )
    return [reports.claim(text, value, 0.0, value > 0.0) for text, value in rows]


def draw_up_tables(results: Mapping[str, Any]) -> str:
    """Returns numbers and claims as Markdown."""
    runs, mean, counts = results["runs"], results["mean_pose"], results["joints_by_depth"]
    measured = {**{TITLES[name]: run for name, run in runs.items()}, _MEAN_POSE: mean}
    lines = _table("held-out people", measured)
    for name, (title, form) in METRICS.items():
        values = (one["metrics"][name] for one in measured.values())
        lines.append(f"| {title} | " + " | ".join(map(form.format, values)) + " |")
    for measure, title in MEASURES.items():
        lines += ["", *_table(f"{title}: depth (joints)", measured)]
        rows = [one["by_depth"][measure] for one in measured.values()]
        for depth, values in enumerate(zip(*rows)):
            written = " | ".join(f"{value:.1f}" for value in values)
            lines.append(f"| {depth} ({counts[depth]}) | {written} |")
        means = " | ".join(f"{_mean(row, counts, slice(0, None)):.1f}" for row in rows)
        lines.append(f"| all ({sum(counts)}) | {means} |")
    lines += ["", *reports.claims_table(results["claims"]), "", _EXPLANATION, ""]
    lines += reports.list_runs(runs, TITLES)
    return "\n".join(lines) + "\n"


def draw_figure(results: Mapping[str, Any]) -> np.ndarray:
    """Draws the errors of each measure against depth.

    Returns:
        uint8 RGB.
    """
    measured = {TITLES[name]: run["by_depth"] for name, run in results["runs"].items()}
    measured[_MEAN_POSE] = results["mean_pose"]["by_depth"]
    panels = [
        plots.draw_curves(
            {title: (range(len(one[measure])), one[measure]) for title, one in measured.items()},
            f"Error of {name}",
            "depth in the tree",
            width=560,
            height=420,
        )
        for measure, name in MEASURES.items()
    ]
    return np.concatenate(panels, axis=1)


def _table(corner: str, columns: Mapping[str, Any]) -> list[str]:
    return [f"| {corner} | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]


def _mean(by_depth: Sequence[float], counts: Sequence[int], depths: slice) -> float:
    """Returns the mean over the joints of some depths."""
    return float(np.average(by_depth[depths], weights=counts[depths]))
