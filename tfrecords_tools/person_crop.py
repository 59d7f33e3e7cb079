"""Brings a person to the size that records hold people at, and cuts the surroundings off.

The original release scales every image so that the diagonal of the box around a person's visible
joints measures 150 px, and keeps a square around its middle. Its integer sizes make the two factors
of the resize differ a little; the original multiplied x by the factor of y. Here each coordinate
has its own factor and pixel centres stay pixel centres, so that a camera still projects the 3D
joints onto the 2D ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from tfrecords_tools import images


@dataclasses.dataclass(frozen=True, eq=False)
class PersonCrop:
    """A rescaled and cropped image, and where things of the source image lie in it.

    Attributes:
        image: `[height, width, 3]` uint8 RGB.
        scale_factors: `[2]` (height, width) factor of the resize.
        crop_origin: `[2]` (x, y) of the crop's first pixel in the resized image, px.
    """

    image: np.ndarray
    scale_factors: np.ndarray
    crop_origin: np.ndarray

    def points(self, points: np.ndarray) -> np.ndarray:
        """Moves `[..., n]` points, x and y px in front, from the source image to this one."""
        moved = np.array(points, np.float64)
        moved[..., :2] = (moved[..., :2] + 0.5) * self.scale_factors[::-1] - 0.5 - self.crop_origin
        return moved

    def box(self, box_xyxy: np.ndarray) -> np.ndarray:
        """Moves a box `[4]`, px."""
        return self.points(np.reshape(box_xyxy, (2, 2))).reshape(4)

    def intrinsics(self, intrinsics: np.ndarray) -> np.ndarray:
        """Moves a camera `[4]` (fx, fy, cx, cy), px."""
        focal = np.asarray(intrinsics[:2], np.float64) * self.scale_factors[::-1]
        return np.concatenate([focal, self.points(np.asarray(intrinsics[2:]))])


def decode_for(data: bytes, name: str, scale: float) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Decodes an image file; a JPEG only at the resolution that is needed.

    Args:
        data: contents of the file.
        name: for the error message.
        scale: the greatest factor from the whole image that `crop_scaled` will be asked for.

    Returns:
        `[height, width, 3]` uint8 RGB and, of a JPEG, width and height of the whole image.

    Raises:
        ImageError: as by `images.decode_rgb`.
    """
    layout = images.jpeg_layout(data, header_only=True)
    size = layout[1::-1] if layout else None
    fits = [
        reduction
        for reduction in (8, 4, 2)
        # The resolution of the result remains, and pixels stay the means of whole pixels.
        if size and scale * reduction <= 1 and not any(side % reduction for side in size)
    ]
    return images.decode_rgb(data, name, fits[0] if fits else 1), size


def crop_scaled(
    image: np.ndarray,
    center: np.ndarray,
    scale: float,
    margin: int,
    size: tuple[int, int] | None = None,
) -> PersonCrop | None:
    """Rescales an image and cuts out a square around a point of it.

    Args:
        image: `[h, w, 3]` uint8 RGB.
        center: `[2]` x, y px of the whole image.
        scale: wanted factor from the whole image.
        margin: half the side of the square, px of the result; the crop ends where the image ends.
        size: width and height of the whole image, if the given one is a smaller copy of it.

    Returns:
        The crop, or None if it lies outside the image.
    """
    # Plain numbers: NumPy takes longer for two of them than OpenCV for the image.
    size = size or image.shape[1::-1]
    new_size = [max(int(side * scale), 1) for side in size]
    factors = [new / old for new, old in zip(new_size, size)]
    start, end = [], []
    for middle, factor, new in zip(np.asarray(center).tolist(), factors, new_size):
        middle = round((middle + 0.5) * factor - 0.5)
        start.append(min(max(middle - margin, 0), new))
        end.append(min(max(middle + margin, 0), new))
    if end[0] <= start[0] or end[1] <= start[1]:
        return None
    if scale < 1:
        resized = _shrink(image, *new_size)
        crop = resized[start[1] : end[1], start[0] : end[0]]
    else:  # The whole image might be too large to hold.
        crop = _enlarge(image, factors, start, end)
    return PersonCrop(crop, np.array(factors[::-1]), np.array(start))


def _shrink(image: np.ndarray, new_width: int, new_height: int) -> np.ndarray:
    """Returns the image at a smaller size.

    Means of 2 x 2 pixels, then a linear resize by less than 2, which skips no pixel; together
    several times faster than means over areas of broken size.
    """
    height, width = image.shape[:2]
    while width >= new_width * 2 and height >= new_height * 2 and width % 2 == height % 2 == 0:
        height, width = height // 2, width // 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    is_far = width > new_width * 2 or height > new_height * 2  # An odd side could not be halved.
    interpolation = cv2.INTER_AREA if is_far else cv2.INTER_LINEAR
    return cv2.resize(image, (new_width, new_height), interpolation=interpolation)


def _enlarge(
    image: np.ndarray, factors: Sequence[float], start: Sequence[int], end: Sequence[int]
) -> np.ndarray:
    """Returns the pixels from start to end, x and y, of the enlarged image."""
    to_source = np.zeros((2, 3))
    for axis, factor in enumerate(factors):
        to_source[axis, axis] = 1 / factor
        to_source[axis, 2] = (start[axis] + 0.5) / factor - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = end[0] - start[0], end[1] - start[1]
    return cv2.warpAffine(image, to_source, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
