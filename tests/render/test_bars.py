from __future__ import annotations

import numpy as np

from hmr_tf.render import axes, bars


def lengths(image, count):
    """Width in px of the bar of each colour."""
    found = []
    for color in axes.COLORS[:count]:
        columns = (np.abs(image.astype(int) - color).max(axis=-1) < 12).any(axis=0)
        found.append(int(columns.sum()))
    return found


def test_bars_are_as_long_as_their_numbers():
    image = bars.draw_bars({"one": 10.0, "two": 20.0, "three": 5.0, "none": 0.0}, "title")
    assert image.shape == (150, 280, 3) and image.dtype == np.uint8
    one, two, three, none = lengths(image, 4)
    assert two > 100 and none <= 1
    assert abs(one / two - 0.5) < 0.03 and abs(three / two - 0.25) < 0.03


def test_names_and_numbers_stay_within_the_picture():
    values = {"a longer name": 1234.5, "b": 1234.5}
    image = bars.draw_bars(values, form="{:.1f} mm", width=300, height=100)
    dark = (image.max(axis=-1) < 120).any(axis=0)
    assert dark[:100].any() and dark[-80:].any() and not dark[-6:].any() and not dark[:6].any()


def test_missing_numbers_and_only_zeros_are_drawn():
    image = bars.draw_bars({"known": 1.0, "unknown": None})
    assert lengths(image, 2)[1] == 0 and lengths(image, 2)[0] > 100
    assert bars.draw_bars({"a": 0.0}).shape == bars.draw_bars({}).shape
