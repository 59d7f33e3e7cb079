"""Line plots and histograms, drawn with OpenCV: no display, no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hmr_tf.render.axes import COLORS, Axes

# Of the bars of a histogram, a light tint of the first curve's colour.
_BAR_COLOR = (190, 217, 236)


def draw_curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    log_y: bool = False,
    *,
    width: int = 900,
    height: int = 540,
    pixel_ratio: int = 1,
) -> np.ndarray:
    """Draws curves.

    Args:
        series: name -> (x, y), each `[points]`. Points that are not finite are left out, and so are
            those not above zero if ``log_y``.
        title: text over the plot.
        xlabel: text under the x axis.
        ylabel: text beside the y axis.
        log_y: whether the y axis is logarithmic.
        width: px.
        height: px.
        pixel_ratio: as in `Axes.finish`.

    Returns:
        `[height, width, 3]` uint8 RGB, times the pixel ratio.

    Raises:
        ValueError: if x and y of a curve differ in length.
    """
    curves = {name: _usable(name, x, y, log_y) for name, (x, y) in series.items()}
    drawn = [curve for curve in curves.values() if len(curve[0])]
    all_x = np.concatenate([x for x, _ in drawn]) if drawn else np.array([0.0, 1.0])
    all_y = np.concatenate([y for _, y in drawn]) if drawn else np.array([0.1, 1.0])
    axes = Axes(_limits(all_x), _padded(all_y, log_y), log_y, width, height)
    axes.draw_grid()
    axes.draw_frame(title, xlabel, ylabel)
    for number, (x, y) in enumerate(curves.values()):
        axes.draw_line(x, y, COLORS[number % len(COLORS)])
    axes.draw_legend(list(curves), curves)
    return axes.finish(pixel_ratio)


def draw_histogram(
    edges: Sequence[float],
    heights: Mapping[str, Sequence[float]],
    marks: Sequence[float] = (),
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    *,
    width: int = 900,
    height: int = 540,
    pixel_ratio: int = 1,
) -> np.ndarray:
    """Draws a histogram: the first distribution as filled bars, others as outlines.

    Args:
        edges: `[bins + 1]`, rising.
        heights: name -> `[bins]`.
        marks: of each distribution, in turn, where an upright line stands, e.g. its mean; not
            finite for none.
        title: text over the plot.
        xlabel: text under the x axis.
        ylabel: text beside the y axis.
        width: px.
        height: px.
        pixel_ratio: as in `Axes.finish`.

    Returns:
        `[height, width, 3]` uint8 RGB, times the pixel ratio.

    Raises:
        ValueError: if a distribution has not one height for each bin.
    """
    edges = np.asarray(edges, np.float64)
    rows = {name: np.asarray(row, np.float64) for name, row in heights.items()}
    for name, row in rows.items():
        if row.shape != (len(edges) - 1,):
            raise ValueError(
                f"'{name}' must have {len(edges) - 1} heights; received {list(row.shape)}."
            )
    highest = max((float(row.max()) for row in rows.values() if row.size), default=0.0) or 1.0
    axes = Axes((edges[0], edges[-1]), (0.0, 1.06 * highest), False, width, height)
    axes.draw_grid()
    outlines = {name: (np.repeat(edges, 2)[1:-1], np.repeat(row, 2)) for name, row in rows.items()}
    for number, (name, row) in enumerate(rows.items()):
        if number == 0:
            axes.draw_bars(edges, row, _BAR_COLOR)
        axes.draw_line(*outlines[name], COLORS[number % len(COLORS)], with_points=False)
    for number, mark in enumerate(marks):
        if np.isfinite(mark) and edges[0] <= mark <= edges[-1]:
            axes.draw_mark(float(mark), COLORS[number % len(COLORS)])
    axes.draw_frame(title, xlabel, ylabel)
    axes.draw_legend(list(rows) if len(rows) > 1 else [], outlines)
    return axes.finish(pixel_ratio)


def _usable(
    name: str, x: Sequence[float], y: Sequence[float], log_y: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the points of a curve that can be drawn."""
    x, y = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    if len(x) != len(y):
        raise ValueError(f"x and y of '{name}' must be as long; received {len(x)} and {len(y)}.")
    keep = np.isfinite(x) & np.isfinite(y)
    if log_y:
        keep &= y > 0
    return x[keep], y[keep]


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300) or high == low:
        margin = 0.5 * abs(low) or 0.5
        return low - margin, high + margin
    return low, high


def _padded(values: np.ndarray, log_y: bool) -> tuple[float, float]:
    """Returns the limits of the y axis: the values' with some air."""
    if log_y:
        low, high = np.log(values.min()), np.log(values.max())
        air = max(0.06 * (high - low), 0.05)
        return float(np.exp(low - air)), float(np.exp(high + air))
    low, high = _limits(values)
    air = 0.06 * (high - low)
    # An error or a loss is read against zero if that is near.
    bottom = 0.0 if 0 <= low < 0.35 * high else low - air
    return bottom, high + air
