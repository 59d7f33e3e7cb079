"""The file formats of PASCAL VOC: annotations in XML, and label images with VOC's own palette."""

from __future__ import annotations

import dataclasses
import functools
import os
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np

from tfrecords_tools import images
from tfrecords_tools.errors import ImageError

VOID = 255  # Label of the band around objects and of what is too difficult to tell.


@dataclasses.dataclass(frozen=True)
class VOCObject:
    """An object of an image; its place in the annotation, from 1, is its label in the mask.

    Attributes:
        label: in ``SegmentationObject``.
        category: e.g. `bottle`.
        is_truncated: whether it reaches beyond the image or is partly hidden.
        is_difficult: whether it is hard to recognise.
    """

    label: int
    category: str
    is_truncated: bool
    is_difficult: bool


def read_annotation(path: str) -> tuple[bool, tuple[VOCObject, ...]]:
    """Reads an annotation.

    Returns:
        Whether there is a mask of the objects, and the objects.

    Raises:
        ValueError: if it is no annotation; the message says why.
        OSError: if it cannot be read.
    """
    try:
        root = ElementTree.parse(path).getroot()  # Expat itself limits what entities grow to.
        objects = tuple(
            VOCObject(
                label,
                (element.findtext("name") or "").strip(),
                _is_set(element, "truncated"),
                _is_set(element, "difficult"),
            )
            for label, element in enumerate(root.findall("object"), start=1)
        )
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML ({error})") from error
    if root.tag != "annotation" or not all(one.category for one in objects):
        raise ValueError("no annotation with named objects")
    return _is_set(root, "segmented"), objects


def _is_set(element: ElementTree.Element, name: str) -> bool:
    text = (element.findtext(name) or "0").strip()
    return int(text) != 0 if text.lstrip("-").isdigit() else text.lower() == "true"


@functools.cache
def palette() -> np.ndarray:
    """Returns VOC's colours `[256, 3]` uint8 RGB: the label's bits, dealt out to R, G and B."""
    label = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= (((label >> (3 * bit + channel)) & 1) << (7 - bit)).astype(
                np.uint8
            )
    return colors


def read_labels(path: str) -> np.ndarray:
    """Reads a label image.

    Args:
        path: of a PNG with VOC's palette, or of a grey one whose values are the labels.

    Returns:
        `[h, w]` uint8 labels; `VOID` around objects.

    Raises:
        ImageError: if it is missing (`missing mask`), damaged or has other colours (`corrupt
            mask`).
    """
    try:
        data = images.read_image_file(path)
    except ImageError as error:
        raise ImageError(f"missing mask: {path}") from error
    # A PNG ends with this chunk; of a cut file OpenCV returns the part that is there.
    is_whole = data[-12:-4] == b"\0\0\0\0IEND"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if is_whole else None
    if image is None or image.dtype != np.uint8:
        raise ImageError(f"corrupt mask: {path}")
    if image.ndim == 2:
        return image
    blue, green, red = (image[..., channel].astype(np.int64) for channel in range(3))
    label = np.zeros(image.shape[:2], np.int64)
    for bit in range(3):
        for place, channel in enumerate((red, green, blue)):
            label |= ((channel >> (7 - bit)) & 1) << (3 * bit + place)
    label &= 255
    if (palette()[label] != np.stack([red, green, blue], axis=-1)).any():
        raise ImageError(f"corrupt mask: {path} has colours that are not VOC's")
    return label.astype(np.uint8)


def find_root(folder: str) -> str | None:
    """Returns the folder of a release at or below a folder: it holds `Annotations`; else None."""
    names = ("", "VOC2012", "VOCdevkit/VOC2012")
    for root in [os.path.join(folder, name) for name in names]:
        if os.path.isdir(os.path.join(root, "Annotations")):
            return os.path.normpath(root)
    return None
