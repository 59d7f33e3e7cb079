"""MuCo-3DHP: up to four people of MPI-INF-3DHP composed into one picture.

Source tree, as released with 3DMPPE, is ``data`` or a folder that holds it: ``MuCo-3DHP.json`` of
`images` (`file_name`, `f`, `c`) and `annotations` (21 `keypoints_img` px, `keypoints_cam` mm,
`keypoints_vis`, `bbox`), ``smpl_param.json`` of SMPL fits by annotation (`pose`, `shape`, `trans`,
m, camera frame) if it was downloaded, and the images in ``augmented_set`` and ``unaugmented_set``,
of which one may be missing altogether.

As there, the person nearest to the camera counts, and every other who is at least 500 mm from
everybody else; option `all_people` takes them all. Every joint is labelled; those that another
person hides have confidence 0.5 in J24. People are brought to 150 px in crops of at most 300 px.
Joints are relative to the translation of the SMPL fit, or to the pelvis where there is none.

Reference:
    D. Mehta et al., Single-Shot Multi-Person 3D Pose Estimation From Monocular RGB, 3DV 2018.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

import numpy as np

from tfrecords_tools import images, json_labels
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.json_labels import MalformedLabelError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample
from tfrecords_tools.skeletons import MUCO21

_LABELS, _FITS = "MuCo-3DHP.json", "smpl_param.json"
_SETS = ("augmented_set", "unaugmented_set")
_PELVIS = MUCO21.index("pelvis")
_NEAR_MM = 500.0
_HIDDEN_CONFIDENCE = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Composite:
    """The work item: an image, as the JSON files describe it.

    Attributes:
        file_name: of the image, below the source tree.
        image: its entry.
        annotations: the entries of its people.
        fits: the SMPL fits of the same people; None where there is none.
    """

    file_name: str
    image: Mapping[str, Any]
    annotations: tuple[Mapping[str, Any], ...]
    fits: tuple[Mapping[str, Any] | None, ...]


_Item = Union[Drop, Composite]


class MuCoConverter(Converter):
    """Converts MuCo-3DHP; all of it is for training."""

    name = "muco"
    option_defaults = {"all_people": False}  # noqa: RUF012

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        for inner in ("", "data", os.path.join("MuCo", "data")):
            folder = os.path.join(self.data_dir, inner) if inner else self.data_dir
            if os.path.isfile(os.path.join(folder, _LABELS)):
                self.data_dir = folder
                break

    def fingerprint(self, part: str) -> str:
        """Hashes the JSON files and the list of images."""
        labels = [os.path.join(self.data_dir, name) for name in (_LABELS, _FITS)]
        items = self.items(part)
        listed = [os.path.join(self.data_dir, i.file_name) for i in items if hasattr(i, "image")]
        return fingerprint_files(self.data_dir, filter(os.path.isfile, labels), listed)

    def items(self, part: str) -> Sequence[_Item]:
        """Returns the images, in the order of the file."""
        path = os.path.join(self.data_dir, _LABELS)
        listed, annotations = json_labels.load_tables(path, self.name)
        fits = self._read_fits()
        people = collections.defaultdict(list)
        for annotation in annotations:
            if isinstance(annotation, dict):
                people[annotation.get("image_id")].append(annotation)
        is_there = {name: os.path.isdir(os.path.join(self.data_dir, name)) for name in _SETS}
        if not any(is_there.values()):
            raise DatasetError(
                f"muco: {self.data_dir} holds neither {' nor '.join(_SETS)}; the images are there."
            )
        return [self._item(image, people, fits, is_there) for image in listed]

    def _read_fits(self) -> Mapping[str, Any]:
        path = os.path.join(self.data_dir, _FITS)
        if not os.path.isfile(path):
            return {}
        fits = json_labels.load(path, self.name)
        if not isinstance(fits, dict):
            raise DatasetError(
                f"muco: {path} must hold an object of fits by annotation; it is a "
                f"{type(fits).__name__}."
            )
        return fits

    def _item(
        self,
        image: Any,
        people: Mapping[Any, Sequence[Mapping[str, Any]]],
        fits: Mapping[str, Any],
        is_there: Mapping[str, bool],
    ) -> _Item:
        """Returns the work item of an entry of `images`."""
        try:
            name = json_labels.field(image, "file_name")
            json_labels.image_path(self.data_dir, name)
            key = json_labels.field(image, "id")
        except MalformedLabelError:
            return Drop("malformed image entry", is_error=True)
        if not is_there.get(name.split("/")[0], True):
            return Drop("image of a set that is not there", name=name)
        found = tuple(people.get(key, ()))
        found_fits = tuple(fits.get(str(annotation.get("id"))) for annotation in found)
        return Composite(name, image, found, found_fits)

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns one image into a sample for each of its people."""
        if isinstance(item, Drop):
            return [item]
        if not item.annotations:
            return [Drop("image without people")]
        path = json_labels.image_path(self.data_dir, item.file_name)
        chosen = self._choose(item)
        try:
            image = None
            if any(map(_is_person, chosen)):
                image = images.decode_rgb(images.read_image_file(path), item.file_name)
        except ImageError as error:
            reason = str(error).split(":")[0]
            return [Drop(reason, is_error=True) if _is_person(one) else one for one in chosen]
        return [
            to_sample(one, self.name, Framing(), image) if _is_person(one) else one
            for one in chosen
        ]

    def _choose(self, item: Composite) -> list[LabelledPerson | Drop]:
        """Returns the people, and what is wrong with the others."""
        found: list[LabelledPerson | Drop] = []
        for annotation, fit in zip(item.annotations, item.fits):
            try:
                found.append(_person(item, annotation, fit))
            except MalformedLabelError:
                found.append(Drop("malformed annotation", is_error=True))
        if self.options["all_people"]:
            return found
        rows = [row for row, one in enumerate(found) if _is_person(one)]
        if rows:
            roots = np.stack([found[row].points_3d[_PELVIS] * 1000.0 for row in rows])
            for row, is_apart in zip(rows, stand_apart(roots)):
                if not is_apart:
                    name = f"{item.file_name} annotation {found[row].subject}"
                    found[row] = Drop("person too near another", name=name)
        return found


def stand_apart(roots: np.ndarray) -> np.ndarray:
    """Tells who of the people in a picture counts.

    Args:
        roots: `[n, 3]` mm, camera frame.

    Returns:
        `[n]` bool: true for the nearest to the camera, and for those at least 500 mm from each
        other person, depth left aside.
    """
    across = np.linalg.norm(roots[:, None, :2] - roots[None, :, :2], axis=-1)
    np.fill_diagonal(across, np.inf)
    result = across.min(axis=1) >= _NEAR_MM
    result[np.argmin(roots[:, 2])] = True
    return result


def _is_person(one: LabelledPerson | Drop) -> bool:
    return isinstance(one, LabelledPerson)


def _person(
    item: Composite, annotation: Mapping[str, Any], fit: Mapping[str, Any] | None
) -> LabelledPerson:
    """Returns the labels of one person.

    Raises:
        MalformedLabelError: if something is missing.
    """
    numbers = json_labels.numbers
    points = numbers(annotation, "keypoints_img", shape=(MUCO21.num_joints, 2))
    joints = numbers(annotation, "keypoints_cam", shape=(MUCO21.num_joints, 3)) / 1000.0
    confidence = np.ones((MUCO21.num_joints, 1))
    if "keypoints_vis" in annotation:
        visible = numbers(annotation, "keypoints_vis", shape=(MUCO21.num_joints, 1))
        confidence[visible == 0] = _HIDDEN_CONFIDENCE
    smpl = {}
    if fit is not None:
        smpl = {
            "pose_axis_angle": numbers(fit, "pose", shape=(72,)),
            "betas": numbers(fit, "shape", shape=(10,)),
            "translation": numbers(fit, "trans", shape=(3,)),
            "gender": 0,
        }
    return LabelledPerson(
        path=item.file_name,
        filename=item.file_name,
        points_2d=np.concatenate([points, confidence], axis=1),
        skeleton_2d=MUCO21.name,
        points_3d=joints,
        skeleton_3d=MUCO21.name,
        intrinsics=np.concatenate([numbers(item.image, key, shape=(2,)) for key in ("f", "c")]),
        box_xyxy=json_labels.box_xyxy(
            annotation, *(float(numbers(item.image, key, shape=())) for key in ("width", "height"))
        ),
        subject=str(annotation.get("id", "")),
        sequence=item.file_name.split("/")[0],
        **smpl,
    )
