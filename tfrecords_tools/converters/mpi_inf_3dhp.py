"""MPI-INF-3DHP: 8 people before 14 cameras, and a test set of 6 sequences.

Source tree: ``S1`` to ``S8``, each with ``Seq1`` and ``Seq2`` of ``annot.mat``,
``camera.calibration`` and pictures: the videos ``imageSequence/video_<camera>.avi``, or frames that
somebody extracted, counted from 1, as ``imageFrames/video_<camera>/frame_<n>.jpg``,
``video_<camera>/<n>.jpg`` or ``imageSequence/img_<camera>_<n>.jpg``. The test set is ``TS1`` to
``TS6``, here or in ``mpi_inf_3dhp_test_set``, each with ``annot_data.mat`` and
``imageSequence/img_<n>.jpg``. Sequences that were not downloaded are counted, not missed.

As in the original release: S1 to S7 train (``trainval`` adds S8, ``val`` is S8 alone), the eight
cameras at the height of the chest, frames in which some joint has moved by 200 mm since the last
one, at least 8 of LSP's 14 joints within the picture, people at 150 px in crops of at most 300 px.
Extracted frames are shuffled. Of videos the order is shuffled; each is read from front to back.
Unlike there, each sequence's own calibration is used, and where the labels of S4/Seq2 are known to
take left for right they are put right.

Joints are relative to the pelvis, and the pelvis is the translation. The test set gives its
universal skeleton unless asked otherwise, since results are published on it; the translation is
scaled likewise, so that the joints project where they are seen. Its cameras are fitted to its
labels.

Reference:
    D. Mehta et al., Monocular 3D Human Pose Estimation in the Wild Using Improved CNN Supervision,
    3DV 2017.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Union

import numpy as np

from tfrecords_tools import images, joint_fields, mpi_inf_format, skeletons, video_frames
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample
from tfrecords_tools.pinhole_fit import fit_intrinsics
from tfrecords_tools.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28

_SUBJECTS = {"train": range(1, 8), "val": range(8, 9), "trainval": range(1, 9)}
_CHEST_CAMERAS = "0,1,2,4,5,6,7,8"
_MIN_JOINTS_INSIDE = 8
# The first and the last frame whose labels take left for right.
_SWAPPED = {"S4/Seq2": (3759, 5852)}
# A worker gets 16 items at once, so that mostly one worker reads a video, and reads it once.
_ITEMS_PER_VIDEO = 16
_TEST_FOLDER = "mpi_inf_3dhp_test_set"


@dataclasses.dataclass(frozen=True, eq=False)
class Footage:
    """The work item: labelled frames of one camera.

    Attributes:
        sequence: where the frames are from, e.g. `S1/Seq1/video_0`.
        path: of an image, a format string of `number` that counts from 1, or of the video.
        is_video: which of them.
        frames: `[n]` numbers, from 0.
        points_2d: `[n, J, 2]` px.
        points_3d: `[n, J, 3]` mm, camera frame.
        pelvis: `[n, 3]` mm, where the pelvis is for the camera to see the joints where they are.
        intrinsics: `[4]` fx, fy, cx, cy px; None if unknown.
    """

    sequence: str
    path: str
    is_video: bool
    frames: np.ndarray
    points_2d: np.ndarray
    points_3d: np.ndarray
    pelvis: np.ndarray
    intrinsics: np.ndarray | None

    def rows(self, rows: slice | np.ndarray) -> Footage:
        """Returns some of the frames."""
        names = ("frames", "points_2d", "points_3d", "pelvis")
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in names})


_Item = Union[Drop, Footage]


class MPIINF3DHPConverter(Converter):
    """Converts the training sequences, or the test set."""

    name = "mpi_inf_3dhp"
    splits = ("train", "val", "trainval", "test")
    option_defaults = {  # noqa: RUF012
        "cameras": _CHEST_CAMERAS,
        "annotation": "univ_annot3",
        "fix_sides": True,
        "moved_mm": 200.0,
        "seed": 0,
    }

    def fingerprint(self, part: str) -> str:
        """Hashes labels and calibrations, and the list of videos and images."""
        names = ("annot_data.mat",) if part == "test" else ("annot.mat", "camera.calibration")
        folders = self._folders(part)
        labels = [os.path.join(folder, name) for folder in folders for name in names]
        missing = [path for path in labels if not os.path.isfile(path)]
        if missing:
            raise DatasetError(
                f"mpi_inf_3dhp: {missing[0]} is not there; a sequence has {' and '.join(names)}."
            )
        pictures = []
        for folder in folders:
            found = glob.glob(os.path.join(glob.escape(folder), "**", "*.*"), recursive=True)
            pictures += [path for path in found if path.endswith((".avi", ".jpg"))]
        return fingerprint_files(self.data_dir, labels, sorted(pictures))

    def items(self, part: str) -> Sequence[_Item]:
        """Returns the frames that are worth a record."""
        folders = self._folders(part)
        if part == "test":
            return [item for folder in folders for item in self._test_items(folder)]
        footage = [one for folder in folders for one in self._footage(folder)]
        rng = np.random.default_rng(self.options["seed"])
        footage = [footage[index] for index in rng.permutation(len(footage))]
        single = [
            one.rows(slice(row, row + 1))
            for one in footage
            if not one.is_video
            for row in range(len(one.frames))
        ]
        items: list[_Item] = [
            Drop("sequence that is not there", name=name)
            for name in _names(part)
            if os.path.join(self.data_dir, name) not in folders
        ]
        items += [single[index] for index in rng.permutation(len(single))]
        for one in footage:
            if one.is_video:
                pieces = np.array_split(np.arange(len(one.frames)), _ITEMS_PER_VIDEO)
                items += [one.rows(piece) for piece in pieces if piece.size]
        return items

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns frames into samples."""
        if isinstance(item, Drop):
            return [item]
        return [self._convert_frame(item, row) for row in range(len(item.frames))]

    def _folders(self, part: str) -> list[str]:
        """Returns the folders of a split's sequences."""
        root, names = self.data_dir, _names(part)
        if part == "test" and os.path.isdir(os.path.join(root, _TEST_FOLDER)):
            root = os.path.join(root, _TEST_FOLDER)
        found = [path for path in (os.path.join(root, n) for n in names) if os.path.isdir(path)]
        if not found:
            rest = sorted(glob.glob(os.path.join(glob.escape(root), "*S[1-8]")))
            holds = f"; it holds {os.path.basename(rest[0])}, of another split" if rest else ""
            raise DatasetError(
                f"mpi_inf_3dhp: {root} holds no sequence of '{part}', {names[0]} to {names[-1]}"
                f"{holds}. Check --data_dir and --split."
            )
        return found

    def _footage(self, folder: str) -> Iterator[Footage]:
        """Yields the frames to keep of each camera of a training sequence."""
        text = self.options["cameras"]
        if not re.fullmatch(r"\d+(,\d+)*", text):
            raise DatasetError(
                "mpi_inf_3dhp: option cameras must be numbers of cameras as in "
                f"{_CHEST_CAMERAS}; received '{text}'."
            )
        cameras = tuple(int(number) for number in text.split(","))
        labels = mpi_inf_format.read_annotations(os.path.join(folder, "annot.mat"), cameras)
        calibration_path = os.path.join(folder, "camera.calibration")
        calibration = mpi_inf_format.read_calibration(calibration_path)
        name = os.path.relpath(folder, self.data_dir).replace(os.sep, "/")
        for camera in cameras:
            if camera not in calibration:
                raise DatasetError(f"mpi_inf_3dhp: {calibration_path} holds no camera {camera}.")
            path, is_video = mpi_inf_format.find_pictures(folder, camera)
            points_3d = labels.points_3d[camera]
            footage = Footage(
                f"{name}/video_{camera}",
                *(path, is_video, labels.frames, labels.points_2d[camera], points_3d),
                points_3d[:, MPI_INF_3DHP28.index("pelvis")],
                calibration[camera],
            )
            if self.options["fix_sides"]:
                footage = with_sides_right(footage, *_SWAPPED.get(name, (0, -1)))
            yield footage.rows(moved_frames(footage.points_3d, self.options["moved_mm"]))

    def _test_items(self, folder: str) -> Iterator[_Item]:
        """Yields one item per frame of a test sequence."""
        kind = self.options["annotation"]
        if kind not in ("univ_annot3", "annot3"):
            raise DatasetError(
                f"mpi_inf_3dhp: option annotation must be univ_annot3 or annot3; received '{kind}'."
            )
        labels = mpi_inf_format.read_test_annotations(os.path.join(folder, "annot_data.mat"))
        seen = labels.points_3d
        chosen = labels.universal_3d if kind == "univ_annot3" else seen
        pelvis = MPI_INF_3DHP17.index("pelvis")
        valid = labels.is_valid
        fit = fit_intrinsics(labels.points_2d[valid].reshape(-1, 2), seen[valid].reshape(-1, 3))
        footage = Footage(
            os.path.basename(folder),
            os.path.join(_escaped(folder), "imageSequence", "img_{number:06d}.jpg"),
            False,
            np.arange(len(valid)),
            labels.points_2d,
            chosen,
            joint_fields.relative_size(chosen, seen, pelvis)[:, None] * seen[:, pelvis],
            fit.intrinsics if fit else None,
        )
        for row in range(len(valid)):
            name = f"{footage.sequence} frame {row}"
            drop = Drop("frame that is not for evaluation", name=name)
            yield footage.rows(slice(row, row + 1)) if valid[row] else drop

    def _convert_frame(self, item: Footage, row: int) -> Output:
        """Returns the sample of one frame."""
        frame, is_test = int(item.frames[row]), self.split == "test"
        name = f"{item.sequence} frame {frame}"
        path = item.path if item.is_video else item.path.format(number=frame + 1)
        person = _person(item, row, MPI_INF_3DHP17 if is_test else MPI_INF_3DHP28)
        person = dataclasses.replace(
            person,
            path=path,
            filename=os.path.relpath(path, self.data_dir),
            subject=item.sequence.split("/")[0],
            frame=frame,
        )
        try:
            # An image file is decoded by `to_sample`, at the resolution that is needed.
            image = video_frames.open_video(path).read(frame) if item.is_video else None
            size = images.size_of(path) if image is None else image.shape[:2]
        except ImageError as error:
            return Drop(str(error).split(":")[0], is_error=True, name=name)
        if not is_test and _num_inside(person, size) < _MIN_JOINTS_INSIDE:
            return Drop("most joints outside of the image", name=name)
        output = to_sample(person, self.name, Framing(), image)
        return dataclasses.replace(output, name=name) if isinstance(output, Drop) else output


def _names(part: str) -> list[str]:
    """Returns the names of all sequences of a split."""
    if part == "test":
        return [f"TS{number}" for number in range(1, 7)]
    return [f"S{subject}/Seq{number}" for subject in _SUBJECTS[part] for number in (1, 2)]


def moved_frames(points_3d: np.ndarray, moved_mm: float) -> np.ndarray:
    """Returns the indices of the frames in which somebody has moved since the last one returned.

    Args:
        points_3d: `[F, 28, 3]` mm.
        moved_mm: how far one of LSP's 14 joints must get for a move.
    """
    joints = joint_fields.rearrange(points_3d, MPI_INF_3DHP28, skeletons.LSP14)
    kept: list[int] = []
    for index in range(len(joints)):
        moves = np.linalg.norm(joints[index] - joints[kept[-1]], axis=1) if kept else moved_mm
        if np.any(moves >= moved_mm):
            kept.append(index)
    return np.array(kept, int)


def with_sides_right(footage: Footage, first: int, last: int) -> Footage:
    """Returns footage with left and right exchanged in the labels of some frames, in 2D and 3D."""
    is_swapped = (footage.frames >= first) & (footage.frames <= last)
    flip = np.array(MPI_INF_3DHP28.flip)
    points_2d, points_3d = (
        np.where(is_swapped[:, None, None], points[:, flip], points)
        for points in (footage.points_2d, footage.points_3d)
    )
    return dataclasses.replace(footage, points_2d=points_2d, points_3d=points_3d)


def _person(item: Footage, row: int, skeleton: skeletons.Skeleton) -> LabelledPerson:
    """Returns the person of one frame; the original release calls every joint visible."""
    points_2d, points_3d = item.points_2d[row], item.points_3d[row]
    pelvis = points_3d[skeleton.index("pelvis")]
    return LabelledPerson(
        path="",
        points_2d=np.concatenate([points_2d, np.ones((len(points_2d), 1))], axis=1),
        skeleton_2d=skeleton.name,
        points_3d=(points_3d - pelvis) / 1000.0,
        skeleton_3d=skeleton.name,
        is_root_relative=True,
        translation=None if item.intrinsics is None else item.pelvis[row] / 1000.0,
        intrinsics=item.intrinsics,
        sequence=item.sequence,
    )


def _num_inside(person: LabelledPerson, size: tuple[int, ...]) -> int:
    """Returns how many of LSP's joints lie within an image of a size (height, width)."""
    skeleton = skeletons.get(person.skeleton_2d)
    points = joint_fields.rearrange(person.points_2d[:, :2], skeleton, skeletons.LSP14)
    return int(((points >= 0) & (points < size[::-1])).all(axis=1).sum())


def _escaped(folder: str) -> str:
    return folder.replace("{", "{{").replace("}", "}}")
