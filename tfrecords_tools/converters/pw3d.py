"""3D Poses in the Wild (3DPW): films of one or two people whose SMPL pose and shape are known.

Source tree: ``imageFiles/<sequence>/image_00000.jpg`` and
``sequenceFiles/{train,validation,test}/<sequence>.pkl``, pickled dicts of Python 2 with lists over
the people and arrays over the frames. Row k of every array belongs to image k; `img_frame_ids`
speaks of the 60 Hz poses and is not used.

People are in the camera frame here: the root turns with `cam_poses`, and the translation follows
from `jointPositions`, whose pelvis says where the rest pose has its own. Frames without a valid
camera (`campose_valid`) are left out, as in SPIN, whose 35,515 test samples these are; so are
people without 2D joints, which `poses2d` holds where a detector found six or more. Box, centre and
size of a person follow from these 2D joints.

Of the 3D joints, ``jointPositions`` knows SMPL's: knees, ankles, shoulders, elbows and wrists are
stored, while hips, neck and head are the body model's to regress. The bodies are male or female
SMPL models; `gender` says which.

Reference:
    T. von Marcard et al., Recovering Accurate 3D Human Pose in The Wild Using IMUs and a Moving
    Camera, ECCV 2018.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import images, joint_fields, person_crop, safe_pickle, skeletons
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.samples import Sample

# Half the side of the crop, px, as the original release keeps for its other films.
_MARGIN = 150
_GENDERS = {"m": 1, "f": 2}
_NO_CAMERA, _NO_JOINTS = "frame without a valid camera", "person without 2D joints"
_OUTSIDE = "person outside of the image"


def _names(**places: str) -> tuple[str, ...]:
    return tuple(f"{place}_{name}" for place, names in places.items() for name in names.split())


# The official splits, to notice a folder that holds another.
SPLITS = {
    "train": _names(
        courtyard="arguing_00 backpack_00 basketball_00 bodyScannerMotions_00 box_00 capoeira_00 "
        "captureSelfies_00 dancing_01 giveDirections_00 golf_00 goodNews_00 jacket_00 laceShoe_00 "
        "rangeOfMotions_00 relaxOnBench_00 relaxOnBench_01 shakeHands_00 warmWelcome_00",
        outdoors="climbing_00 climbing_01 climbing_02 freestyle_00 slalom_00 slalom_01",
    ),
    "validation": _names(
        courtyard="basketball_01 dancing_00 drinking_00 hug_00 jumpBench_01 rangeOfMotions_01",
        downtown="walkDownhill_00",
        outdoors="crosscountry_00 freestyle_01 golf_00 parcours_00 parcours_01",
    ),
    "test": _names(
        downtown="arguing_00 bar_00 bus_00 cafe_00 car_00 crossStreets_00 downstairs_00 "
        "enterShop_00 rampAndStairs_00 runForBus_00 runForBus_01 sitOnStairs_00 stairs_00 "
        "upstairs_00 walkBridge_01 walking_00 walkUphill_00 warmWelcome_00 weeklyMarket_00 "
        "windowShopping_00",
        flat="guitar_01 packBags_00",
        office="phoneCall_00",
        outdoors="fencing_01",
    ),
}

# Key -> (whether it is a list over the people, shape of an entry; None is the number of frames).
_SHAPES: dict[str, tuple[bool, tuple[int | None, ...]]] = {
    "cam_poses": (False, (None, 4, 4)),
    "cam_intrinsics": (False, (3, 3)),
    "poses": (True, (None, 72)),
    "jointPositions": (True, (None, 72)),
    "trans": (True, (None, 3)),
    "poses2d": (True, (None, 3, 18)),
    "campose_valid": (True, (None,)),
}


@dataclasses.dataclass(frozen=True, eq=False)
class _Person:
    """One person in one frame; what has a camera is in the camera frame.

    Attributes:
        keypoints: `[18, 3]` x, y px and confidence.
        fields: fields of the sample that no crop changes; None where the camera is not valid.
    """

    keypoints: np.ndarray
    fields: Mapping[str, Any] | None

    @property
    def is_finite(self) -> bool:
        """Whether all that is known is a number."""
        arrays = [self.keypoints, *(self.fields or {}).values()]
        return all(np.isfinite(array).all() for array in arrays)


@dataclasses.dataclass(frozen=True, eq=False)
class _Frame:
    """The work item: one image and the people in it."""

    path: str
    sequence: str
    index: int
    intrinsics: np.ndarray
    people: tuple[_Person, ...]


class PW3DConverter(Converter):
    """Converts 3DPW."""

    name = "pw3d"
    splits = ("train", "validation", "test")

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        files = self._files(part)
        folders = [glob.escape(self._image_folder(path)) for path in files]
        found = [path for folder in folders for path in sorted(glob.glob(f"{folder}/*.jpg"))]
        return fingerprint_files(self.data_dir, files, found)

    def items(self, part: str) -> Sequence[_Frame]:
        """Returns the frames of a split, sequence by sequence."""
        return [frame for path in self._files(part) for frame in self._read_frames(path)]

    def convert(self, item: _Frame) -> Iterable[Output]:
        """Turns one frame into a sample for each person."""
        pixels: np.ndarray | None = None
        for number, person in enumerate(item.people):
            name = f"{item.sequence}/{os.path.basename(item.path)} person {number}"
            if person.fields is None:
                yield Drop(_NO_CAMERA, name=name)
                continue
            if not (person.keypoints[:, 2] > 0).any():
                yield Drop(_NO_JOINTS, name=name)
                continue
            if not person.is_finite:
                yield Drop("number that is not finite", is_error=True, name=name)
                continue
            try:
                if pixels is None:
                    data = images.read_image_file(item.path)
                    pixels = images.decode_rgb(data, os.path.basename(item.path))
            except ImageError as error:
                yield Drop(str(error).split(":")[0], is_error=True, name=name)
                continue
            sample = _sample(item, person, number, pixels)
            yield sample or Drop(_OUTSIDE, name=name)

    def _files(self, part: str) -> list[str]:
        """Returns the sequence files of a split, and refuses another split's."""
        folder = os.path.join(self.data_dir, "sequenceFiles", part)
        files = sorted(glob.glob(os.path.join(glob.escape(folder), "*.pkl")))
        if not files or not os.path.isdir(os.path.join(self.data_dir, "imageFiles")):
            raise DatasetError(
                f"pw3d: {self.data_dir} must hold imageFiles/<sequence>/image_00000.jpg and "
                f"sequenceFiles/{part}/<sequence>.pkl; check --data_dir and --split."
            )
        for path in files:
            sequence = os.path.splitext(os.path.basename(path))[0]
            owner = next((s for s, names in SPLITS.items() if sequence in names), part)
            if owner != part:
                raise DatasetError(
                    f"pw3d: {path} belongs to the split '{owner}', not '{part}'; unpack "
                    "sequenceFiles.zip anew."
                )
        return files

    def _image_folder(self, path: str) -> str:
        """Returns where the images of a sequence file are."""
        sequence = os.path.splitext(os.path.basename(path))[0]
        return os.path.join(self.data_dir, "imageFiles", sequence)

    def _read_frames(self, path: str) -> list[_Frame]:
        """Reads a sequence."""
        labels = read_sequence(path)
        folder = self._image_folder(path)
        sequence = os.path.basename(folder)
        camera = labels["cam_intrinsics"]
        intrinsics = np.array([camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2]])
        num_people = len(labels["poses"])
        return [
            _Frame(
                os.path.join(folder, f"image_{frame:05d}.jpg"),
                sequence,
                frame,
                intrinsics,
                tuple(_person(labels, number, frame) for number in range(num_people)),
            )
            for frame in range(len(labels["cam_poses"]))
        ]


def read_sequence(path: str) -> dict[str, Any]:
    """Reads and checks one sequence file.

    Args:
        path: of the pickle.

    Returns:
        The keys of 3DPW's dict that the converter uses, as float64 arrays, or lists of arrays over
        the people; `betas` are ten, `genders` are 1 (male) or 2 (female).

    Raises:
        DatasetError: if it is no sequence file, is damaged or would run code.
    """
    found = safe_pickle.load(path)
    keys = list(found) if isinstance(found, dict) else []
    missing = [key for key in (*_SHAPES, "betas", "genders") if key not in keys]
    if missing:
        raise DatasetError(
            f"pw3d: {path} must hold a dict with {', '.join(missing)}; it holds "
            f"{', '.join(map(str, keys[:8])) or type(found).__name__}."
        )
    try:
        num_people, num_frames = len(found["poses"]), len(found["cam_poses"])
        labels = {key: _numbers(found[key], key, path, num_people, num_frames) for key in _SHAPES}
        betas = [np.asarray(one, np.float64).reshape(-1)[:10] for one in found["betas"]]
        genders = [_GENDERS[str(gender)[:1].lower()] for gender in found["genders"]]
    except (TypeError, ValueError, KeyError) as error:
        raise DatasetError(
            f"pw3d: {path} does not hold what 3DPW's sequences do ({error})."
        ) from error
    sizes = [one.shape for one in betas]
    if sizes != [(10,)] * num_people or len(genders) != num_people:
        raise DatasetError(
            f"pw3d: {path} must hold ten betas and a gender for each of {num_people} people; it "
            f"holds betas {sizes} and {len(genders)} genders."
        )
    return {**labels, "betas": betas, "genders": genders}


def _numbers(value: Any, key: str, path: str, num_people: int, num_frames: int) -> Any:
    """Returns the float64 array of a key, or the list of one for each person."""
    is_list, shape = _SHAPES[key]
    shape = tuple(num_frames if size is None else size for size in shape)
    arrays = [np.asarray(one, np.float64) for one in (value if is_list else [value])]
    shapes = [array.shape for array in arrays]
    if shapes != [shape] * (num_people if is_list else 1):
        raise DatasetError(
            f"pw3d: {key} in {path} must be {shape}{f' for each of {num_people} people' * is_list};"
            f" it is {', '.join(map(str, shapes)) or 'empty'}."
        )
    return arrays if is_list else arrays[0]


def _person(labels: Mapping[str, Any], number: int, frame: int) -> _Person:
    """Takes one person in one frame to the camera frame."""
    keypoints = labels["poses2d"][number][frame].T
    if not labels["campose_valid"][number][frame]:
        return _Person(keypoints, None)
    camera = labels["cam_poses"][frame]
    rotation, shift = camera[:3, :3], camera[:3, 3]
    joints = labels["jointPositions"][number][frame].reshape(24, 3)
    # SMPL turns about the pelvis of its rest pose, so that is where joint 0 is but for `trans`.
    pelvis = joints[0] - labels["trans"][number][frame]
    joints = joints @ rotation.T + shift
    translation = joints[0] - pelvis
    confident = np.concatenate([joints - translation, np.ones((24, 1))], axis=1)
    pose = labels["poses"][number][frame].copy()
    pose[:3] = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:3])).as_rotvec()
    fields = {
        "pose_axis_angle": pose,
        "betas": labels["betas"][number],
        "translation": translation,
        "joints_24_3d": joint_fields.rearrange(confident, skeletons.SMPL24, skeletons.J24),
        "gender": labels["genders"][number],
    }
    return _Person(keypoints, fields)


def _sample(item: _Frame, person: _Person, number: int, pixels: np.ndarray) -> Sample | None:
    """Cuts a person out of the image; None where nothing of the crop would be left."""
    visible = person.keypoints[person.keypoints[:, 2] > 0, :2]
    crop = person_crop.crop_person(pixels, visible, _MARGIN)
    if crop is None:
        return None
    height, width = crop.image.shape[:2]
    low, high = visible.min(axis=0), visible.max(axis=0)
    return Sample(
        image=images.encode_jpeg(crop.image),
        filename=os.path.basename(item.path),
        height=height,
        width=width,
        center=crop.points((low + high) / 2),
        intrinsics=crop.intrinsics(item.intrinsics),
        box_xyxy=crop.box(np.concatenate([low, high])),
        scale_factors=crop.scale_factors,
        crop_origin=crop.crop_origin,
        dataset="pw3d",
        subject=str(number),
        sequence=item.sequence,
        frame=item.index,
        **joint_fields.fields_2d(crop.points(person.keypoints), skeletons.PW3D18),
        **person.fields,
    )
