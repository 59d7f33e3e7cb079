"""AI Challenger (AIC): human keypoints in the wild, 14 joints.

Source tree: ``keypoint_<set>_annotations_<date>.json`` beside ``keypoint_<set>_images_<date>``,
the set being train or validation, here or in a folder such as
``ai_challenger_keypoint_train_20170909``. Releases differ in dates, so any is taken; where there
are several, ``--option annotations=FILE`` and ``--option images=FOLDER`` choose.

Flags are 1 visible, 2 labelled but hidden, 3 not labelled: confidences 1, 0.5 and 0 in the 24-joint
set. As in pytorch_HMR, people with fewer than 5 labelled joints and people whose box overlaps
another's by more than a tenth (intersection over union) are left out. People are brought to the
size at which the original HMR release keeps MPII's, whose labels are of the same kind: 150 px, in
crops of at most 600 px. ``--option person_px=0`` leaves the images as they are, byte by byte.

Of the real training images nine are known to be corrupt. Files of AIC rewritten in COCO's style are
read by ``--dataset coco`` with ``--option skeleton=aic14``.

Reference:
    J. Wu et al., Large-scale Datasets for Going Deeper in Image Understanding, ICME 2019.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfrecords_tools import coco_format, person_scale, photo_people
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.labelled_people import Framing, LabelledPerson
from tfrecords_tools.photo_people import Photo
from tfrecords_tools.skeletons import AIC14

_SETS = {"train": "train", "val": "validation"}
_CONFIDENCE = np.array([0.0, 1.0, 0.5, 0.0])  # By flag.
_MARGIN_PX = 300


class AICConverter(Converter):
    """Converts AI Challenger's people."""

    name = "aic"
    splits = ("train", "val")
    option_defaults = {  # noqa: RUF012
        "annotations": "",
        "images": "",
        "min_points": 5,
        "max_overlap": 0.1,
        "person_px": 150.0,
    }

    def fingerprint(self, part: str) -> str:
        """Hashes the annotations and the list of images."""
        labels, folder = self._source()
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jpg"))
        return fingerprint_files(
            self.data_dir, [labels], [os.path.join(folder, name) for name in names]
        )

    def items(self, part: str) -> Sequence[Photo]:
        """Returns the images that show people, in the order of the annotations."""
        labels, folder = self._source()
        content = coco_format.read_json(labels, self.name)
        keys = {"image_id", "keypoint_annotations"}
        if not isinstance(content, list) or not all(
            isinstance(entry, dict) and keys <= set(entry) for entry in content
        ):
            raise DatasetError(
                f"aic: {labels} must hold a list of images with image_id and "
                f"keypoint_annotations{_hint(content)}."
            )
        try:
            photos = [self._photo(entry, folder) for entry in content]
        except (AttributeError, TypeError) as error:
            raise DatasetError(f"aic: {labels} is not laid out as AIC's ({error}).") from error
        return [photo for photo in photos if photo.people]

    def convert(self, item: Photo) -> Iterable[Output]:
        """Turns one image into one sample per person."""
        framing = Framing(self.options["person_px"], _MARGIN_PX, person_scale.scale_from_head)
        return list(photo_people.convert_photo(item, self.name, framing))

    def _source(self) -> tuple[str, str]:
        """Returns the annotation file and the folder of images."""
        words = _SETS[self.split]
        labels = self._find("annotations", f"*keypoint_{words}*annotations*.json", os.path.isfile)
        folder = self._find("images", f"*keypoint_{words}_images*", os.path.isdir)
        return labels, folder

    def _find(self, option: str, pattern: str, is_right: Any) -> str:
        """Returns the one path below the source that fits."""
        if self.options[option]:
            path = os.path.join(self.data_dir, self.options[option])
            if not is_right(path):
                raise DatasetError(f"aic: {path} is not there; check --option {option}.")
            return path
        root = glob.escape(self.data_dir)
        for depth in ("", "*/"):
            found = [path for path in glob.glob(f"{root}/{depth}{pattern}") if is_right(path)]
            if len(found) > 1:
                names = ", ".join(sorted(os.path.relpath(path, self.data_dir) for path in found))
                raise DatasetError(f"aic: there are {names}; choose by --option {option}=NAME.")
            if found:
                return found[0]
        raise DatasetError(
            f"aic: {self.data_dir} holds no {pattern}, nor do the folders in it. Check --data_dir "
            f"and --split, or give --option {option}=NAME."
        )

    def _photo(self, entry: Mapping[str, Any], folder: str) -> Photo:
        """Gathers the people of one image."""
        keypoints = entry["keypoint_annotations"]
        boxes = entry.get("human_annotations") or {}
        path = os.path.join(folder, f"{entry['image_id']}.jpg")
        # human2 before human10.
        names = sorted(keypoints, key=lambda name: (len(name), name))
        boxes_xyxy = {name: _box(boxes.get(name)) for name in names}
        people = [self._person(path, name, keypoints[name], boxes_xyxy) for name in names]
        return Photo(path, tuple(people))

    def _person(
        self, path: str, name: str, values: Any, boxes: Mapping[str, np.ndarray | None]
    ) -> LabelledPerson | Drop:
        """Reads a person, and says why not where one is left out."""
        try:
            points = np.array(values, np.float64).reshape(AIC14.num_joints, 3)
        except (ValueError, TypeError):
            return Drop("malformed annotation", is_error=True, name=name)
        flags = points[:, 2]
        if not np.isin(flags, (0, 1, 2, 3)).all():
            return Drop("malformed annotation", is_error=True, name=name)
        confidence = _CONFIDENCE[flags.astype(int)]
        num_labelled = int((confidence > 0).sum())
        if not num_labelled:
            return Drop("no labelled keypoint", name=name)
        if num_labelled < self.options["min_points"]:
            return Drop(f"fewer than {self.options['min_points']} labelled keypoints", name=name)
        box = boxes[name]
        others = [other for key, other in boxes.items() if key != name and other is not None]
        if box is not None and any(
            _overlap(box, other) > self.options["max_overlap"] for other in others
        ):
            return Drop("close to other people", name=name)
        points = np.concatenate([points[:, :2], (confidence > 0)[:, None]], axis=1)
        return LabelledPerson(
            path,
            points,
            AIC14.name,
            box_xyxy=box,
            confidence=confidence,
            subject=name,
            name=name,
        )


def _hint(content: Any) -> str:
    """Says what a file in COCO's style is read by."""
    if isinstance(content, dict) and "annotations" in content:
        return "; it is in COCO's style, which --dataset coco --option skeleton=aic14 reads"
    return ""


def _box(values: Any) -> np.ndarray | None:
    """Returns a box_xyxy; None if there is none or it is malformed."""
    try:
        box = np.array(values, np.float64).reshape(4)
    except (ValueError, TypeError):
        return None
    return box if np.isfinite(box).all() else None


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the intersection over union of two boxes."""
    size = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(np.prod(np.maximum(size, 0.0)))
    areas = [float(np.prod(np.maximum(box[2:] - box[:2], 0.0))) for box in (first, second)]
    return shared / max(sum(areas) - shared, 1e-9)
