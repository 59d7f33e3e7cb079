"""Bar charts of a few named numbers, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from hmr_tf.render.axes import COLORS

_INK = (40, 40, 40)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUPERSAMPLING = 2  # As in `axes`.
_TOP, _MARGIN, _GAP = 36, 10, 8  # px
_TEXT, _TITLE = 0.42, 0.5  # sizes


def draw_bars(
    values: Mapping[str, float | None],
    title: str = "",
    form: str = "{:.1f}",
    *,
    width: int = 280,
    height: int = 150,
) -> np.ndarray:
    """Draws one horizontal bar per number, from zero, with its name before and itself behind it.

    Args:
        values: name -> a number that is not negative; None leaves the place empty. The bars have
            the colours of `plots.draw_curves`, in the same order.
        title: text over the bars.
        form: how numbers are written, for `str.format`.
        width: px.
        height: px.

    Returns:
        `[height, width, 3]` uint8 RGB.
    """
    canvas = np.full((height * _SUPERSAMPLING, width * _SUPERSAMPLING, 3), 255, np.uint8)
    _write(canvas, title, (_MARGIN, 22), _TITLE, 3)
    texts = {name: form.format(value) for name, value in values.items() if value is not None}
    left = 2 * _MARGIN + max((_text_width(name) for name in values), default=0)
    room = width - left - 2 * _MARGIN - max(map(_text_width, texts.values()), default=0)
    longest = max((value for value in values.values() if value is not None), default=0.0) or 1.0
    pitch = (height - _TOP - _MARGIN) / max(len(values), 1)
    for number, (name, value) in enumerate(values.items()):
        top = _TOP + number * pitch
        bottom = top + pitch - _GAP
        baseline = (top + bottom) / 2 + 4
        _write(canvas, name, (_MARGIN, baseline), _TEXT, 2)
        if value is None:
            continue
        right = left + max(room, 1) * value / longest
        corners = [
            (round(x * _SUPERSAMPLING), round(y * _SUPERSAMPLING))
            for x, y in ((left, top), (right, bottom))
        ]
        cv2.rectangle(canvas, *corners, COLORS[number % len(COLORS)], -1)
        _write(canvas, texts[name], (right + 6, baseline), _TEXT, 2)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)


def _text_width(text: str) -> float:
    return cv2.getTextSize(text, _FONT, _TEXT * _SUPERSAMPLING, 2)[0][0] / _SUPERSAMPLING


def _write(
    canvas: np.ndarray, text: str, at: tuple[float, float], size: float, thickness: int
) -> None:
    place = round(at[0] * _SUPERSAMPLING), round(at[1] * _SUPERSAMPLING)
    text = text.encode("ascii", "replace").decode()  # All that OpenCV's font knows.
    cv2.putText(*(canvas, text, place, _FONT, size * _SUPERSAMPLING, _INK, thickness, cv2.LINE_AA))
