"""Human3.6M as pytorch_HMR reads it: ``annot.h5`` beside a folder of images.

    annot.h5   gt2d (N, 42)       14 x (x, y, visibility), LSP's joints, px
               gt3d (N, 42)       14 x 3, camera frame, without a camera to project it
               pose (N, 72), shape (N, 10)
               imagename (N,)     below `image`, with a leading slash
    image/

gt3d is in metres where that makes people of a person's size, else in millimetres.
"""

from __future__ import annotations

import os

import h5py
import numpy as np

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_motions import turn_upright
from tfrecords_tools.h36m_names import parse_image_name
from tfrecords_tools.labelled_people import LabelledPerson
from tfrecords_tools.skeletons import LSP14

LABELS = "annot.h5"
_COLUMNS = {"gt2d": 42, "gt3d": 42, "pose": 72, "shape": 10}
_GREATEST_PERSON_M = 5.0


def read_people(data_dir: str) -> list[LabelledPerson]:
    """Returns all people.

    Raises:
        DatasetError: if the labels are damaged or of another layout.
    """
    path = os.path.join(data_dir, LABELS)
    arrays, names = _read(path)
    points_2d = arrays["gt2d"].reshape(-1, 14, 3)
    points_3d = arrays["gt3d"].reshape(-1, 14, 3)
    extent = np.linalg.norm(np.ptp(points_3d, axis=1), axis=1)
    if np.median(extent) > _GREATEST_PERSON_M:
        points_3d = points_3d / 1000.0
    poses = turn_upright(arrays["pose"], points_3d, LSP14.name)
    people = []
    for row, name in enumerate(names):
        clip, frame = parse_image_name(name) or (None, -1)
        people.append(
            LabelledPerson(
                path=os.path.join(data_dir, "image", name),
                points_2d=points_2d[row],
                skeleton_2d=LSP14.name,
                points_3d=points_3d[row],
                skeleton_3d=LSP14.name,
                is_root_relative=True,
                pose_axis_angle=poses[row],
                betas=arrays["shape"][row],
                gender=0,
                filename=os.path.basename(name),
                subject=clip.subject if clip else "",
                sequence=clip.sequence if clip else "",
                frame=frame,
            )
        )
    return people


def _read(path: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays of the file and the image names, checked."""
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in (*_COLUMNS, "imagename") if name not in file]
            if missing:
                raise DatasetError(
                    f"h36m: {path} holds no {', '.join(missing)}; it holds {', '.join(file)}."
                )
            arrays = {name: np.asarray(file[name], np.float64) for name in _COLUMNS}
            stored = np.asarray(file["imagename"]).reshape(-1).tolist()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DatasetError(f"h36m: {path} is not an HDF5 file or is damaged ({error}).") from error
    for name, array in arrays.items():
        if array.shape != (len(stored), _COLUMNS[name]):
            raise DatasetError(
                f"h36m: {name} in {path} must be ({len(stored)}, {_COLUMNS[name]}), as there are "
                f"{len(stored)} image names; it is {array.shape}."
            )
    names = [
        name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in stored
    ]
    names = [str(name).lstrip("/") for name in names]
    outside = [name for name in names if ".." in name.split("/")]
    if outside:
        raise DatasetError(f"h36m: {path} names an image outside of the dataset: {outside[0]}.")
    return arrays, names
