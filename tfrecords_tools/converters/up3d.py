"""Unite the People (UP-3D): photographs with SMPL bodies fitted to them and checked by people.

Source tree: for each id ``00000_image.png``, ``00000_body.pkl`` (`pose`, `betas`, `trans`, `rt`,
`t`, `f`), ``00000_joints.npy`` (LSP-14: x, y, confidence), ``00000_fit_crop_info.txt``, and
``00000_render_light.png``, ``00000_dataset_info.txt``; and the lists ``train.txt``, ``val.txt``,
``test.txt`` and ``trainval.txt`` of lines `/00000_image.png`.

The body was fitted to a resized cut of the image: the six numbers of the crop info are the
resized height and width, then first and end row, first and end column of the cut. The fit's camera
looks through the middle of the resized cut with the focal length `f`, so through the middle of
the cut in the image, with the focal length over the factor of the resize. Joints, image and render
are in px of the whole image. The body is the neutral SMPL model. No 3D joints are stored: they are
the body model's to regress.

Reference:
    C. Lassner et al., Unite the People: Closing the Loop Between 3D and 2D Human Representations,
    CVPR 2017.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import images, people_converter, person_scale, safe_pickle
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample

_LISTS = ("train", "val", "test")
_BODY_SHAPES = {"pose": 72, "betas": 10, "trans": 3, "rt": 3, "t": 3, "f": 1}


@dataclasses.dataclass(frozen=True)
class _Photo:
    """The work item: one image; its other files have the same beginning."""

    path: str

    def beside(self, ending: str) -> str:
        """Returns the path of another file of the image."""
        return self.path[: -len("image.png")] + ending


class _Unfit(Exception):
    """Raised when one image's files cannot be used; becomes a counted drop."""


class UP3DConverter(Converter):
    """Converts UP-3D."""

    name = "up3d"
    splits = ("train", "val", "test", "trainval")
    option_defaults = people_converter.PERSON_PX_OPTION

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        inner = os.path.join(self.data_dir, "up-3d")
        if os.path.isdir(inner) and not os.path.exists(self._list_path("train")):
            self.data_dir = inner  # The folder that holds the dataset was given.

    def fingerprint(self, part: str) -> str:
        """Hashes the list of images, and names and sizes of the files of each."""
        endings = ("image.png", "body.pkl", "joints.npy", "fit_crop_info.txt", "render_light.png")
        listed = [photo.beside(ending) for photo in self.items(part) for ending in endings]
        return fingerprint_files(self.data_dir, [self._list_path(part)], listed)

    def items(self, part: str) -> Sequence[_Photo]:
        """Returns the images of a split, in the order of its list."""
        names = self._read_list(part)
        for other in _LISTS:
            if part in _LISTS and other != part and os.path.exists(self._list_path(other)):
                shared = sorted(set(names) & set(self._read_list(other)))
                if shared:
                    raise DatasetError(
                        f"up3d: {part}.txt and {other}.txt in {self.data_dir} both list "
                        f"{shared[0]} ({len(shared)} images); unpack the lists anew."
                    )
        return [_Photo(os.path.join(self.data_dir, name)) for name in names]

    def convert(self, item: _Photo) -> Iterable[Output]:
        """Turns one image into one sample."""
        framing = Framing(self.options["person_px"], scale_rule=person_scale.scale_from_head)
        try:
            person, pixels = _read_person(item)
            return [to_sample(person, self.name, framing, pixels)]
        except ImageError as error:
            return [Drop(str(error).split(":")[0], is_error=True)]
        except _Unfit as error:
            return [Drop(str(error), is_error=True)]

    def _list_path(self, part: str) -> str:
        return os.path.join(self.data_dir, f"{part}.txt")

    def _read_list(self, part: str) -> list[str]:
        """Returns the file names that a list holds."""
        path = self._list_path(part)
        if not os.path.isfile(path):
            raise DatasetError(
                f"up3d: {path} is not there; --data_dir must hold {part}.txt, 00000_image.png, "
                "00000_body.pkl, 00000_joints.npy and their kin."
            )
        with open(path, encoding="latin1") as file:
            names = [line.split()[0].lstrip("/") for line in file if line.strip()]
        strange = [name for name in names if not re.fullmatch(r"\d{5}_image\.png", name)]
        if strange:
            raise DatasetError(
                f"up3d: {path} must hold lines like /00000_image.png; it holds {strange[0][:60]!r}."
            )
        return names


def _read_person(item: _Photo) -> tuple[LabelledPerson, np.ndarray]:
    """Reads all files of an image; returns the person and the pixels."""
    joints = _read_joints(item.beside("joints.npy"))
    body = _read_body(item.beside("body.pkl"))
    pixels = images.decode_rgb(images.read_image_file(item.path), os.path.basename(item.path))
    intrinsics = _intrinsics(item.beside("fit_crop_info.txt"), body["f"][0], pixels.shape[:2])
    source, number = _read_origin(item.beside("dataset_info.txt"))
    person = LabelledPerson(
        item.path,
        joints,
        "lsp14",
        pose_axis_angle=body["pose"],
        betas=body["betas"],
        # A turned camera would also move the pelvis, whose place only the body model knows.
        translation=None if body["rt"].any() else body["trans"] + body["t"],
        intrinsics=intrinsics,
        box_xyxy=_read_box(item.beside("render_light.png")),
        gender=0,
        sequence=source,
        frame=number,
    )
    return person, pixels


def _read_joints(path: str) -> np.ndarray:
    """Returns `[14, 3]` x, y px and confidence, zeros where a joint was not found."""
    if not os.path.exists(path):
        raise _Unfit("missing joints.npy")
    try:
        joints = np.load(path, allow_pickle=False)
        if joints.shape not in ((3, 14), (2, 14)):
            raise ValueError(f"it is {joints.shape}")
        joints = joints.astype(np.float64)
    except (ValueError, OSError, EOFError) as error:
        raise _Unfit("damaged joints.npy") from error
    if len(joints) == 2:
        joints = np.concatenate([joints, np.ones((1, 14))])
    # Joints that were not found lie at zero.
    is_found = (joints > 0).all(axis=0) & np.isfinite(joints).all(axis=0)
    return np.where(is_found, joints, 0.0).T


def _read_body(path: str) -> dict[str, np.ndarray]:
    """Returns the fitted body, its root in the camera frame, and the camera.

    Raises:
        PickleRefusedError: if the file would run code.
    """
    if not os.path.exists(path):
        raise _Unfit("missing body.pkl")
    try:
        found = safe_pickle.load(path)
        body = {key: np.asarray(found[key], np.float64).ravel() for key in _BODY_SHAPES}
    except (safe_pickle.PickleDamagedError, TypeError, KeyError, ValueError) as error:
        raise _Unfit("damaged body.pkl") from error
    for key, size in _BODY_SHAPES.items():
        if body[key].size < size or not np.isfinite(body[key]).all():
            raise _Unfit("damaged body.pkl")
    body = {key: values[: _BODY_SHAPES[key]] for key, values in body.items()}
    if body["rt"].any():
        root = Rotation.from_rotvec(body["rt"]) * Rotation.from_rotvec(body["pose"][:3])
        body["pose"][:3] = root.as_rotvec()
    return body


def _intrinsics(path: str, focal: float, shape: tuple[int, int]) -> np.ndarray:
    """Returns the fit's camera `[4]` in px of the whole image."""
    try:
        with open(path, encoding="latin1") as file:
            height, width, top, bottom, left, right = map(int, file.readline().split())
    except FileNotFoundError as error:
        raise _Unfit("missing fit_crop_info.txt") from error
    except ValueError as error:
        raise _Unfit("damaged fit_crop_info.txt") from error
    is_inside = 0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]
    if not is_inside or min(height, width) < 1:
        raise _Unfit("damaged fit_crop_info.txt")
    factors = width / (right - left), height / (bottom - top)
    middle = (left + right) / 2, (top + bottom) / 2
    return np.array([focal / factors[0], focal / factors[1], *middle])


def _read_box(path: str) -> np.ndarray | None:
    """Returns the box `[4]` around the rendered body, px; None if there is no render."""
    if not os.path.exists(path):
        return None
    try:
        render = images.decode_rgb(images.read_image_file(path), os.path.basename(path))
    except ImageError as error:
        raise _Unfit("damaged render_light.png") from error
    drawn = render.min(axis=2) < 255
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float64)


def _read_origin(path: str) -> tuple[str, int]:
    """Returns the dataset that a photograph comes from and its number there."""
    if not os.path.exists(path):
        return "", -1
    with open(path, encoding="latin1") as file:
        match = re.match(r"(\S+)\s+(\d+)", file.readline())
    return (match.group(1), int(match.group(2))) if match else ("", -1)
