from __future__ import annotations

import cv2
import numpy as np
import pytest

from hmr_tf.render import plots


def pixels_like(image, color, tolerance=40):
    return np.argwhere(np.abs(image.astype(int) - color).max(axis=-1) < tolerance)


def test_a_rising_line_rises(tmp_path):
    path = tmp_path / "new" / "plot.png"
    plots.plot_curves({"up": (range(100), range(100))}, str(path), "title", "step", "loss")
    image = cv2.imread(str(path))[..., ::-1]
    assert image.shape == (540, 900, 3)
    line = pixels_like(image, plots.COLORS[0])
    line = line[line[:, 0] > 100]  # without the legend
    assert len(line) > 300
    assert np.corrcoef(line[:, 1], line[:, 0])[0, 1] < -0.95
    assert not list(path.parent.glob("*.part"))


def test_every_curve_has_its_color_and_equal_calls_equal_pixels():
    x = np.arange(50)
    series = {f"curve {k}": (x, np.full(50, float(k))) for k in range(4)}
    image = plots.draw_curves(series)
    for color in plots.COLORS[:4]:
        assert len(pixels_like(image, color)) > 200
    np.testing.assert_array_equal(image, plots.draw_curves(series))


def test_log_axis_makes_decay_straight():
    x = np.arange(200)
    image = plots.draw_curves({"": (x, 10.0 * np.exp(-x / 20.0))}, log_y=True)
    line = pixels_like(image, plots.COLORS[0])
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


def test_lengths_must_agree(tmp_path):
    with pytest.raises(ValueError, match="'a' must be as long; received 3 and 2"):
        plots.plot_curves({"a": ([0, 1, 2], [0, 1])}, str(tmp_path / "x.png"))


def test_ticks_are_round_and_inside():
    np.testing.assert_allclose(plots.choose_ticks(0, 100), [0, 20, 40, 60, 80, 100])
    np.testing.assert_allclose(plots.choose_ticks(0.013, 0.047, 5), [0.02, 0.03, 0.04])
    np.testing.assert_allclose(plots.choose_log_ticks(0.5, 20000), [1, 10, 100, 1000, 10000])
    np.testing.assert_allclose(plots.choose_log_ticks(0.9, 12), [1, 2, 5, 10])
    for low, high in ((3.1, 3.2), (0.02, 0.9), (0.3, 1e7)):
        for ticks in (plots.choose_ticks(low, high), plots.choose_log_ticks(low, high)):
            assert 2 <= len(ticks) <= 12
            assert (ticks >= low * 0.999999 - 1e-9 * high).all() and (
                ticks <= high * 1.000001
            ).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (0.5, "0.5"), (1500.0, "1500"), (20000.0, "20k"), (667725.0, "667.7k")),
        *((2.5e6, "2.5M"), (1e-5, "1e-5"), (-0.25, "-0.25"), (0.30000000000000004, "0.3")),
    ],
)
def test_tick_texts(value, text):
    assert plots.format_tick(value) == text
