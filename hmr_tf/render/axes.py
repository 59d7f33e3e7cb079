"""A frame of coordinates to draw plots in, with OpenCV: no display, no plotting library."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

# Okabe and Ito's colours, told apart also by people who see fewer; the pale yellow comes last.
COLORS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (90, 90, 90),
    (200, 190, 40),
)
Color = tuple[int, int, int]

_INK = (40, 40, 40)
_GRID = (228, 228, 228)
_FRAME = (160, 160, 160)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FRACTION_BITS = 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 24, 46, 58  # margins, px
_TICK_WIDTH = 112  # px that a tick of the x axis has for itself, about
_SUPERSAMPLING = 2  # drawn larger and shrunk: OpenCV's own antialiasing of text is thin


def choose_ticks(low: float, high: float, count: int = 6) -> np.ndarray:
    """Returns about ``count`` round numbers within [low, high], steps of 1, 2 or 5 times 10^n."""
    span = max(high - low, 1e-300)
    raw = span / max(count - 1, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first = np.ceil(low / step - 1e-9)
    last = np.floor(high / step + 1e-9)
    return step * np.arange(first, last + 1)


def choose_log_ticks(low: float, high: float) -> np.ndarray:
    """Returns round numbers within [low, high] for a logarithmic axis."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 7)):
        ticks = np.sort(np.outer(powers, factors).ravel())
        ticks = ticks[(ticks >= low * (1 - 1e-9)) & (ticks <= high * (1 + 1e-9))]
        if len(ticks) >= 4:
            break
    else:
        return choose_ticks(low, high)
    return ticks[:: -(-len(ticks) // 10)]


def format_tick(value: float) -> str:
    """Returns a short text for a number on an axis."""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:.4g}M"
    if size >= 1e4:
        return f"{value / 1e3:.4g}k"
    if size and size < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.5g}" if size > 1e-12 else "0"


def _along(corners: np.ndarray) -> np.ndarray:
    """Returns `[points, 2]` places all along the line through `[corners, 2]`."""
    if not len(corners):
        return corners
    places = np.linspace(0, len(corners) - 1, 16 * (len(corners) - 1) + 1)
    return np.stack([np.interp(places, range(len(corners)), row) for row in corners.T], axis=-1)


class Axes:
    """A canvas, larger than the picture by `_SUPERSAMPLING`, with a frame of coordinates.

    Args:
        x_limits: lowest and highest x.
        y_limits: lowest and highest y.
        log_y: whether the y axis is logarithmic.
        width: px.
        height: px.
    """

    def __init__(
        self,
        x_limits: tuple[float, float],
        y_limits: tuple[float, float],
        log_y: bool,
        width: int,
        height: int,
    ) -> None:
        self._x_limits, self._y_limits, self._log_y = x_limits, y_limits, log_y
        self._width, self._height = width, height
        self._left, self._right = _LEFT, width - _RIGHT
        self._top, self._bottom = _TOP, height - _BOTTOM
        size = height * _SUPERSAMPLING, width * _SUPERSAMPLING, 3
        self._canvas = np.full(size, 255, np.uint8)

    def to_pixels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns `[points, 2]` px of the finished picture."""
        (x0, x1), (y0, y1) = self._x_limits, self._y_limits
        if self._log_y:
            y, y0, y1 = np.log(y), np.log(y0), np.log(y1)
        across = (np.asarray(x, float) - x0) / (x1 - x0)
        up = (np.asarray(y, float) - y0) / (y1 - y0)
        column = self._left + across * (self._right - self._left)
        row = self._bottom - up * (self._bottom - self._top)
        return np.stack([column, row], axis=-1)

    def draw_grid(self) -> None:
        """Draws the ticks of both axes, their lines and numbers."""
        for tick in choose_ticks(*self._x_limits, count=round(self._width / _TICK_WIDTH)):
            column = self.to_pixels(tick, self._y_limits[0])[0]
            self._segment((column, self._top), (column, self._bottom), _GRID, 1.0)
            self._segment((column, self._bottom), (column, self._bottom + 4), _FRAME, 1.0)
            self._text(format_tick(tick), (column, self._bottom + 20), 0.45, "center")
        ticks = choose_log_ticks if self._log_y else choose_ticks
        for tick in ticks(*self._y_limits):
            row = self.to_pixels(self._x_limits[0], tick)[1]
            self._segment((self._left, row), (self._right, row), _GRID, 1.0)
            self._segment((self._left - 4, row), (self._left, row), _FRAME, 1.0)
            self._text(format_tick(tick), (self._left - 9, row + 4), 0.45, "right")

    def draw_line(
        self, x: np.ndarray, y: np.ndarray, color: Color, with_points: bool = True
    ) -> None:
        """Draws a curve, and its points if it has few and they are wanted."""
        if not len(x):
            return
        points = self._scaled(self.to_pixels(x, y))
        thickness = round(1.8 * _SUPERSAMPLING)
        cv2.polylines(
            *(self._canvas, [points], False, color, thickness, cv2.LINE_AA, _FRACTION_BITS)
        )
        if with_points and len(x) <= 40:
            radius = round(2.6 * _SUPERSAMPLING * 2**_FRACTION_BITS)
            for point in points.tolist():
                cv2.circle(self._canvas, point, radius, color, -1, cv2.LINE_AA, _FRACTION_BITS)

    def draw_bars(self, edges: np.ndarray, heights: np.ndarray, color: Color) -> None:
        """Draws filled bars that stand on the lower end of the y axis, a little apart."""
        tops = self.to_pixels(edges[1:], heights)
        lefts = self.to_pixels(edges[:-1], heights)[:, 0]
        for left, (right, top) in zip(lefts, tops):
            corners = (left + 0.5, top), (right - 0.5, self._bottom)
            first, last = (np.rint(np.array(corners) * _SUPERSAMPLING)).astype(int).tolist()
            if first[1] < last[1]:
                cv2.rectangle(self._canvas, first, last, color, -1)

    def draw_mark(self, x: float, color: Color) -> None:
        """Draws an upright dashed line through the whole frame."""
        column = self.to_pixels(x, self._y_limits[0])[0]
        for row in range(self._top, self._bottom, 8):
            self._segment((column, row), (column, min(row + 5, self._bottom)), color, 1.4)

    def draw_frame(self, title: str, xlabel: str, ylabel: str) -> None:
        """Draws the axes themselves and what is written about them."""
        for start, end in (
            ((self._left, self._top), (self._left, self._bottom)),
            ((self._left, self._bottom), (self._right, self._bottom)),
        ):
            self._segment(start, end, _FRAME, 1.2)
        middle = (self._left + self._right) / 2
        self._text(title, (middle, 28), 0.62, "center", bold=True)
        self._text(xlabel, (middle, self._height - 14), 0.5, "center")
        if ylabel:
            self._text_upwards(ylabel, 20, (self._top + self._bottom) / 2)

    def draw_legend(
        self, names: list[str], curves: Mapping[str, tuple[np.ndarray, np.ndarray]]
    ) -> None:
        """Names the curves in the corner where they leave most room."""
        if not names or (len(names) == 1 and not names[0]):
            return
        text_width = max(self._text_size(name, 0.45) for name in names)
        box = np.array([text_width + 46, 19 * len(names) + 10])
        inset = 8
        corners = [
            np.array([column, row])
            for row in (self._top + inset, self._bottom - inset - box[1])
            for column in (self._right - inset - box[0], self._left + inset)
        ]
        points = np.concatenate([_along(self.to_pixels(x, y)) for x, y in curves.values()])
        hidden = [((points > c - 6) & (points < c + box + 6)).all(axis=1).sum() for c in corners]
        left, top = corners[int(np.argmin(hidden))]
        area = self._canvas[
            int(top * _SUPERSAMPLING) : int((top + box[1]) * _SUPERSAMPLING),
            int(left * _SUPERSAMPLING) : int((left + box[0]) * _SUPERSAMPLING),
        ]
        area[:] = (0.15 * area + 0.85 * 255).astype(np.uint8)
        for number, name in enumerate(names):
            row = top + 15 + 19 * number
            color = COLORS[number % len(COLORS)]
            self._segment((left + 8, row), (left + 32, row), color, 2.4)
            self._text(name, (left + 40, row + 4), 0.45, "left")

    def finish(self, pixel_ratio: int = 1) -> np.ndarray:
        """Returns the picture, uint8 RGB, of the axes' size times a pixel ratio of 1 or 2."""
        size = self._width * pixel_ratio, self._height * pixel_ratio
        return cv2.resize(self._canvas, size, interpolation=cv2.INTER_AREA)

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        """Returns canvas coordinates in OpenCV's fixed point; far points are pulled in."""
        far = 4.0 * max(self._width, self._height)
        scaled = np.clip(pixels, -far, far) * _SUPERSAMPLING * 2**_FRACTION_BITS
        return np.rint(scaled).astype(np.int32)

    def _segment(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        color: Color,
        thickness: float,
    ) -> None:
        first, last = self._scaled(np.array([start, end], float)).tolist()
        width = max(round(thickness * _SUPERSAMPLING), 1)
        cv2.line(self._canvas, first, last, color, width, cv2.LINE_AA, _FRACTION_BITS)

    def _text_size(self, text: str, size: float) -> float:
        return cv2.getTextSize(text, _FONT, size * _SUPERSAMPLING, 2)[0][0] / _SUPERSAMPLING

    def _text(
        self,
        text: str,
        at: tuple[float, float],
        size: float,
        align: str,
        bold: bool = False,
        canvas: np.ndarray | None = None,
    ) -> None:
        """Writes a line of text; ``at`` is its baseline's left end, middle or right end, px."""
        text = text.encode("ascii", "replace").decode()  # All that OpenCV's font knows.
        back = {"left": 0.0, "center": 0.5, "right": 1.0}[align] * self._text_size(text, size)
        place = round((at[0] - back) * _SUPERSAMPLING), round(at[1] * _SUPERSAMPLING)
        canvas = self._canvas if canvas is None else canvas
        thickness = 3 if bold else 2
        cv2.putText(
            *(canvas, text, place, _FONT, size * _SUPERSAMPLING, _INK, thickness, cv2.LINE_AA)
        )

    def _text_upwards(self, text: str, column: float, middle: float) -> None:
        strip = np.full((26 * _SUPERSAMPLING, self._height * _SUPERSAMPLING, 3), 255, np.uint8)
        self._text(text, (self._height - middle, 18), 0.5, "center", canvas=strip)
        turned = strip.swapaxes(0, 1)[::-1]
        left = round((column - 18) * _SUPERSAMPLING)
        self._canvas[:, left : left + turned.shape[1]] = np.minimum(
            self._canvas[:, left : left + turned.shape[1]], turned
        )
