"""Charts of an evaluation: how errors are spread, and how many joints are near enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hmr_tf.render import plots

_NUM_BINS = 36
# Beyond this share of the people, everything goes into the last bin.
_SHOWN = 0.99
# Small enough for a phone to show the text in a readable size, and drawn twice as sharp.
_SIZE = {"width": 480, "height": 320, "pixel_ratio": 2}


def choose_edges(values: np.ndarray, num_bins: int = _NUM_BINS) -> np.ndarray:
    """Returns edges of bins from zero, of a round width, that hold nearly all of the values.

    Args:
        values: `[N]`, not negative; those not finite are passed over.
        num_bins: bins at most.

    Returns:
        `[bins + 1]`; the last bin begins where about 1 % of the values are left, or before.
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    top = float(np.quantile(values, _SHOWN)) if values.size else 0.0
    raw = max(top, 1e-6) / (num_bins - 1)
    power = 10.0 ** np.floor(np.log10(raw))
    width = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * (1 - 1e-9))
    return width * np.arange(int(np.floor(top / width + 1e-9)) + 2)


def bin_shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns the share of the values in each bin; those beyond the last edge are in the last bin.

    Args:
        values: `[N]`; those not finite are passed over.
        edges: `[bins + 1]`.

    Returns:
        `[bins]` percent, of which the sum is 100, or 0 if there is no value.
    """
    values = np.asarray(values, np.float64)
    values = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
    counts, _ = np.histogram(values, edges)
    return 100.0 * counts / max(values.size, 1)


def draw_histogram(
    name: str, values: np.ndarray, baseline: np.ndarray | None = None, unit: str = "mm"
) -> np.ndarray:
    """Draws how an error is spread over the people.

    Args:
        name: of the error, e.g. `MPJPE`.
        values: `[N]`, the error of each person.
        baseline: the same of the mean pose, if it is measured.
        unit: of the errors.

    Returns:
        uint8 RGB; dashed lines mark the means, the last bar holds everything beyond.
    """
    spread = {"model": np.asarray(values, np.float64)}
    if baseline is not None and np.isfinite(baseline).any():
        spread["mean pose"] = np.asarray(baseline, np.float64)
    edges = choose_edges(np.concatenate(list(spread.values())))
    marks = [
        row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan
        for row in spread.values()
    ]
    return plots.draw_histogram(
        edges,
        {key: bin_shares(row, edges) for key, row in spread.items()},
        marks,
        name,
        f"{unit}; the last bar holds all beyond",
        "people, %",
        **_SIZE,
    )


def pck_curve(distances: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Returns the percentage of correct keypoints at each threshold.

    Args:
        distances: any shape; those not finite are passed over.
        thresholds: `[T]`, of the same unit.

    Returns:
        `[T]` percent of distances below the threshold; NaN if there is no distance.
    """
    distances = np.asarray(distances, np.float64)
    ordered = np.sort(distances[np.isfinite(distances)])
    if not ordered.size:
        return np.full(len(thresholds), np.nan)
    return 100.0 * np.searchsorted(ordered, thresholds, side="left") / ordered.size


def draw_pck(
    curves: Mapping[str, np.ndarray], thresholds: Sequence[float], title: str, unit: str = "mm"
) -> np.ndarray:
    """Draws PCK curves.

    Args:
        curves: name -> distances, of any shape.
        thresholds: `[T]`.
        title: over the chart.
        unit: of distances and thresholds.

    Returns:
        uint8 RGB.
    """
    series = {
        name: (np.asarray(thresholds, np.float64), pck_curve(distances, thresholds))
        for name, distances in curves.items()
    }
    return plots.draw_curves(
        series, title, f"threshold, {unit}", "joints nearer than it, %", **_SIZE
    )
