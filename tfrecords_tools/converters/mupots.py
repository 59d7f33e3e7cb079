"""MuPoTS-3D: the test set of several people that belongs to MuCo-3DHP.

Source tree: ``TS1`` to ``TS20``, here or in ``MultiPersonTestSet``, each with ``annot.mat``,
``occlusion.mat`` and images ``img_000000.jpg`` and on. ``annot.mat`` holds a cell `annotations`
(frame, person) of structs with `annot2` (2, 17) px, `annot3` and `univ_annot3` (3, 17) mm and
`isValidFrame`; ``occlusion.mat`` a like cell `occlusion_labels` of 17 flags, 1 for hidden, which
may be missing. Sequences that were not downloaded are counted, not missed.

Every valid person becomes a record, at 150 px in a crop of at most 300 px. All joints are labelled;
hidden ones have confidence 0.5 in J24. As in the test set of MPI-INF-3DHP, the universal skeleton
is taken unless asked otherwise, joints are relative to the pelvis, the translation is scaled so
that they project where they are seen, and the camera of a sequence is fitted to its labels.

Reference:
    D. Mehta et al., Single-Shot Multi-Person 3D Pose Estimation From Monocular RGB, 3DV 2018.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Union

import numpy as np
import scipy.io

from tfrecords_tools import images, joint_fields
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample
from tfrecords_tools.pinhole_fit import fit_intrinsics
from tfrecords_tools.skeletons import MPI_INF_3DHP17

_NUM_SEQUENCES = 20
_INNER = "MultiPersonTestSet"
_PELVIS = MPI_INF_3DHP17.index("pelvis")
_NUM_JOINTS = MPI_INF_3DHP17.num_joints
_HIDDEN_CONFIDENCE = 0.5
_KINDS = ("univ_annot3", "annot3")


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a sequence.

    Attributes:
        is_valid: `[F, P]` bool, who is for evaluation.
        points_2d: `[F, P, 17, 2]` px; zeros of people who are not valid, as the following.
        points_3d: `[F, P, 17, 3]` mm, camera frame.
        universal_3d: `[F, P, 17, 3]` mm, of a skeleton of one size for all people.
        is_hidden: `[F, P, 17]` bool.
    """

    is_valid: np.ndarray
    points_2d: np.ndarray
    points_3d: np.ndarray
    universal_3d: np.ndarray
    is_hidden: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """The work item: an image, its people and how many people in it are not valid."""

    path: str
    people: tuple[LabelledPerson, ...]
    num_invalid: int


_Item = Union[Drop, Frame]


class MuPoTSConverter(Converter):
    """Converts MuPoTS-3D; all of it is for testing."""

    name = "mupots"
    splits = ("test",)
    option_defaults = {"annotation": _KINDS[0]}  # noqa: RUF012

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        inner = os.path.join(self.data_dir, _INNER)
        self.data_dir = inner if os.path.isdir(inner) else self.data_dir

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        labels, listed = [], []
        for folder in self._folders():
            names = sorted(os.listdir(folder))
            labels += [os.path.join(folder, name) for name in names if name.endswith(".mat")]
            listed += [os.path.join(folder, name) for name in names if name.endswith(".jpg")]
        return fingerprint_files(self.data_dir, labels, listed)

    def items(self, part: str) -> Sequence[_Item]:
        """Returns the frames, sequence by sequence."""
        if self.options["annotation"] not in _KINDS:
            raise DatasetError(
                f"mupots: option annotation must be {' or '.join(_KINDS)}; received "
                f"'{self.options['annotation']}'."
            )
        found = {os.path.basename(folder): folder for folder in self._folders()}
        items: list[_Item] = []
        for name in _names():
            if name in found:
                items += self._frames(found[name])
            else:
                items.append(Drop("sequence that is not there", name=name))
        return items

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns one image into a sample for each of its people."""
        if isinstance(item, Drop):
            return [item]
        outputs: list[Output] = [Drop("person who is not for evaluation")] * item.num_invalid
        if not item.people:
            return outputs
        try:
            name = os.path.basename(item.path)
            image = images.decode_rgb(images.read_image_file(item.path), name)
        except ImageError as error:
            return outputs + [Drop(str(error).split(":")[0], is_error=True)] * len(item.people)
        return outputs + [to_sample(one, self.name, Framing(), image) for one in item.people]

    def _folders(self) -> list[str]:
        """Returns the folders of the sequences that are there."""
        paths = [os.path.join(self.data_dir, name) for name in _names()]
        found = [path for path in paths if os.path.isfile(os.path.join(path, "annot.mat"))]
        if not found:
            hint = ""
            if os.path.isfile(os.path.join(self.data_dir, "TS1", "annot_data.mat")):
                hint = "; it holds the layout of --dataset mpi_inf_3dhp --split test"
            raise DatasetError(
                f"mupots: {self.data_dir} holds no TS1/annot.mat to TS20/annot.mat{hint}."
            )
        return found

    def _frames(self, folder: str) -> Iterator[Frame]:
        """Yields the frames of a sequence."""
        labels = read_labels(folder)
        seen, valid = labels.points_3d, labels.is_valid
        chosen = labels.universal_3d if self.options["annotation"] == _KINDS[0] else seen
        fit = fit_intrinsics(labels.points_2d[valid].reshape(-1, 2), seen[valid].reshape(-1, 3))
        for frame in range(len(valid)):
            path = os.path.join(folder, f"img_{frame:06d}.jpg")
            shown = np.flatnonzero(valid[frame])
            pelvis = seen[frame, :, _PELVIS]
            size = joint_fields.relative_size(chosen[frame], seen[frame], _PELVIS)
            people = tuple(
                LabelledPerson(
                    path=path,
                    filename=os.path.relpath(path, self.data_dir).replace(os.sep, "/"),
                    points_2d=_with_confidence(labels, frame, number),
                    skeleton_2d=MPI_INF_3DHP17.name,
                    points_3d=(chosen[frame, number] - chosen[frame, number, _PELVIS]) / 1000.0,
                    skeleton_3d=MPI_INF_3DHP17.name,
                    is_root_relative=True,
                    translation=pelvis[number] * size[number] / 1000.0 if fit else None,
                    intrinsics=fit.intrinsics if fit else None,
                    subject=str(number),
                    sequence=os.path.basename(folder),
                    frame=frame,
                )
                for number in shown
            )
            yield Frame(path, people, valid.shape[1] - len(shown))


def read_labels(folder: str) -> Labels:
    """Reads ``annot.mat`` and, where it is there, ``occlusion.mat``.

    Raises:
        DatasetError: if a file is damaged or another one.
    """
    path = os.path.join(folder, "annot.mat")
    cells = _read_cell(path, "annotations")
    is_valid = np.zeros(cells.shape, bool)
    arrays = [np.zeros((*cells.shape, _NUM_JOINTS, size)) for size in (2, 3, 3)]
    for place in np.ndindex(cells.shape):
        try:
            person = cells[place][0, 0]
            is_valid[place] = bool(np.asarray(person["isValidFrame"]).reshape(-1)[0])
            if is_valid[place]:
                for array, name in zip(arrays, ("annot2", "annot3", "univ_annot3")):
                    array[place] = np.asarray(person[name], np.float64).T
        except (IndexError, KeyError, ValueError, TypeError) as error:
            raise DatasetError(
                f"mupots: {path}: annotations{{{place[0] + 1},{place[1] + 1}}} must be a struct of "
                f"annot2 (2, 17), annot3 and univ_annot3 (3, 17) and isValidFrame ({error})."
            ) from error
    return Labels(is_valid, *arrays, _read_hidden(folder, cells.shape))


def _read_hidden(folder: str, shape: tuple[int, int]) -> np.ndarray:
    """Returns which joints are hidden, `[F, P, 17]` bool; none if nobody says."""
    is_hidden = np.zeros((*shape, _NUM_JOINTS), bool)
    path = os.path.join(folder, "occlusion.mat")
    if not os.path.isfile(path):
        return is_hidden
    cells = _read_cell(path, "occlusion_labels")
    if cells.shape != shape:
        raise DatasetError(
            f"mupots: occlusion_labels in {path} must be {shape} as annotations are; it is "
            f"{cells.shape}."
        )
    for place in np.ndindex(shape):
        flags = np.asarray(cells[place]).reshape(-1)
        if flags.size == _NUM_JOINTS:  # Empty for people who are not there.
            is_hidden[place] = flags != 0
    return is_hidden


def _read_cell(path: str, name: str) -> np.ndarray:
    """Returns the cell `[F, P]` that a MATLAB file holds."""
    try:
        cell = scipy.io.loadmat(path, variable_names=[name]).get(name)
    except Exception as error:  # SciPy lets whatever a damaged file provokes come through.
        raise DatasetError(
            f"mupots: {path} is not a MATLAB 5 file or is damaged ({error})."
        ) from error
    if cell is None or cell.dtype != object or cell.ndim != 2:
        raise DatasetError(f"mupots: {path} must hold a cell '{name}' (frames, people).")
    return cell


def _with_confidence(labels: Labels, frame: int, number: int) -> np.ndarray:
    """Returns a person's points `[17, 3]`: x, y px and confidence."""
    confidence = np.where(labels.is_hidden[frame, number], _HIDDEN_CONFIDENCE, 1.0)
    return np.concatenate([labels.points_2d[frame, number], confidence[:, None]], axis=1)


def _names() -> list[str]:
    return [f"TS{number}" for number in range(1, _NUM_SEQUENCES + 1)]
