"""Procedural pictures to stand in front of or behind: textures, rooms, landscapes, clutter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hmr_tf.errors import ImageError
from hmr_tf.render.zbuffer import Intrinsics

_PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def fractal_noise(
    random: np.random.Generator, height: int, width: int, channels: int, roughness: float
) -> np.ndarray:
    """Returns `[height, width, channels]` float32 noise of several octaves, about +-1.

    Args:
        random: source of randomness.
        height: rows.
        width: columns.
        channels: number of independent channels.
        roughness: strength of each octave relative to the next coarser one.
    """
    result = np.zeros((height, width, channels), np.float32)
    strength, total, cells = 1.0, 0.0, int(random.integers(2, 5))
    while cells < max(height, width):
        grid = random.random((cells + 1, cells + 1, channels), np.float32) * 2.0 - 1.0
        octave = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        result += strength * octave.reshape(height, width, channels)
        total += strength**2
        strength *= roughness
        cells = cells * 2 + 1
    # A texture of one or two pixels has no octave at all.
    return result / np.float32(np.sqrt(total) * 0.6) if total else result


def draw_color(random: np.random.Generator) -> np.ndarray:
    """Draws the `[3]` RGB of a surface: mostly near grey, now and then vivid."""
    brightness = random.uniform(0.05, 0.95)
    hue = random.random(3)
    return np.clip(brightness + random.beta(1.0, 2.5) * (hue - hue.mean()) * 1.4, 0.03, 0.97)


def texture(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Returns a `[height, width, 3]` float32 material: a colour with grain, stripes or spots."""
    color = draw_color(random).astype(np.float32)
    other = draw_color(random).astype(np.float32)
    other = color + np.float32(random.beta(1.0, 2.0)) * (other - color)
    pattern = fractal_noise(random, height, width, 1, random.uniform(0.4, 0.95))
    kind = random.integers(0, 4)
    if kind == 0:
        row, column = np.mgrid[:height, :width].astype(np.float32)
        angle, wavelength = random.uniform(0, np.pi), random.uniform(4.0, 40.0)
        phase = (np.cos(angle) * column + np.sin(angle) * row) / wavelength * 2 * np.pi
        pattern = 0.3 * pattern + np.sin(phase + pattern[..., 0])[..., None]
    elif kind == 1:
        pattern = np.sign(pattern)
    grain = random.normal(0.0, random.uniform(0.0, 0.04), (height, width, 1)).astype(np.float32)
    return np.clip(color + (other - color) * (0.5 + 0.5 * pattern) + grain, 0.0, 1.0)


def draw_clutter(
    random: np.random.Generator, image: np.ndarray, count: int, largest: float = 0.5
) -> None:
    """Draws random boxes, polygons, discs and bars into a float32 RGB image in place.

    Args:
        random: source of randomness.
        image: `[height, width, 3]` float32 in [0, 1].
        count: number of shapes.
        largest: size of the largest shapes relative to the image.
    """
    height, width = image.shape[:2]
    size = max(height, width)
    for _ in range(count):
        color = tuple(draw_color(random).tolist())
        x, y = random.uniform(0, width), random.uniform(0, height)
        w, h = size * largest * random.beta(1.0, 2.5, 2) + 3.0
        kind = random.integers(0, 5)
        if kind == 0:
            corners = (int(x - w / 2), int(y - h / 2)), (int(x + w / 2), int(y + h / 2))
            cv2.rectangle(image, *corners, color, -1)
        elif kind == 1:
            angle = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 8))))
            points = np.stack([x + w * np.cos(angle), y + h * np.sin(angle)], axis=1)
            cv2.fillPoly(image, [points.astype(np.int32)], color, cv2.LINE_AA)
        elif kind == 2:
            axes = int(w / 2) + 1, int(h / 2) + 1
            turn = random.uniform(0, 180)
            cv2.ellipse(image, (int(x), int(y)), axes, turn, 0, 360, color, -1, cv2.LINE_AA)
        elif kind == 3:
            # Bars of a limb's thickness, so that a limb is not known by its outline alone.
            end = int(x + random.normal(0, w + 10)), int(y + random.normal(0, h + 10))
            thickness = int(random.integers(2, 14))
            cv2.line(image, (int(x), int(y)), end, color, thickness, cv2.LINE_AA)
        else:
            top, left = int(max(y - h / 2, 0)), int(max(x - w / 2, 0))
            part = image[top : int(y + h / 2) + 1, left : int(x + w / 2) + 1]
            part[:] = texture(random, *part.shape[:2])


def draw_background(
    random: np.random.Generator,
    height: int,
    width: int,
    intrinsics: Intrinsics,
    camera_from_world: np.ndarray,
    ground: float,
) -> np.ndarray:
    """Draws a picture to stand before: a ground in perspective under a wall or sky, with clutter.

    Args:
        random: source of randomness.
        height: rows.
        width: columns.
        intrinsics: (fx, fy, cx, cy) px.
        camera_from_world: `[3, 3]` from the y-up frame into the camera frame.
        ground: height of the ground relative to the camera, m, in the y-up frame.

    Returns:
        `[height, width, 3]` float32 RGB in [0, 1].
    """
    upright = _gradient(random, height, width)
    if random.random() < 0.4:
        upright = 0.5 * upright + 0.5 * texture(random, height, width)
    draw_clutter(random, upright, int(random.integers(0, 5)))
    if random.random() < 0.3:
        sigma = random.uniform(0.5, 3.0)
        upright = cv2.GaussianBlur(upright, (0, 0), sigma)
    if random.random() < 0.2:
        return np.clip(upright, 0.0, 1.0)
    points, distance = _ground_points(height, width, intrinsics, camera_from_world, ground)
    far = random.uniform(3.0, 25.0)
    share = np.clip((far - distance) / (0.02 * far), 0.0, 1.0)[..., None]
    floor = _floor(random, points, distance)
    image = upright + share * (floor - upright)
    draw_clutter(random, image, int(random.integers(0, 3)), largest=0.25)
    return np.clip(image, 0.0, 1.0)


def list_photos(folder: str) -> list[str]:
    """Returns the sorted paths of the photographs in a folder and its subfolders.

    Raises:
        ImageError: if there are none.
    """
    paths = sorted(
        str(path) for path in Path(folder).rglob("*") if path.suffix.lower() in _PHOTO_ENDINGS
    )
    if not paths:
        raise ImageError(
            f"No photographs in '{folder}'; expected files ending in {', '.join(_PHOTO_ENDINGS)}."
        )
    return paths


def crop_photo(
    random: np.random.Generator, paths: Sequence[str], height: int, width: int
) -> np.ndarray:
    """Returns a random part of a random photograph, `[height, width, 3]` float32 RGB in [0, 1].

    Raises:
        ImageError: if the photograph cannot be read.
    """
    path = paths[int(random.integers(len(paths)))]
    photo = cv2.imread(path, cv2.IMREAD_COLOR)
    if photo is None:
        raise ImageError(
            f"The background '{path}' cannot be read as an image; remove or replace it."
        )
    rows, columns = photo.shape[:2]
    zoom = max(height / rows, width / columns) * random.uniform(1.0, 1.6)
    part = round(height / zoom), round(width / zoom)
    part = max(min(part[0], rows), 1), max(min(part[1], columns), 1)
    top = int(random.integers(0, rows - part[0] + 1))
    left = int(random.integers(0, columns - part[1] + 1))
    photo = photo[top : top + part[0], left : left + part[1], ::-1]
    shrunk = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk.astype(np.float32) / 255.0


def _gradient(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Returns a bilinear blend of four random corner colours."""
    corners = draw_color(random) + random.normal(0.0, 0.1, (2, 2, 3))
    image = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image, 0.0, 1.0)


def _ground_points(
    height: int,
    width: int,
    intrinsics: Intrinsics,
    camera_from_world: np.ndarray,
    ground: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where each pixel's ray meets the ground, `[h, w, 2]` m, and how far, `[h, w]` m.

    The distance is infinite where the ray meets no ground.
    """
    fx, fy, cx, cy = intrinsics
    rays = np.empty((height, width, 3), np.float32)
    rays[..., 0] = (np.arange(width) - cx) / fx
    rays[..., 1] = ((np.arange(height) - cy) / fy)[:, None]
    rays[..., 2] = 1.0
    world = rays @ camera_from_world.astype(np.float32)  # the transpose turns the other way
    with np.errstate(divide="ignore"):
        distance = np.float32(ground) / world[..., 1]
    distance = np.where(distance > 0, distance, np.inf)
    reach = np.minimum(distance, 1e3)
    return world[..., ::2] * reach[..., None], distance


def _floor(random: np.random.Generator, points: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Returns the colours of a floor at `[h, w, 2]` ground points, m."""
    height, width = distance.shape
    color = draw_color(random)
    turn = random.uniform(0.0, np.pi)
    x = points[..., 0] * np.cos(turn) + points[..., 1] * np.sin(turn)
    z = points[..., 1] * np.cos(turn) - points[..., 0] * np.sin(turn)
    tile = random.uniform(0.15, 1.2)
    kind = random.integers(0, 4)
    if kind == 0:
        pattern = ((np.floor(x / tile) + np.floor(z / tile)) % 2) - 0.5
    elif kind == 1:
        joint = random.uniform(0.03, 0.1)
        pattern = -1.0 * ((x / tile % 1.0 < joint) | (z / (3.0 * tile) % 1.0 < joint))
    else:
        pattern = np.zeros_like(x)
    # Fine patterns dissolve far away instead of flickering.
    pattern = pattern * np.clip(6.0 * tile / np.minimum(distance, 1e3), 0.0, 1.0)
    grain = fractal_noise(random, height, width, 1, random.uniform(0.5, 1.0))[..., 0]
    shade = random.uniform(0.0, 0.35) * pattern + random.uniform(0.02, 0.15) * grain
    return np.clip(color + shade[..., None], 0.0, 1.0).astype(np.float32)
