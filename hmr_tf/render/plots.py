"""Line plots as PNG files, drawn with OpenCV: no display, no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from tfrecords_tools import atomic_file

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
_INK = (40, 40, 40)
_GRID = (228, 228, 228)
_FRAME = (160, 160, 160)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FRACTION_BITS = 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 24, 46, 58  # margins, px
_SUPERSAMPLING = 2  # drawn larger and shrunk: OpenCV's own antialiasing of text is thin


def plot_curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    path: str,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    log_y: bool = False,
    *,
    width: int = 900,
    height: int = 540,
) -> None:
    """Draws curves into a PNG file, which appears whole or not at all.

    Args:
        series: name -> (x, y), each `[points]`. Points that are not finite are left out, and so are
            those not above zero if ``log_y``.
        path: file to write; its folder is made.
        title: text over the plot.
        xlabel: text under the x axis.
        ylabel: text beside the y axis.
        log_y: whether the y axis is logarithmic.
        width: px.
        height: px.

    Raises:
        ValueError: if x and y of a curve differ in length.
        OSError: if the file cannot be written.
    """
    image = draw_curves(series, title, xlabel, ylabel, log_y, width=width, height=height)
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    atomic_file.write_bytes(path, encoded.tobytes())


def draw_curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    log_y: bool = False,
    *,
    width: int = 900,
    height: int = 540,
) -> np.ndarray:
    """Draws curves; the arguments are those of `plot_curves`.

    Returns:
        `[height, width, 3]` uint8 RGB.

    Raises:
        ValueError: if x and y of a curve differ in length.
    """
    curves = {name: _usable(name, x, y, log_y) for name, (x, y) in series.items()}
    drawn = [curve for curve in curves.values() if len(curve[0])]
    all_x = np.concatenate([x for x, _ in drawn]) if drawn else np.array([0.0, 1.0])
    all_y = np.concatenate([y for _, y in drawn]) if drawn else np.array([0.1, 1.0])
    axes = _Axes(_limits(all_x), _padded(all_y, log_y), log_y, width, height)
    axes.draw_grid()
    axes.draw_frame(title, xlabel, ylabel)
    for number, (x, y) in enumerate(curves.values()):
        axes.draw_line(x, y, COLORS[number % len(COLORS)])
    axes.draw_legend(list(curves), curves)
    return axes.finish()


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


class _Axes:
    """A canvas, larger than the picture by `_SUPERSAMPLING`, with a frame of coordinates."""

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
        for tick in choose_ticks(*self._x_limits, count=8):
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

    def draw_line(self, x: np.ndarray, y: np.ndarray, color: tuple[int, int, int]) -> None:
        if not len(x):
            return
        points = self._scaled(self.to_pixels(x, y))
        thickness = round(1.8 * _SUPERSAMPLING)
        cv2.polylines(
            *(self._canvas, [points], False, color, thickness, cv2.LINE_AA, _FRACTION_BITS)
        )
        if len(x) <= 40:
            radius = round(2.6 * _SUPERSAMPLING * 2**_FRACTION_BITS)
            for point in points.tolist():
                cv2.circle(self._canvas, point, radius, color, -1, cv2.LINE_AA, _FRACTION_BITS)

    def draw_frame(self, title: str, xlabel: str, ylabel: str) -> None:
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
        points = np.concatenate([self.to_pixels(x, y) for x, y in curves.values()])
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

    def finish(self) -> np.ndarray:
        size = self._width, self._height
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
        color: tuple[int, int, int],
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
