"""Pictures of records: 2D joints, box, centre and projected 3D joints over the stored image.

The body's left side is red, its right side blue, its middle green. Filled dots with thick bones are
the 2D joints, rings with thin bones the projected 3D joints, in the same colours but lighter; so a
side that is swapped, a scale that is off and a camera that does not fit each look different.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tfrecords_tools import images
from tfrecords_tools.errors import ImageError
from tfrecords_tools.record_view import RecordView
from tfrecords_tools.skeletons import Skeleton

LEGEND = (
    ("left", (255, 80, 60)),
    ("right", (70, 120, 255)),
    ("middle", (90, 210, 90)),
    ("rings: 3D joints, projected", (255, 255, 255)),
    ("box", (255, 220, 40)),
    ("cross: centre", (255, 255, 255)),
)
_SIDES = {name: color for name, color in LEGEND[:3]}
_BOX_COLOR, _CENTER_COLOR = LEGEND[4][1], LEGEND[5][1]
_BACKGROUND, _TEXT = (40, 40, 44), (235, 235, 235)
_BITS = 4  # OpenCV draws at sixteenths of a pixel.
_FARTHEST_PX = 30_000.0  # Beyond, OpenCV's integers would overflow.
_GAP, _LINE, _FONT = 6, 17, cv2.FONT_HERSHEY_SIMPLEX
# A person smaller than this share of the picture is shown in a part of it that much larger.
_SMALL_PERSON, _SURROUNDINGS = 0.4, 2.0


def draw_record(view: RecordView, size: int) -> np.ndarray:
    """Draws one record.

    Args:
        view: the record; it must hold an image.
        size: greatest height and width of the picture, px.

    Returns:
        `[height, width, 3]` uint8 RGB. An image that cannot be decoded is drawn as an empty one.
    """
    try:
        image = images.decode_rgb(view.image or b"", view.filename)
    except ImageError:
        image = np.zeros((*(side or size for side in view.size), 3), np.uint8)
    left, top, right, bottom = _window(view, image.shape[:2])
    part = image[top:bottom, left:right]
    scale = size / max(part.shape[:2])
    shape = tuple(max(round(side * scale), 1) for side in part.shape[1::-1])
    quality = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.ascontiguousarray(cv2.resize(part, shape, interpolation=quality))

    def to_canvas(points: np.ndarray) -> np.ndarray:
        """Pixel centres lie at integers, here and there."""
        return (np.asarray(points, np.float64) - (left, top) + 0.5) * scale - 0.5

    width = max(round(size / 150), 1)
    if view.box_xyxy is not None:
        _draw_box(canvas, to_canvas(view.box_xyxy.reshape(2, 2)))
    projected = view.projected_joints
    if projected is not None:
        points = to_canvas(projected[:, :2])
        _draw_person(canvas, points, projected[:, 2], view.skeleton_3d, width, are_rings=True)
    if view.keypoints_2d is not None:
        points = to_canvas(view.keypoints_2d[:, :2])
        visibility = view.keypoints_2d[:, 2]
        _draw_person(canvas, points, visibility, view.skeleton_2d, width, are_rings=False)
    if view.center is not None:
        _draw_cross(canvas, to_canvas(view.center), 2 * width + 2)
    return canvas


def caption(view: RecordView) -> list[str]:
    """Returns two lines about a record: its name, and what it holds."""
    name = " ".join(filter(None, (view.dataset, view.filename or view.sequence))) or "unnamed"
    holds = [
        f"{int((view.keypoints_2d[:, 2] > 0).sum())} points"
        if view.keypoints_2d is not None
        else "",
        "3D" if view.joints_3d is not None else "",
        "SMPL" if view.pose_axis_angle is not None else "",
    ]
    errors = view.reprojection_errors()
    if len(errors):
        holds.append(f"max {errors.max():.1f} px")
    return [name, " ".join(filter(None, holds))]


def contact_sheet(
    tiles: Sequence[np.ndarray], captions: Sequence[Sequence[str]], size: int, columns: int
) -> np.ndarray:
    """Lays pictures out row by row, with captions under them and the legend on top.

    Args:
        tiles: `[height, width, 3]` uint8 RGB each, at most ``size`` high and wide.
        captions: two lines for each picture.
        size: of a cell, px.
        columns: cells in a row.

    Returns:
        `[rows, columns, 3]` uint8 RGB.
    """
    columns = min(columns, len(tiles))
    cell_height = size + 2 * _LINE + _GAP
    num_rows = -(-len(tiles) // columns)
    shape = (num_rows * cell_height + _LINE + 2 * _GAP, columns * (size + _GAP) + _GAP, 3)
    sheet = np.full(shape, _BACKGROUND, np.uint8)
    left = _GAP
    for text, color in LEGEND:
        left += _write(sheet, text, left, _GAP + _LINE - 5, color) + 3 * _GAP
    for index, (tile, lines) in enumerate(zip(tiles, captions)):
        row, column = divmod(index, columns)
        top = _LINE + 2 * _GAP + row * cell_height
        left = _GAP + column * (size + _GAP)
        height, width = tile.shape[:2]
        down, right = top + (size - height) // 2, left + (size - width) // 2
        sheet[down : down + height, right : right + width] = tile
        for number, line in enumerate(lines):
            text = _shortened(line, size)
            _write(sheet, text, left, top + size + (number + 1) * _LINE - 4, _TEXT)
    return sheet


def _window(view: RecordView, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns the part of the image to show: left, top, right, bottom."""
    height, width = shape
    points = np.zeros((0, 2))
    if view.keypoints_2d is not None:
        points = view.keypoints_2d[view.keypoints_2d[:, 2] > 0, :2]
    if view.box_xyxy is not None:
        points = np.concatenate([points, view.box_xyxy.reshape(2, 2)])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return 0, 0, width, height
    low, high = points.min(0), points.max(0)
    extent = float(max(high - low))
    if extent > _SMALL_PERSON * max(shape):
        return 0, 0, width, height
    half = max(_SURROUNDINGS * extent / 2, 16.0)
    middle = np.clip((low + high) / 2, 0, (width - 1, height - 1))
    begin = np.maximum(np.floor(middle - half), 0).astype(int)
    end = np.minimum(np.ceil(middle + half), (width, height)).astype(int)
    return begin[0], begin[1], max(end[0], begin[0] + 1), max(end[1], begin[1] + 1)


def _draw_person(
    canvas: np.ndarray,
    points: np.ndarray,
    visibility: np.ndarray,
    skeleton: Skeleton,
    width: int,
    are_rings: bool,
) -> None:
    is_drawn = (visibility > 0) & np.isfinite(points).all(axis=1)
    is_drawn &= (np.abs(np.nan_to_num(points)) < _FARTHEST_PX).all(axis=1)
    places = [_place(point) if drawn else None for point, drawn in zip(points, is_drawn)]
    thickness = 1 if are_rings else width
    for start, end in skeleton.bones:
        if places[start] and places[end]:
            color = _color(skeleton, (start, end), are_rings)
            cv2.line(canvas, places[start], places[end], color, thickness, cv2.LINE_AA, _BITS)
    radius = round((2.2 * width + 1.5 if are_rings else 0.9 * width + 0.6) * 2**_BITS)
    for joint, place in enumerate(places):
        if place:
            color = _color(skeleton, (joint,), are_rings)
            fill = 1 if are_rings else -1
            cv2.circle(canvas, place, radius, color, fill, cv2.LINE_AA, _BITS)


def _color(skeleton: Skeleton, joints: Sequence[int], is_light: bool) -> tuple[int, ...]:
    """Returns the colour of a joint or a bone: of the one side that its ends are on."""
    sides = {
        side for joint in joints for side in ("left", "right") if side in _words(skeleton, joint)
    }
    color = _SIDES[sides.pop() if len(sides) == 1 else "middle"]
    return tuple((channel + 255) // 2 for channel in color) if is_light else color


def _words(skeleton: Skeleton, joint: int) -> list[str]:
    return skeleton.joints[joint].split("_")


def _draw_box(canvas: np.ndarray, corners: np.ndarray) -> None:
    if np.isfinite(corners).all():
        corners = np.clip(corners, -_FARTHEST_PX, _FARTHEST_PX)
        ends = (_place(corners[0]), _place(corners[1]))
        cv2.rectangle(canvas, *ends, _BOX_COLOR, 1, cv2.LINE_AA, _BITS)


def _draw_cross(canvas: np.ndarray, center: np.ndarray, arm: int) -> None:
    if np.isfinite(center).all() and np.abs(center).max() < _FARTHEST_PX:
        for step in ((arm, 0), (0, arm)):
            ends = (_place(center - step), _place(center + step))
            cv2.line(canvas, *ends, (0, 0, 0), 3, cv2.LINE_AA, _BITS)
            cv2.line(canvas, *ends, _CENTER_COLOR, 1, cv2.LINE_AA, _BITS)


def _place(point: np.ndarray) -> tuple[int, int]:
    return tuple(round(float(value) * 2**_BITS) for value in point)


def _write(sheet: np.ndarray, text: str, left: int, baseline: int, color: Sequence[int]) -> int:
    """Writes a line of text and returns its width, px."""
    plain = text.encode("ascii", "replace").decode()  # OpenCV's font has no other letters.
    cv2.putText(sheet, plain, (left, baseline), _FONT, 0.4, tuple(color), 1, cv2.LINE_AA)
    return cv2.getTextSize(plain, _FONT, 0.4, 1)[0][0]


def _shortened(text: str, width: int) -> str:
    """Returns a text that fits into a width, px; the end of a name tells more than its begin."""
    while len(text) > 4 and cv2.getTextSize(text, _FONT, 0.4, 1)[0][0] > width:
        text = f"...{text[4:]}"
    return text
