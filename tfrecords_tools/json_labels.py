"""Labels in JSON files: reading them with errors that name the file, and the two ways in which
images and annotations belong together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfrecords_tools.errors import DatasetError


class MalformedLabelError(ValueError):
    """Raised when one annotation lacks a key or holds something else; such samples are counted."""


def load(path: str, dataset: str) -> Any:
    """Reads a JSON file.

    Raises:
        DatasetError: if it is missing or damaged.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise DatasetError(f"{dataset}: {path} is not there.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{dataset}: {path} is no JSON file or is damaged ({error}).") from error


def load_tables(path: str, dataset: str) -> tuple[list[Any], list[Any]]:
    """Reads a file of `images` and `annotations`.

    Raises:
        DatasetError: if it is missing, damaged or of another kind.
    """
    content = load(path, dataset)
    keys = list(content) if isinstance(content, dict) else []
    tables = [content.get(name) if keys else None for name in ("images", "annotations")]
    if not all(isinstance(table, list) for table in tables):
        found = ", ".join(map(str, keys[:8])) or f"a {type(content).__name__}"
        raise DatasetError(
            f"{dataset}: {path} must hold lists 'images' and 'annotations'; it holds {found}."
        )
    return tables[0], tables[1]


def by_id(
    images: Sequence[Any], annotations: Sequence[Any]
) -> Iterator[tuple[Mapping[str, Any] | None, Any]]:
    """Yields (image, annotation) joined by `image_id`; None for an image that is not listed."""
    table = {image.get("id"): image for image in images if isinstance(image, dict)}
    for annotation in annotations:
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        yield table.get(key), annotation


def by_position(
    images: Sequence[Any], annotations: Sequence[Any], path: str, dataset: str
) -> Iterator[tuple[Any, Any]]:
    """Yields (image, annotation) of parallel lists.

    Raises:
        DatasetError: if they are not equally long.
    """
    if len(images) != len(annotations):
        raise DatasetError(
            f"{dataset}: 'images' and 'annotations' of {path} must be equally long; they are "
            f"{len(images)} and {len(annotations)}."
        )
    yield from zip(images, annotations)


def field(record: Any, *keys: str) -> Any:
    """Returns what stands under a path of keys.

    Raises:
        MalformedLabelError: if it is not there, or if the record is an image that `by_id` misses.
    """
    if record is None:
        raise MalformedLabelError("no image of that id")
    value = record
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise MalformedLabelError(f"no {'.'.join(keys)}")
        value = value[key]
    return value


def numbers(record: Any, *keys: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the numbers under a path of keys, as float64 of a shape (-1 for any length).

    Raises:
        MalformedLabelError: if they are not there or not as many.
    """
    value = field(record, *keys)
    try:
        return np.array(value, np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        name = ".".join(keys)
        raise MalformedLabelError(f"{name} is not {' x '.join(map(str, shape))} numbers") from error


def image_path(folder: str, *parts: Any) -> str:
    """Returns the path of an image that a file names.

    Raises:
        MalformedLabelError: if it is no name or leads out of the folder.
    """
    if not all(isinstance(part, str) and part for part in parts):
        raise MalformedLabelError("file_name is no text")
    path = os.path.normpath(os.path.join(folder, *parts))
    if not path.startswith(os.path.normpath(folder) + os.sep):
        raise MalformedLabelError("file_name leads out of the folder")
    return path


def box_xyxy(record: Any, width: float, height: float) -> np.ndarray | None:
    """Returns the first and last pixel `[4]` of `bbox` (x, y, w, h), px, cut to the image.

    Returns:
        None if the box has no area or nothing of it lies in the image.

    Raises:
        MalformedLabelError: if there is no box.
    """
    x, y, box_width, box_height = numbers(record, "bbox", shape=(4,))
    limits = np.array([width - 1, height - 1], np.float64)
    low = np.clip([x, y], 0.0, limits)
    high = np.clip([x + box_width - 1, y + box_height - 1], 0.0, limits)
    if box_width <= 0 or box_height <= 0 or (high <= low).any():
        return None
    return np.concatenate([low, high])
