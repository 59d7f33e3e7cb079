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

import glob
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from tfrecords_tools import people_converter, person_scale, safe_pickle
from tfrecords_tools.converter import Drop, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.labelled_people import LabelledPerson
from tfrecords_tools.samples import PERSON_PX

_GENDERS = {"m": 1, "f": 2}


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


def _scale_from_extent(keypoints: np.ndarray) -> float | None:
    """Returns 150 over the diagonal of all joints that were found, as SPIN's boxes are taken."""
    diagonal = person_scale.diagonal(keypoints)
    return PERSON_PX / diagonal if diagonal >= 1 else None


class PW3DConverter(people_converter.PeopleConverter):
    """Converts 3DPW."""

    name = "pw3d"
    splits = ("train", "validation", "test")
    scale_rule = staticmethod(_scale_from_extent)

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        files = self.label_files(part)
        folders = [glob.escape(self._image_folder(path)) for path in files]
        found = [path for folder in folders for path in sorted(glob.glob(f"{folder}/*.jpg"))]
        return fingerprint_files(self.data_dir, files, found)

    def people(self, part: str) -> Iterator[LabelledPerson | Drop]:
        """Reads the people of a split, sequence by sequence and frame by frame."""
        for path in self.label_files(part):
            labels = read_sequence(path)
            folder = self._image_folder(path)
            for frame in range(len(labels["cam_poses"])):
                image = os.path.join(folder, f"image_{frame:05d}.jpg")
                for number in range(len(labels["poses"])):
                    yield _person(image, labels, number, frame)

    def item_name(self, item: LabelledPerson | Drop) -> str:
        """Says which person of which image this is."""
        if isinstance(item, Drop):
            return item.name
        return f"{item.sequence}/{os.path.basename(item.path)} person {item.subject}"

    def label_files(self, part: str) -> list[str]:
        """Returns the sequence files of a split.

        Raises:
            DatasetError: if they are not there, or of another split.
        """
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


def _person(path: str, labels: Mapping[str, Any], number: int, frame: int) -> LabelledPerson | Drop:
    """Takes one person in one frame to the camera frame."""
    sequence = os.path.basename(os.path.dirname(path))
    if not labels["campose_valid"][number][frame]:
        name = f"{sequence}/{os.path.basename(path)} person {number}"
        return Drop("frame without a valid camera", name=name)
    camera = labels["cam_poses"][frame]
    rotation, shift = camera[:3, :3], camera[:3, 3]
    joints = labels["jointPositions"][number][frame].reshape(24, 3)
    # SMPL turns about the pelvis of its rest pose, so that is where joint 0 is but for `trans`.
    pelvis = joints[0] - labels["trans"][number][frame]
    joints = joints @ rotation.T + shift
    pose = labels["poses"][number][frame].copy()
    if np.isfinite(pose[:3]).all() and np.isfinite(camera).all():
        pose[:3] = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:3])).as_rotvec()
    lens = labels["cam_intrinsics"]
    keypoints = labels["poses2d"][number][frame].T
    visible = keypoints[keypoints[:, 2] > 0, :2]
    return LabelledPerson(
        path,
        keypoints,
        "pw3d18",
        points_3d=joints,
        skeleton_3d="smpl24",
        pose_axis_angle=pose,
        betas=labels["betas"][number],
        translation=joints[0] - pelvis,
        intrinsics=np.array([lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]]),
        box_xyxy=np.concatenate([visible.min(0), visible.max(0)]) if len(visible) else None,
        gender=labels["genders"][number],
        subject=str(number),
        sequence=sequence,
        frame=frame,
    )
