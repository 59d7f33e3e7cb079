"""The file format of the Leeds Sports Pose family: ``joints.mat`` beside a folder of images.

LSP and LSP-extended share names and differ in everything else: the axes of ``joints`` are
``(x y flag, joint, image)`` in LSP and ``(joint, x y flag, image)`` in LSP-extended, and the flag
marks occluded points in LSP and visible ones in LSP-extended.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords_tools import images, skeletons
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.samples import Sample

_NUMBERED = re.compile(r"im0*(\d+)\.jpg").fullmatch
_TO_COCOPLUS = skeletons.mapping(skeletons.LSP14, skeletons.COCOPLUS19)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImage:
    """The work item of the family: an image and its labels.

    Attributes:
        path: of the image; it may be missing.
        keypoints: `[14, 3]` LSP-14, or `[19, 3]` cocoplus: x, y px and visibility 0 or 1.
        fields: more fields of the sample, e.g. `joints_3d`.
    """

    path: str
    keypoints: np.ndarray
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read_joints(path: str, dataset: str, coordinate_axis: int) -> np.ndarray:
    """Reads ``joints.mat``.

    Args:
        path: of the file.
        dataset: name for error messages.
        coordinate_axis: axis that holds x, y and flag: 0 in LSP, 1 in LSP-extended.

    Returns:
        `[N, 14, 3]` float64 x, y px and flag.

    Raises:
        DatasetError: if the file is missing, damaged or of the other dataset of the family.
    """
    if not os.path.isfile(path):
        raise DatasetError(
            f"{dataset}: {path} is not there; --data_dir must hold joints.mat and images/."
        )
    import scipy.io  # Not in workers, which convert images without it.

    try:
        joints = scipy.io.loadmat(path, variable_names=["joints"]).get("joints")
    except Exception as error:  # SciPy lets whatever a damaged file provokes come through.
        raise DatasetError(
            f"{dataset}: {path} is not a MATLAB 5 file or is damaged ({error})."
        ) from error
    if joints is None or not np.issubdtype(joints.dtype, np.number) or np.iscomplexobj(joints):
        raise DatasetError(f"{dataset}: {path} holds no numeric variable 'joints'.")
    if joints.ndim == 2:  # MATLAB drops the last axis of a single image.
        joints = joints[..., None]
    expected = (3, 14) if coordinate_axis == 0 else (14, 3)
    if joints.ndim != 3 or joints.shape[:2] != expected:
        raise DatasetError(
            f"{dataset}: 'joints' in {path} must be {_shape_words(expected)}; it is "
            f"{_shape_words(joints.shape)}{_hint(joints.shape)}."
        )
    if joints.shape[2] == 0:
        raise DatasetError(f"{dataset}: {path} labels no image.")
    flags = joints.take(2, axis=coordinate_axis)
    if not np.isin(flags, (0, 1)).all():
        raise DatasetError(f"{dataset}: the flags of 'joints' in {path} must be 0 or 1.")
    return np.transpose(joints, (2, 1, 0) if coordinate_axis == 0 else (2, 0, 1)).astype(np.float64)


def _shape_words(shape: tuple[int, ...]) -> str:
    sizes = [str(size) for size in shape]
    return f"({', '.join(sizes if len(sizes) != 2 else [*sizes, 'N'])})"


def _hint(shape: tuple[int, ...]) -> str:
    """Names the dataset of the family that a file with this shape belongs to."""
    owner = {(3, 14): "lsp", (14, 3): "lsp_ext"}.get(tuple(shape[:2]))
    return f", which is the layout of --dataset {owner}" if owner else ""


def image_paths(folder: str, num_images: int, dataset: str) -> list[str]:
    """Returns the path of each labelled image; a missing image does not shift the others.

    Args:
        folder: the images.
        num_images: how many are labelled.
        dataset: name for error messages.

    Raises:
        DatasetError: if there is no image, or one that is not labelled.
    """
    listed = os.listdir(folder) if os.path.isdir(folder) else []
    found = sorted(name for name in listed if name.endswith(".jpg") and name[0] != ".")
    if not found:
        raise DatasetError(f"{dataset}: no .jpg file in {folder}.")
    matches = [_NUMBERED(name) for name in found]
    if not all(matches):  # Renamed files: only their order can say which is which.
        if len(found) != num_images:
            raise DatasetError(
                f"{dataset}: {folder} holds {len(found)} images, joints.mat labels {num_images}; "
                "with names other than im0001.jpg they must be equally many."
            )
        return [os.path.join(folder, name) for name in found]
    by_number = {int(match.group(1)): name for match, name in zip(matches, found)}
    if max(by_number) > num_images or min(by_number) < 1:
        surplus = by_number[max(by_number) if max(by_number) > num_images else min(by_number)]
        raise DatasetError(
            f"{dataset}: {os.path.join(folder, surplus)} has no label; joints.mat labels "
            f"{num_images} images."
        )
    digits = len(found[0]) - len("im.jpg")
    names = (
        by_number.get(number) or f"im{number:0{digits}d}.jpg" for number in range(1, num_images + 1)
    )
    return [os.path.join(folder, name) for name in names]


def to_sample(item: LabelledImage, dataset: str) -> Sample | Drop:
    """Turns a labelled image into a sample.

    The centre is the middle of the extent of LSP's visible points, as in the original release.
    """
    visible = item.keypoints[:, 2] > 0
    body = np.flatnonzero(visible[: len(skeletons.LSP14.joints)])
    points, is_finite = item.keypoints, np.isfinite(item.keypoints)
    if not is_finite.all():
        if not is_finite[visible].all():
            return Drop("keypoint that is not finite", is_error=True)
        points = np.where(is_finite, points, 0.0)
    if not len(body):
        return Drop("no visible keypoint")
    try:
        data, height, width = images.record_jpeg(item.path)
    except ImageError as error:
        return Drop(str(error).split(":")[0], is_error=True)
    low, high = points[body, :2].min(0), points[body, :2].max(0)
    keypoints_2d = np.zeros((len(_TO_COCOPLUS), 3))
    keypoints_2d[: len(points)] = points
    return Sample(
        image=data,
        filename=os.path.basename(item.path),
        height=height,
        width=width,
        center=(low + high) / 2,
        keypoints_2d=keypoints_2d,
        dataset=dataset,
        **item.fields,
    )
