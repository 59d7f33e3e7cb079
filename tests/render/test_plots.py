from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import plots
from hmr_tf.render.axes import COLORS


def pixels_like(image, color, tolerance=40):
    return np.argwhere(np.abs(image.astype(int) - color).max(axis=-1) < tolerance)


def test_a_rising_line_rises():
    image = plots.draw_curves({"up": (range(100), range(100))}, "title", "step", "loss")
    assert image.shape == (540, 900, 3)
    line = pixels_like(image, COLORS[0])
    line = line[line[:, 0] > 100]  # without the legend
    assert len(line) > 300
    assert np.corrcoef(line[:, 1], line[:, 0])[0, 1] < -0.95


def test_the_legend_hides_no_part_of_a_line():
    """Not only none of the points that the line joins."""
    image = plots.draw_curves({"high": ([0, 1], [1, 1]), "low": ([0.5], [0])})
    line = pixels_like(image, COLORS[0])
    row = np.bincount(line[:, 0]).argmax()
    assert np.ptp(line[line[:, 0] == row][:, 1]) + 1 == (line[:, 0] == row).sum() > 750


def test_every_curve_has_its_color_and_equal_calls_equal_pixels():
    x = np.arange(50)
    series = {f"curve {k}": (x, np.full(50, float(k))) for k in range(4)}
    image = plots.draw_curves(series)
    for color in COLORS[:4]:
        assert len(pixels_like(image, color)) > 200
    np.testing.assert_array_equal(image, plots.draw_curves(series))


def test_log_axis_makes_decay_straight():
    x = np.arange(200)
    image = plots.draw_curves({"": (x, 10.0 * np.exp(-x / 20.0))}, log_y=True)
    line = pixels_like(image, COLORS[0])
    assert abs(np.corrcoef(line[:, 1], line[:, 0])[0, 1]) > 0.999


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(
    "curve",
    [
        ([], []),
        ([3], [5]),
        ([0, 1, 2], [1.0, np.nan, np.inf]),
        ([0, 1], [0.0, -1.0]),
        ([0, 1], [7.0, 7.0]),
        ([1e9, 1e9 + 1], [1e-12, 2e-12]),
        (np.arange(5), [1e30, 1e-30, 1.0, 1e5, 0.0]),
    ],
)
def test_unusual_values_are_drawn_or_left_out(curve, log_y):
    image = plots.draw_curves({"a": curve, "b": ([0.0], [1.0])}, "ü", log_y=log_y)
    assert image.shape == (540, 900, 3) and image.dtype == np.uint8


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="'a' must be as long; received 3 and 2"):
        plots.draw_curves({"a": ([0, 1, 2], [0, 1])})


def test_bars_stand_where_their_bin_is():
    edges = [0, 10, 20, 30, 40]
    image = plots.draw_histogram(edges, {"model": [0, 4, 2, 0]}, width=480, height=320)
    bars = pixels_like(image, plots._BAR_COLOR, 12)
    left, right = bars[:, 1].min(), bars[:, 1].max()
    frame_left, frame_right = 78, 480 - 24
    quarter = (frame_right - frame_left) / 4
    assert abs(left - (frame_left + quarter)) < 4 and abs(right - (frame_right - quarter)) < 4
    heights = [(bars[:, 1] == column).sum() for column in (left + 20, right - 20)]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.06)


def test_a_second_distribution_is_an_outline_with_its_mark():
    image = plots.draw_histogram([0, 1, 2], {"a": [1, 2], "b": [2, 0]}, (np.nan, 1.5))
    assert len(pixels_like(image, COLORS[0])) > 200
    mark = pixels_like(image, COLORS[1])
    assert len(set(mark[:, 0])) > 200  # From the bottom to the top, dashed.
    with pytest.raises(ValueError, match="'b' must have 2 heights"):
        plots.draw_histogram([0, 1, 2], {"a": [1, 2], "b": [2, 0, 1]})


def test_nothing_measured_is_an_empty_frame():
    image = plots.draw_histogram([0, 1], {"a": [0]}, pixel_ratio=2)
    assert image.shape == (1080, 1800, 3)
