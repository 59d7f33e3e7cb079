"""The file format of COCO's keypoints: one JSON of images, annotations and categories."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.skeletons import Skeleton


@dataclasses.dataclass(frozen=True, eq=False)
class KeypointFile:
    """What a keypoint file says.

    Attributes:
        images: image id -> its entry (`file_name`, `height`, `width`, ...), in order of the ids.
        annotations: image id -> the entries of its people, in the file's order.
    """

    images: Mapping[int, Mapping[str, Any]]
    annotations: Mapping[int, Sequence[Mapping[str, Any]]]


def read_json(path: str, dataset: str) -> Any:
    """Reads a JSON file.

    Raises:
        DatasetError: if it is missing, cut or no JSON.
    """
    try:
        with open(path, "rb") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise DatasetError(f"{dataset}: {path} is not there.") from error
    except (ValueError, RecursionError) as error:  # Bad text is a ValueError, too.
        raise DatasetError(
            f"{dataset}: {path} is no JSON or is cut short ({error}); download it again."
        ) from error


def read_keypoints(path: str, dataset: str, skeleton: Skeleton) -> KeypointFile:
    """Reads and checks a keypoint file.

    Args:
        path: of the file.
        dataset: name for error messages.
        skeleton: the joint set that its keypoints should have.

    Raises:
        DatasetError: if it is missing, damaged, of another kind or of another joint set.
    """
    content = read_json(path, dataset)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(name), list) and all(isinstance(e, dict) for e in content[name])
        for name in lists
    ):
        holds = ", ".join(sorted(content)) if isinstance(content, dict) else type(content).__name__
        raise DatasetError(
            f"{dataset}: {path} must hold the lists images and annotations, as COCO's "
            f"person_keypoints files do; it holds {holds}."
        )
    person = _person_category(content.get("categories"), path, dataset, skeleton)
    try:
        images = {int(entry["id"]): entry for entry in content["images"]}
        annotations: dict[int, list] = {image_id: [] for image_id in sorted(images)}
        with_keypoints = 0
        for entry in content["annotations"]:
            with_keypoints += "keypoints" in entry
            if entry.get("category_id", person) == person:
                annotations[int(entry["image_id"])].append(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{dataset}: {path}: an image or annotation lacks its number or names one that is not "
            f"there ({error!r})."
        ) from error
    if not with_keypoints:
        raise DatasetError(
            f"{dataset}: no annotation in {path} has keypoints; expected person_keypoints_*.json, "
            "not instances_*.json or captions_*.json."
        )
    return KeypointFile({key: images[key] for key in sorted(images)}, annotations)


def _person_category(categories: Any, path: str, dataset: str, skeleton: Skeleton) -> int:
    """Returns the number of the category of people; checks that it has the joints expected."""
    for category in categories if isinstance(categories, list) else ():
        names = category.get("keypoints") if isinstance(category, dict) else None
        if category.get("name") != "person" and names is None:
            continue
        if names is not None and len(names) != skeleton.num_joints:
            raise DatasetError(
                f"{dataset}: the people in {path} have {len(names)} keypoints "
                f"({', '.join(map(str, names))}); {skeleton.name} has {skeleton.num_joints}. Name "
                "their joint set with --option skeleton=NAME."
            )
        same = names is not None and {str(name) for name in names} == set(skeleton.joints)
        if same and tuple(names) != skeleton.joints:
            raise DatasetError(
                f"{dataset}: the keypoints in {path} are in another order than {skeleton.name}: "
                f"{', '.join(names)}."
            )
        return int(category.get("id", 1))
    return 1


def image_path(folder: str, entry: Mapping[str, Any]) -> str:
    """Returns the path of an image in a folder, whatever folder its entry names before it."""
    name = str(entry.get("file_name", ""))
    whole = os.path.join(folder, name)
    return whole if os.path.exists(whole) else os.path.join(folder, os.path.basename(name))


def mask_rows(annotation: Mapping[str, Any]) -> int:
    """Returns how many rows of the picture a person's segmentation covers, from first to last.

    The height of the box where there is no segmentation.

    Raises:
        ValueError, KeyError, TypeError, IndexError: if it is malformed.
    """
    outline = annotation.get("segmentation")
    if isinstance(outline, dict):
        rows, _ = (int(side) for side in outline["size"])
        counts = outline["counts"]
        counts = decode_counts(counts) if isinstance(counts, str) else list(counts)
        ends = np.cumsum(counts)
        starts = ends - counts
        first, last = starts[1::2], ends[1::2] - 1  # Runs of 0 and 1 take turns, down the columns.
        kept = last >= first
        first, last = first[kept], last[kept]
        if not first.size:
            return 0
        if (first // rows != last // rows).any():
            return rows
        return int((last % rows).max() - (first % rows).min() + 1)
    if outline:
        y = np.concatenate([np.asarray(polygon, np.float64)[1::2] for polygon in outline])
        # A row counts if the outline encloses its middle.
        return int(np.floor(y.max() - 0.5) - np.ceil(y.min() - 0.5) + 1)
    return round(float(annotation["bbox"][3]))


def decode_counts(text: str) -> list[int]:
    """Returns the run lengths of a compressed run-length code, as pycocotools writes it."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        # From the fourth on, each is told by how it differs from the one two before.
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts
