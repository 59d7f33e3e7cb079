"""Ticks and their texts; what is drawn on axes is tested in test_plots."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import axes


def test_ticks_are_round_and_inside():
    np.testing.assert_allclose(axes.choose_ticks(0, 100), [0, 20, 40, 60, 80, 100])
    np.testing.assert_allclose(axes.choose_ticks(0.013, 0.047, 5), [0.02, 0.03, 0.04])
    np.testing.assert_allclose(axes.choose_log_ticks(0.5, 20000), [1, 10, 100, 1000, 10000])
    np.testing.assert_allclose(axes.choose_log_ticks(0.9, 12), [1, 2, 5, 10])
    for low, high in ((3.1, 3.2), (0.02, 0.9), (0.3, 1e7)):
        for ticks in (axes.choose_ticks(low, high), axes.choose_log_ticks(low, high)):
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
    assert axes.format_tick(value) == text


def test_a_point_lies_between_the_limits():
    frame = axes.Axes((0.0, 10.0), (1.0, 100.0), True, 480, 320)
    low, middle, high = (frame.to_pixels(x, y) for x, y in ((0, 1), (5, 10), (10, 100)))
    np.testing.assert_allclose(middle, (low + high) / 2)
    assert low[0] < high[0] and low[1] > high[1]


def test_a_picture_may_be_sharper_than_its_size():
    frame = axes.Axes((0.0, 1.0), (0.0, 1.0), False, 480, 320)
    assert frame.finish().shape == (320, 480, 3)
    assert frame.finish(pixel_ratio=2).shape == (640, 960, 3)
