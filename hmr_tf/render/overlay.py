"""Bodies and skeletons drawn over photographs, bodies from the side, and sheets of pictures.

Images are uint8 RGB `[height, width, 3]`; none is changed in place. The camera's axis passes
through the middle of the image, ((width - 1) / 2, (height - 1) / 2) px, as in `geometry.camera`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hmr_tf.render import rasterizer
from tfrecords_tools.skeletons import Skeleton

# One colour per person, in turn; light enough to keep their shading.
PERSON_COLORS = (
    (0.65, 0.74, 0.86),
    (0.93, 0.75, 0.57),
    (0.67, 0.85, 0.65),
    (0.87, 0.67, 0.80),
    (0.90, 0.87, 0.60),
    (0.66, 0.84, 0.85),
)
LEFT_COLOR = (255, 80, 60)
RIGHT_COLOR = (70, 120, 255)
MIDDLE_COLOR = (90, 210, 90)
_FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel.
_FARTHEST_PX = 30_000.0  # Beyond, OpenCV's integers would overflow.


def overlay(
    image: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    translation: np.ndarray,
    focal_px: float | np.ndarray,
    *,
    colors: Sequence[Sequence[float]] = PERSON_COLORS,
    opacity: float = 1.0,
) -> np.ndarray:
    """Draws one or several bodies over a photograph; the nearer one hides the other.

    Args:
        image: `[height, width, 3]` uint8 RGB.
        vertices: `[V, 3]` or `[people, V, 3]` m, camera frame, not translated.
        faces: `[F, 3]` integer, counter-clockwise seen from outside.
        translation: `[3]` or `[people, 3]` m.
        focal_px: focal length of the camera, px; one, or one for each person.
        colors: RGB in [0, 1] of the people, in turn.
        opacity: 1 hides what lies behind the bodies.

    Returns:
        `[height, width, 3]` uint8 RGB. A body whose numbers are not finite is not drawn.

    Raises:
        ValueError: if a shape is wrong.
    """
    _check_image(image)
    vertices, translation = _people(vertices), np.asarray(translation, np.float64).reshape(-1, 3)
    if len(vertices) != len(translation):
        raise ValueError(
            f"translation must be [{len(vertices)}, 3], a row for each body; received "
            f"{list(translation.shape)}."
        )
    focal = np.broadcast_to(np.asarray(focal_px, np.float64).reshape(-1), (len(vertices),))
    height, width = image.shape[:2]
    center = ((width - 1) / 2.0, (height - 1) / 2.0)
    layers = []
    for index in range(len(vertices)):
        layers.append(
            rasterizer.render_mesh(
                vertices[index] + translation[index],
                faces,
                (focal[index], focal[index], *center),
                height,
                width,
                np.array(colors[index % len(colors)]),
            )
        )
    return _lay(image, layers, opacity)


def side_view(
    vertices: np.ndarray,
    faces: np.ndarray,
    size: int = 512,
    *,
    color: Sequence[float] = PERSON_COLORS[0],
    background: Sequence[int] = (255, 255, 255),
) -> np.ndarray:
    """Draws one body as seen from the side, filling a square picture.

    The body turns by 90 degrees about the camera's y axis through its middle, so that what was
    nearer to the camera is on the left.

    Args:
        vertices: `[V, 3]` m, camera frame (x right, y down, z forward).
        faces: `[F, 3]` integer.
        size: height and width, px.
        color: RGB in [0, 1].
        background: RGB in [0, 255].

    Returns:
        `[size, size, 3]` uint8 RGB; only the background if the numbers are not finite.

    Raises:
        ValueError: if a shape is wrong.
    """
    vertices = np.asarray(vertices, np.float64)
    empty = np.full((size, size, 3), background, np.uint8)
    if not vertices.size or not np.isfinite(vertices).all():
        return empty
    center = vertices.mean(axis=0)
    x, y, z = (vertices - center).T
    turned = np.stack([z, y, -x], axis=1)
    low, high = turned.min(axis=0), turned.max(axis=0)
    reach = max(float((high - low)[:2].max()), 1e-3)
    # So far away that perspective hardly shows, and 5 % of the picture left free on each side.
    distance = 8.0 * reach
    shift = np.array([*(-(low + high)[:2] / 2), distance])
    focal = 0.9 * size * (distance - reach / 2) / reach
    middle = (size - 1) / 2.0
    figure, _ = rasterizer.render_mesh(
        turned + shift, faces, (focal, focal, middle, middle), size, size, np.array(color)
    )
    return rasterizer.composite(figure, empty)


def draw_skeleton(
    image: np.ndarray,
    keypoints: np.ndarray,
    skeleton: Skeleton,
    visibility: np.ndarray | None = None,
    *,
    thickness: int | None = None,
) -> np.ndarray:
    """Draws a person's bones and joints: the left side red, the right side blue, the middle green.

    Args:
        image: `[height, width, 3]` uint8 RGB.
        keypoints: `[K, 2]` px; pixel centres lie at integers.
        skeleton: the set of joints that the keypoints are in.
        visibility: `[K]`, 0 for joints that are not drawn; all are if None.
        thickness: of the bones, px; follows the size of the image if None.

    Returns:
        `[height, width, 3]` uint8 RGB.

    Raises:
        ValueError: if a shape is wrong.
    """
    _check_image(image)
    num_joints = len(skeleton.joints)
    keypoints = np.asarray(keypoints, np.float64)
    if keypoints.shape != (num_joints, 2):
        raise ValueError(
            f"keypoints of {skeleton.name} must be [{num_joints}, 2]; received "
            f"{list(keypoints.shape)}."
        )
    is_drawn = np.isfinite(keypoints).all(axis=1) & (
        np.abs(np.nan_to_num(keypoints)) < _FARTHEST_PX
    ).all(axis=1)
    if visibility is not None:
        is_drawn &= np.asarray(visibility) > 0
    result = np.ascontiguousarray(image).copy()
    width_px = thickness or max(round(max(image.shape[:2]) / 160), 1)
    points = np.rint(np.nan_to_num(keypoints) * 2**_FRACTION_BITS).clip(-(2**30), 2**30)
    points = [tuple(point) for point in points.astype(np.int64).tolist()]
    for start, end in skeleton.bones:
        if is_drawn[start] and is_drawn[end]:
            color = _side_color(skeleton, start, end)
            cv2.line(
                *(result, points[start], points[end], color, width_px, cv2.LINE_AA),
                _FRACTION_BITS,
            )
    radius = round((0.9 * width_px + 0.6) * 2**_FRACTION_BITS)
    for joint in np.flatnonzero(is_drawn).tolist():
        color = _side_color(skeleton, joint, joint)
        cv2.circle(result, points[joint], radius, color, -1, cv2.LINE_AA, _FRACTION_BITS)
    return result


def tile(
    images: Sequence[np.ndarray],
    columns: int | None = None,
    *,
    captions: Sequence[str] | None = None,
    gap: int = 4,
    background: Sequence[int] = (255, 255, 255),
) -> np.ndarray:
    """Lays images out row by row on one sheet.

    Args:
        images: `[height, width, 3]` uint8 RGB each; smaller ones are centred in their cell.
        columns: cells in a row; about a square sheet if None.
        captions: a line of text for each image, written under it.
        gap: px between the cells.
        background: RGB of the sheet.

    Returns:
        `[rows, columns, 3]` uint8 RGB.

    Raises:
        ValueError: if there is no image or the captions do not match.
    """
    if not len(images):
        raise ValueError("tile needs at least one image; received none.")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(images)} images need as many captions; received {len(captions)}.")
    for image in images:
        _check_image(image)
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    columns = min(columns, len(images))
    line = 18 if captions is not None else 0
    cell_height = max(image.shape[0] for image in images) + line
    cell_width = max(image.shape[1] for image in images)
    num_rows = -(-len(images) // columns)
    sheet = np.empty(
        (num_rows * (cell_height + gap) + gap, columns * (cell_width + gap) + gap, 3), np.uint8
    )
    sheet[:] = np.array(background, np.uint8)
    for index, image in enumerate(images):
        top = gap + (index // columns) * (cell_height + gap)
        left = gap + (index % columns) * (cell_width + gap)
        down = top + (cell_height - line - image.shape[0]) // 2
        right = left + (cell_width - image.shape[1]) // 2
        sheet[down : down + image.shape[0], right : right + image.shape[1]] = image
        if captions is not None:
            baseline = (left + 2, top + cell_height - 5)
            ink = (0, 0, 0) if sum(background) > 380 else (255, 255, 255)
            text = _fit(captions[index], cell_width - 4)
            cv2.putText(
                *(sheet, text, baseline, cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, 1, cv2.LINE_AA)
            )
    return sheet


def _lay(
    image: np.ndarray, layers: Sequence[tuple[np.ndarray, np.ndarray]], opacity: float
) -> np.ndarray:
    """Lays rendered bodies over an image, at every pixel the farthest first."""
    result = image.astype(np.float32) / 255.0
    if layers:
        depths = np.stack([depth for _, depth in layers])
        figures = np.stack([figure for figure, _ in layers])
        # Bodies can reach through one another, so the order is each pixel's own.
        order = np.argsort(-depths, axis=0, kind="stable")
        for rank in order:
            figure = np.take_along_axis(figures, rank[None, ..., None], axis=0)[0]
            alpha = opacity * figure[..., 3:]
            result += alpha * (figure[..., :3] - result)
    return (np.clip(result, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _people(vertices: np.ndarray) -> np.ndarray:
    vertices = np.asarray(vertices, np.float64)
    vertices = vertices[None] if vertices.ndim == 2 else vertices
    if vertices.ndim != 3 or vertices.shape[2] != 3:
        raise ValueError(
            f"vertices must be [V, 3] or [people, V, 3]; received {list(vertices.shape)}."
        )
    return vertices


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"image must be [height, width, 3] uint8 RGB; received {list(image.shape)} "
            f"{image.dtype}."
        )


def _side_color(skeleton: Skeleton, start: int, end: int) -> tuple[int, int, int]:
    """Returns the colour of the side that a bone or a joint is on; the joints' names tell."""
    for joint in (start, end):
        words = skeleton.joints[joint].split("_")
        if "left" in words:
            return LEFT_COLOR
        if "right" in words:
            return RIGHT_COLOR
    return MIDDLE_COLOR


def _fit(text: str, width: int) -> str:
    """Cuts a caption to a width in px."""
    while text and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0] > width:
        text = text[:-1]
    return text
