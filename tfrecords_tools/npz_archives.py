"""Folders of .npz files, each with the labels of one split of one dataset, beside the images.

SPIN and mmhuman3d both keep their labels so; the images lie wherever the datasets were unpacked.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfrecords_tools import safe_pickle
from tfrecords_tools.errors import DatasetError

_SPLITS = ("train", "trainval", "val", "valid", "valid_protocol1", "valid_protocol2", "test")
_STEM = re.compile(rf"(.+?)_({'|'.join(_SPLITS)})")
# Images that are looked for to find out whether a folder is the right one.
_NUM_PROBED = 20
# What the paths of test images hold that those of training images do not, by part of the name.
_TEST_MARKS = {"h36m": r"(?:^|/)S(?:9|11)[_/]", "mpi_inf_3dhp": r"test_set/|(?:^|/)TS\d/"}


def split_stem(stem: str) -> tuple[str, str]:
    """Returns dataset and split that a file name without its ending speaks of.

    A name that speaks of no split is the train split: `cmu_mosh` -> (`cmu_mosh`, `train`).
    """
    match = _STEM.fullmatch(stem)
    return (match.group(1), match.group(2)) if match else (stem, "train")


def find_archives(folders: Sequence[str]) -> dict[str, str]:
    """Returns part (`mpii_train`) -> path of the .npz files in the first folder that has any."""
    for folder in folders:
        paths = sorted(glob.glob(os.path.join(glob.escape(folder), "*.npz")))
        if paths:
            stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
            return {"_".join(split_stem(stem)): path for stem, path in zip(stems, paths)}
    return {}


def choose_parts(
    parts: Iterable[str], split: str, subsets: Sequence[str], source: str
) -> list[str]:
    """Returns the parts of a split, or those of them that are asked for by dataset.

    Args:
        parts: all that are there.
        split: the wanted split.
        subsets: names of datasets; all if empty.
        source: name of the converter, for errors.

    Raises:
        DatasetError: if one that is asked for is not there, or there is none at all.
    """
    there = {split_stem(part): part for part in parts}
    of_split = {name: part for (name, found), part in there.items() if found == split}
    missing = [subset for subset in subsets if subset not in of_split]
    if missing or not of_split:
        raise DatasetError(
            f"{source}: no file of {', '.join(missing) or 'any dataset'} for the split '{split}'; "
            f"there are {', '.join(sorted(there.values())) or 'none at all'}."
        )
    return [of_split[name] for name in subsets or sorted(of_split)]


def read_archive(path: str, names: Sequence[str], source: str) -> dict[str, Any]:
    """Reads arrays of an .npz file, without running anything that it holds.

    Args:
        path: of the file.
        names: of the arrays wanted; those that are not there are left out.
        source: name of the converter, for errors.

    Raises:
        DatasetError: if the file is damaged or would run code.
    """
    try:
        return safe_pickle.load_npz(path, names)
    except safe_pickle.PickleRefusedError as error:
        raise DatasetError(f"{source}: {error}") from error


def numbers(
    arrays: dict[str, Any], name: str, shape: tuple[int | None, ...], path: str, source: str
) -> np.ndarray | None:
    """Returns an array of numbers, checked; None if it is not there.

    Args:
        arrays: what was read.
        name: of the array.
        shape: expected; None stands for any size.
        path: of the file, for errors.
        source: name of the converter, for errors.

    Raises:
        DatasetError: if it holds no numbers or has another shape.
    """
    if arrays.get(name) is None:
        return None
    try:
        array = np.asarray(arrays[name])
        array = array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        array = None
    fits = array is not None and array.ndim == len(shape)
    if not fits or any(size not in (None, found) for size, found in zip(shape, array.shape)):
        words = ", ".join("any" if size is None else str(size) for size in shape)
        found = "no array of numbers" if array is None else f"({', '.join(map(str, array.shape))})"
        raise DatasetError(f"{source}: {name} in {path} must be ({words}); it is {found}.")
    return array


def check_split(image_paths: Sequence[str], part: str, archive: str, source: str) -> None:
    """Refuses a file whose images are of another split than its name says, where images tell.

    Args:
        image_paths: as the archive names them.
        part: dataset and split.
        archive: path of the archive, for errors.
        source: name of the converter, for errors.

    Raises:
        DatasetError: if one is.
    """
    is_train = split_stem(part)[1] == "train"
    for name, mark in _TEST_MARKS.items():
        if name not in part:
            continue
        for image_path in image_paths:
            if bool(re.search(mark, image_path)) == is_train:
                kinds = ("training", "test") if is_train else ("test", "training")
                raise DatasetError(
                    f"{source}: {archive} should name {kinds[0]} images, and {image_path} is a "
                    f"{kinds[1]} image; the files of two splits are mixed up."
                )


def image_folders(data_dir: str, image_dir: str, names: Sequence[str]) -> list[str]:
    """Returns the folders that may hold a dataset's images, the likeliest first.

    Args:
        data_dir: the source tree.
        image_dir: where the user says that the images are; "" if unsaid.
        names: of the dataset's folder.
    """
    if image_dir:
        return [os.path.join(image_dir, name) for name in names] + [image_dir]
    roots = [data_dir, os.path.join(data_dir, "datasets")]
    # The labels' own folder may have been given instead of the one that holds it.
    roots += [os.path.dirname(os.path.abspath(data_dir)), os.path.join(data_dir, "..", "datasets")]
    return [os.path.join(root, name) for root in roots for name in names] + [data_dir]


def find_image_folder(
    image_paths: Sequence[str], candidates: Sequence[str], archive: str, source: str
) -> str:
    """Returns the folder below which the images of an archive lie.

    Args:
        image_paths: as the archive names them.
        candidates: folders, the likeliest first.
        archive: path of the archive, for errors.
        source: name of the converter, for errors.

    Raises:
        DatasetError: if none holds an image of a handful.
    """
    step = max(len(image_paths) // _NUM_PROBED, 1)
    for folder in candidates:
        if any(os.path.isfile(os.path.join(folder, path)) for path in image_paths[::step]):
            return folder
    raise DatasetError(
        f"{source}: the images of {archive} ({', '.join(image_paths[:1]) or 'none'}, ...) are in "
        f"none of {', '.join(candidates)}; name their folder with --option image_dir=FOLDER."
    )
