"""MPII Human Pose: people in frames of videos, from the original release.

Source tree: ``mpii_human_pose_v1_u12_1.mat`` (here, in ``annotations`` or in
``mpii_human_pose_v1_u12_2``) and ``images/000001163.jpg`` .... Only the training images have
labels; ``015601864.jpg`` is labelled but was never in the image archive.

As in the original HMR release: people who stand apart from others (``single_person``), every joint
that is labelled counts as visible, people at 150 px in crops of at most 600 px.
``--option person_px=0`` leaves the images as they are, byte by byte. Unlike there, coordinates are
shifted by one pixel: MATLAB counts from 1. In the 24-joint set the confidence of a joint that is
marked as hidden is 0.5, and the pelvis and thorax have their places.

The box is the square of 200 times the label's scale around its ``objpos``, sequence and frame are
the video and the second in it, subject is the number of the person in the image, from 1.

Reference:
    M. Andriluka et al., 2D Human Pose Estimation: New Benchmark and State of the Art Analysis,
    CVPR 2014.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.io

from tfrecords_tools import person_scale, photo_people
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.labelled_people import Framing, LabelledPerson
from tfrecords_tools.photo_people import Photo
from tfrecords_tools.skeletons import MPII16

_FILE = "mpii_human_pose_v1_u12_1.mat"
_FOLDERS = ("annotations", ".", "mpii_human_pose_v1_u12_2")
_MARGIN_PX = 300
_SCALE_PX = 200.0  # What the labels' scale is counted in.


class MPIIConverter(Converter):
    """Converts the training images of MPII Human Pose."""

    name = "mpii"
    option_defaults = {"person_px": 150.0}  # noqa: RUF012

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        labels = self._labels_path()
        return fingerprint_files(self.data_dir, [labels], self._images())

    def items(self, part: str) -> Sequence[Photo]:
        """Returns the training images that show people, in the order of the labels."""
        self._images()
        release = _read_release(self._labels_path())
        photos = []
        try:
            is_train = np.atleast_1d(release.img_train).astype(bool)
            annotations = _elements(release.annolist)
            singles = _per_image(release.single_person, len(annotations))
            videos = [str(name) for name in _elements(getattr(release, "video_list", None))]
            if not len(annotations) == len(is_train):
                raise ValueError(f"{len(annotations)} images, {len(is_train)} flags of training")
            for number in np.flatnonzero(is_train):
                photo = self._photo(annotations[number], singles[number], videos)
                if photo.people:
                    photos.append(photo)
        except (AttributeError, ValueError, TypeError, IndexError) as error:
            raise DatasetError(
                f"mpii: {self._labels_path()} is not laid out as MPII's release ({error})."
            ) from error
        return photos

    def convert(self, item: Photo) -> Iterable[Output]:
        """Turns one image into one sample per person."""
        framing = Framing(self.options["person_px"], _MARGIN_PX, person_scale.scale_from_head)
        return list(photo_people.convert_photo(item, self.name, framing))

    def _labels_path(self) -> str:
        for folder in _FOLDERS:
            path = os.path.normpath(os.path.join(self.data_dir, folder, _FILE))
            if os.path.isfile(path):
                return path
        raise DatasetError(
            f"mpii: {self.data_dir} holds no annotations/{_FILE}; --data_dir must hold it and "
            "images/."
        )

    def _images(self) -> list[str]:
        """Returns the paths of all images that are there."""
        folder = os.path.join(self.data_dir, "images")
        found = sorted(glob.glob(os.path.join(glob.escape(folder), "*.jpg")))
        if not found:
            raise DatasetError(f"mpii: no .jpg file in {folder}.")
        return found

    def _photo(self, annotation: Any, singles: Any, videos: Sequence[str]) -> Photo:
        """Gathers the people of one image."""
        path = os.path.join(self.data_dir, "images", str(annotation.image.name))
        apart = {int(number) for number in np.atleast_1d(singles).reshape(-1)}
        fields: dict[str, Any] = {}
        video, second = (_number(annotation, field) for field in ("vididx", "frame_sec"))
        if video is not None and 1 <= video <= len(videos):
            fields = {"sequence": videos[int(video) - 1], "frame": int(second or 0)}
        people = []
        for number, rect in enumerate(_elements(getattr(annotation, "annorect", None)), start=1):
            title = f"person {number}"
            if number in apart:
                people.append(_person(path, rect, title, {"subject": str(number), **fields}))
            else:
                people.append(Drop("close to other people", name=title))
        return Photo(path, tuple(people))


def _read_release(path: str) -> Any:
    """Returns the struct `RELEASE`."""
    try:
        content = scipy.io.loadmat(
            path, variable_names=["RELEASE"], struct_as_record=False, squeeze_me=True
        )
    except Exception as error:  # SciPy lets whatever a damaged file provokes come through.
        raise DatasetError(
            f"mpii: {path} is not a MATLAB 5 file or is damaged ({error}); download it again."
        ) from error
    if not hasattr(content.get("RELEASE"), "annolist"):
        raise DatasetError(f"mpii: {path} holds no struct RELEASE with images.")
    return content["RELEASE"]


def _elements(value: Any) -> list:
    """Returns the elements of an array of structs or of a cell, one or none of them included."""
    return [] if value is None else list(np.atleast_1d(value).reshape(-1))


def _per_image(cells: Any, num_images: int) -> list:
    """Returns one cell per image; what holds a single cell is read as its contents."""
    if num_images == 1:
        return [cells]
    found = list(cells)
    if len(found) != num_images:
        raise ValueError(f"{num_images} images, {len(found)} cells of single_person")
    return found


def _number(struct: Any, field: str) -> float | None:
    """Returns a field that holds one number; None where it is absent or empty."""
    value = np.asarray(getattr(struct, field, np.zeros(0)))
    return float(value) if value.size == 1 and value.dtype.kind in "iufb" else None


def _person(path: str, rect: Any, title: str, fields: dict[str, Any]) -> LabelledPerson | Drop:
    """Reads the label of one person."""
    points, confidence = np.zeros((MPII16.num_joints, 3)), np.zeros(MPII16.num_joints)
    try:
        for joint, x, y, certainty in _points(getattr(rect, "annopoints", None)):
            points[joint], confidence[joint] = (x - 1.0, y - 1.0, 1.0), certainty
    except (AttributeError, ValueError, TypeError, IndexError):
        return Drop("malformed annotation", is_error=True, name=title)
    if not confidence.any():
        return Drop("no labelled keypoint", name=title)
    box, scale = None, _number(rect, "scale")
    position = [_number(getattr(rect, "objpos", None), axis) for axis in "xy"]
    if scale is not None and None not in position:
        middle, half = np.array(position) - 1.0, _SCALE_PX * scale / 2
        box = np.concatenate([middle - half, middle + half])
    return LabelledPerson(
        path, points, MPII16.name, box_xyxy=box, confidence=confidence, name=title, **fields
    )


def _points(annopoints: Any) -> Iterator[tuple[int, float, float, float]]:
    """Yields joint, x, y and confidence of each labelled point."""
    for point in _elements(getattr(annopoints, "point", None)):
        joint = int(point.id)
        if not 0 <= joint < MPII16.num_joints:
            raise ValueError(f"no joint {joint}")
        # '1', '0', 1, 0, or empty where the question was not asked.
        flag = np.asarray(getattr(point, "is_visible", "")).reshape(-1)
        is_hidden = flag.size == 1 and str(flag[0]).strip() in ("0", "0.0", "False")
        yield joint, float(point.x), float(point.y), 0.5 if is_hidden else 1.0
