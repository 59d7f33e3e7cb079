"""CLOTH3D++ as SMPLR's release reads it: rendered films of dressed SMPL bodies.

Source tree: ``train.txt`` and ``val.txt`` of lines `00449/0000.png`, and for each sequence
``frames/00449/`` with ``0000.png`` ... (RGBA, the person on black), ``info.mat`` (`poses` ``(72,
T)``, `trans` ``(3, T)``, `shape`, `gender` 0 female or 1 male, `zrot`, `camLoc`) and
``info_body.mat`` (`joints` ``(T, 24, 3)`` and `lmarks` ``(T, 18, 3)``, m, the root subtracted). A
sequence without frames may have its video instead, named like it (``00449.mkv``). The number in a
line is the index into the arrays; ``info_body.mat`` says how many there are.

The world is z up, x towards the camera. Bodies and joints are stored before they are turned by
`zrot` about z; `trans` is where the root joint is, turned likewise. The camera stands at `camLoc`
and looks along -x through a 50 mm lens before a 36 mm sensor.

The last landmark is the nose (vertex 331, called top of head there), so it is stored with the limb
joints; the others follow from the body. To say where the SMPL body is, its rest pelvis must be
known, which the models' files tell (``--option smpl_female=...``, ``smpl_male=...``); without them
the translation is that of the joints alone.

Reference:
    M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D Human
    Pose and Shape Recovery, Pattern Recognition 2020. H. Bertiche et al., CLOTH3D, ECCV 2020.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.io
from scipy.spatial.transform import Rotation

from tfrecords_tools import images, people_converter, person_scale, skeletons, video_frames
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, projected, to_sample
from tfrecords_tools.rest_pelvis import RestPelvis
from tfrecords_tools.samples import PERSON_PX

_LISTS = ("train", "val")
_FOCAL_PER_WIDTH = 50.0 / 36.0
# From the world (x to the camera, y to the picture's right, z up) to the camera's frame.
_CAMERA_FROM_WORLD = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
_VIDEOS = ("mkv", "mp4", "avi")
_SKELETON = skeletons.CLOTH3D42
_GENDERS = {0: 2, 1: 1}  # 0 female, 1 male here; 1 male, 2 female in records.


@dataclasses.dataclass(frozen=True)
class _Sequence:
    """The work item: successive frames of one sequence."""

    path: str
    frames: tuple[int, ...]

    @property
    def name(self) -> str:
        """The sequence's name."""
        return os.path.basename(self.path)


class _Unfit(Exception):
    """Raised when a sequence's labels cannot be used; becomes a counted drop for each frame."""


class CLOTH3DConverter(Converter):
    """Converts CLOTH3D++."""

    name = "cloth3d"
    splits = ("train", "val")
    option_defaults = {  # noqa: RUF012
        **people_converter.PERSON_PX_OPTION,
        "smpl_female": "",
        "smpl_male": "",
    }

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        inner = os.path.join(self.data_dir, "Data")
        if os.path.isdir(inner) and not os.path.isdir(os.path.join(self.data_dir, "frames")):
            self.data_dir = inner  # The folder that holds the dataset was given.

    def fingerprint(self, part: str) -> str:
        """Hashes the list, and names and sizes of the sequences' files."""
        folders = sorted({item.path for item in self.items(part)})
        listed = [
            path for folder in folders for path in sorted(glob.glob(f"{glob.escape(folder)}/*"))
        ]
        models = [path for path in self._models.values() if os.path.isfile(path)]
        return fingerprint_files(self.data_dir, [self._list_path(part), *models], listed)

    def items(self, part: str) -> Sequence[_Sequence]:
        """Returns the sequences of a split, in the order of its list."""
        lines = self._read_list(part)
        for other in _LISTS:
            if other != part and os.path.exists(self._list_path(other)):
                shared = sorted(
                    {name for name, _ in lines} & {n for n, _ in self._read_list(other)}
                )
                if shared:
                    raise DatasetError(
                        f"cloth3d: {part}.txt and {other}.txt in {self.data_dir} both list "
                        f"sequence {shared[0]}; a list stands in for the other."
                    )
        folder = os.path.join(self.data_dir, "frames")
        found = [
            _Sequence(os.path.join(folder, name), tuple(frame for _, frame in group))
            for name, group in itertools.groupby(lines, key=lambda line: line[0])
        ]
        if found and not any(os.path.isdir(item.path) for item in found):
            raise DatasetError(
                f"cloth3d: {folder} holds none of the {len(found)} sequences of {part}.txt; it "
                f"must hold folders like {found[0].name} with frames, info.mat and info_body.mat."
            )
        for path in self._models.values():
            _rest_pelvis(path)  # Whatever is wrong with it is told before work begins.
        return found

    def convert(self, item: _Sequence) -> Iterator[Output]:
        """Turns the frames of a sequence into samples."""
        try:
            labels = read_labels(item.path)
        except _Unfit as error:
            for frame in item.frames:
                yield Drop(str(error), is_error=True, name=f"{item.name}/{frame:04d}.png")
            return
        for frame in item.frames:
            output = self._convert_frame(item, frame, labels)
            if isinstance(output, Drop):
                output = dataclasses.replace(output, name=f"{item.name}/{frame:04d}.png")
            yield output

    def item_name(self, item: _Sequence) -> str:
        """Returns the sequence's name."""
        return item.name

    def _convert_frame(self, item: _Sequence, frame: int, labels: Mapping[str, Any]) -> Output:
        if frame >= len(labels["joints"]):
            return Drop("frame without labels")
        path = os.path.join(item.path, f"{frame:04d}.png")
        try:
            pixels = _read_pixels(path, frame)
        except ImageError as error:
            return Drop(str(error).split(":")[0], is_error=True)
        model = self._models.get(labels["gender"])
        pelvis = _rest_pelvis(model).of(labels["shape"]) if model else np.zeros(3)
        person = _person(path, frame, labels, pixels.shape, pelvis)
        framing = Framing(self.options["person_px"], scale_rule=_scale_from_extent)
        return to_sample(person, self.name, framing, pixels)

    @property
    def _models(self) -> dict[int, str]:
        """Returns the dataset's gender -> path of the body model, as far as given."""
        paths = {0: self.options["smpl_female"], 1: self.options["smpl_male"]}
        return {gender: path for gender, path in paths.items() if path}

    def _list_path(self, part: str) -> str:
        return os.path.join(self.data_dir, f"{part}.txt")

    def _read_list(self, part: str) -> list[tuple[str, int]]:
        """Returns sequence and frame of each line of a list."""
        path = self._list_path(part)
        if not os.path.isfile(path):
            raise DatasetError(
                f"cloth3d: {path} is not there; --data_dir must hold {part}.txt and "
                "frames/<sequence>/ with 0000.png ..., info.mat and info_body.mat."
            )
        with open(path, encoding="latin1") as file:
            lines = [line.strip() for line in file if line.strip()]
        matches = [re.fullmatch(r"([\w.-]+)/(\d+)\.png", line) for line in lines]
        strange = [line for line, match in zip(lines, matches) if not match]
        if strange:
            raise DatasetError(
                f"cloth3d: {path} must hold lines like 00449/0000.png; it holds "
                f"{strange[0][:60]!r}."
            )
        return [(match.group(1), int(match.group(2))) for match in matches]


@functools.lru_cache(maxsize=2)
def _rest_pelvis(path: str) -> RestPelvis:
    return RestPelvis(path)


def read_labels(folder: str) -> dict[str, Any]:
    """Reads the labels of a sequence.

    Args:
        folder: of the sequence.

    Returns:
        `poses` `[T, 72]`, `trans` `[T, 3]`, `shape` `[10]`, `gender` (), `zrot` (), `camLoc` `[3]`,
        `joints` `[T, 24, 3]` and `lmarks` `[T, 18, 3]`, as in the files; T is the files' least.
    """
    info = _load(folder, "info.mat", ("poses", "trans", "shape", "gender", "zrot", "camLoc"))
    body = _load(folder, "info_body.mat", ("joints", "lmarks"))
    try:
        joints = body["joints"].reshape(-1, 24, 3)
        count = min(len(joints), info["poses"].shape[1], info["trans"].shape[1])
        labels = {
            "poses": info["poses"].reshape(72, -1).T[:count],
            "trans": info["trans"].reshape(3, -1).T[:count],
            "shape": info["shape"].reshape(-1)[:10],
            "gender": int(info["gender"].reshape(-1)[0]),
            "zrot": float(info["zrot"].reshape(-1)[0]),
            "camLoc": info["camLoc"].reshape(3),
            "joints": joints[:count],
            "lmarks": body["lmarks"].reshape(-1, 18, 3)[:count],
        }
    except (ValueError, IndexError) as error:
        raise _Unfit("damaged info.mat or info_body.mat") from error
    if labels["shape"].size != 10 or labels["gender"] not in _GENDERS:
        raise _Unfit("damaged info.mat or info_body.mat")
    return labels


def _load(folder: str, name: str, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Returns variables of a MATLAB file as float64."""
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        raise _Unfit(f"missing {name}")
    try:
        content = scipy.io.loadmat(path, variable_names=list(keys))
        return {key: np.asarray(content[key], np.float64) for key in keys}
    except Exception as error:  # SciPy lets whatever a damaged file provokes come through.
        raise _Unfit(f"damaged {name}") from error


def _read_pixels(path: str, frame: int) -> np.ndarray:
    """Returns a frame `[h, w, 3]` RGB: the image, or else that of the sequence's video."""
    if not os.path.exists(path):
        folder = os.path.dirname(path)
        for ending in _VIDEOS:
            video = os.path.join(folder, f"{os.path.basename(folder)}.{ending}")
            if os.path.exists(video):
                return video_frames.open_video(video).read(frame)
    return images.decode_rgb(images.read_image_file(path), os.path.basename(path))


def _person(
    path: str, frame: int, labels: Mapping[str, Any], shape: Sequence[int], pelvis: np.ndarray
) -> LabelledPerson:
    """Takes one frame's body to the camera frame.

    Args:
        path: of the image.
        frame: its number.
        labels: of the sequence.
        shape: of the image.
        pelvis: `[3]` m, the body's rest pelvis; zeros if unknown.
    """
    height, width = shape[:2]
    focal = _FOCAL_PER_WIDTH * width
    intrinsics = np.array([focal, focal, width / 2, height / 2])
    turn = Rotation.from_rotvec([0.0, 0.0, labels["zrot"]]).as_matrix()
    rotation = _CAMERA_FROM_WORLD @ turn
    relative = np.concatenate([labels["joints"][frame], labels["lmarks"][frame]])
    root = rotation @ labels["trans"][frame] - _CAMERA_FROM_WORLD @ labels["camLoc"]
    points = (relative - relative[0]) @ rotation.T + root
    pose = labels["poses"][frame].copy()
    if np.isfinite(pose[:3]).all() and np.isfinite(labels["zrot"]):
        pose[:3] = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:3])).as_rotvec()
    points_2d = projected(points, intrinsics)
    is_inside = ((points_2d[:, :2] > -0.5) & (points_2d[:, :2] < [width - 0.5, height - 0.5])).all(
        1
    )
    points_2d[~is_inside] = 0.0
    shown = points_2d[points_2d[:, 2] > 0, :2]
    sequence = os.path.basename(os.path.dirname(path))
    return LabelledPerson(
        path,
        points_2d,
        _SKELETON.name,
        points_3d=points,
        skeleton_3d=_SKELETON.name,
        pose_axis_angle=pose,
        betas=labels["shape"],
        translation=root - pelvis,
        intrinsics=intrinsics,
        box_xyxy=np.concatenate([shown.min(0), shown.max(0)]) if len(shown) else None,
        gender=_GENDERS[labels["gender"]],
        subject=sequence,
        sequence=sequence,
        frame=frame,
    )


def _scale_from_extent(keypoints: np.ndarray) -> float | None:
    """Returns 150 over the diagonal of all visible joints."""
    diagonal = person_scale.diagonal(keypoints)
    return PERSON_PX / diagonal if diagonal >= 1 else None
