"""mmhuman3d's preprocessed datasets (HumanData .npz files, compressed and not).

Source tree::

    preprocessed_datasets/{h36m_mosh_train, lsp_train, coco_2014_train, pw3d_test, ...}.npz
    datasets/<dataset>/<image_path>

Each file becomes a part of its own; train with e.g. ``human_data/coco_2014``. A file without images
(``cmu_mosh.npz``) becomes motion-capture records: ``--mocap_datasets=human_data/cmu_mosh``. Images
may also lie elsewhere: ``--option image_dir=FOLDER``.

mmhuman3d's files of Human3.6M and MPI-INF-3DHP keep the head's top and middle in the places that
its files of SPIN's data keep the crown and the head's top in; here both are put by their meaning.

Reference:
    https://github.com/open-mmlab/mmhuman3d, docs/preprocess_dataset.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Union

import numpy as np

from tfrecords_tools import archive_people, human_data_format, npz_archives
from tfrecords_tools.archive_people import ArchivePerson
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.human_data_format import HumanData
from tfrecords_tools.samples import PERSON_PX, MocapSample

# What a file's name has around the name of its dataset's folder.
_AFFIXES = ("spin_", "vibe_", "_mosh", "_2014", "_2017", "hr-")
_ALIASES = {"pw3d": "3dpw", "lspet": "hr-lspet", "lsp": "lsp_dataset_original"}
# How much larger boxes are than the box around the joints.
_BOX_SCALES = {"coco": 1.0, "coco_2014": 1.0, "h36m": 0.9}
_DEFAULT_BOX_SCALE = 1.2
_ROWS_PER_ITEM = 1000

# A person in an image, or (poses, betas, number of the first row) of motion capture.
_Item = Union[ArchivePerson, tuple[np.ndarray, np.ndarray, int]]


class HumanDataConverter(Converter):
    """Converts HumanData files, one part for each."""

    name = "human_data"
    splits = ("train", "trainval", "val", "test", "valid_protocol1", "valid_protocol2")
    option_defaults = {"image_dir": "", "person_px": PERSON_PX}  # noqa: RUF012

    def parts(self) -> Sequence[str]:
        """Returns the files of the split: those of the chosen subsets, or all that are there."""
        found = self._archives()
        return npz_archives.choose_parts(found, self.split, self.subsets, self.name)

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        path, data, folder = self._open(part)
        images = sorted({os.path.join(folder, name) for name in data.image_paths})
        return fingerprint_files(self.data_dir, [path], images)

    def items(self, part: str) -> Sequence[_Item]:
        """Returns the rows of a file, in their order, or shuffled blocks of motion capture."""
        _, data, folder = self._open(part)
        if not data.image_paths:
            # Neighbours look alike; other readers of the records only shuffle so far.
            order = np.random.default_rng(0).permutation(len(data.poses))
            poses, betas = data.poses[order], data.betas[order]
            blocks = [slice(b, b + _ROWS_PER_ITEM) for b in range(0, len(order), _ROWS_PER_ITEM)]
            return [(poses[block], betas[block], block.start) for block in blocks]
        dataset = f"{self.name}/{npz_archives.split_stem(part)[0]}"
        return [_person(data, row, folder, dataset) for row in range(len(data.image_paths))]

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns one row into one sample, or a block of motion capture into many."""
        if isinstance(item, ArchivePerson):
            return [archive_people.to_sample(item, self.options["person_px"])]
        poses, betas, begin = item
        return [_body(*body, f"row {begin + row}") for row, body in enumerate(zip(poses, betas))]

    def _archives(self) -> dict[str, str]:
        """Returns part -> path of the files that are there."""
        inner = os.path.join(self.data_dir, "preprocessed_datasets")
        found = npz_archives.find_archives([inner, self.data_dir])
        if not found:
            raise DatasetError(
                f"{self.name}: {self.data_dir} must hold preprocessed_datasets/<dataset>_<split>"
                ".npz; check --data_dir."
            )
        return found

    def _open(self, part: str) -> tuple[str, HumanData, str]:
        """Returns a part's file, what it holds, and the folder of the images."""
        path = self._archives()[part]
        data = human_data_format.read_file(path, part)
        if not data.image_paths:
            return path, data, ""
        dataset = npz_archives.split_stem(part)[0]
        plain = dataset
        for affix in _AFFIXES:
            plain = plain.replace(affix, "")
        names = (data.config, plain, _ALIASES.get(plain, dataset), dataset)
        candidates = npz_archives.image_folders(self.data_dir, self.options["image_dir"], names)
        npz_archives.check_split(data.image_paths, part, path, self.name)
        folder = npz_archives.find_image_folder(data.image_paths, candidates, path, self.name)
        return path, data, folder


def _person(data: HumanData, row: int, folder: str, dataset: str) -> ArchivePerson:
    """Returns one row."""
    has_smpl = data.poses is not None and data.has_smpl[row]
    x, y, width, height = data.boxes[row]
    box_scale = _BOX_SCALES.get(data.config, _DEFAULT_BOX_SCALE)
    if abs(width - height) < 1e-3 * width:
        # A square around a tall person has a diagonal that is longer by the root of two.
        box_scale *= np.sqrt(2)
    return ArchivePerson(
        folder=folder,
        image_path=data.image_paths[row],
        box_xyxy=np.array([x, y, x + width, y + height]),
        box_scale=box_scale,
        keypoints=None if data.keypoints is None else data.keypoints[row],
        joints=None if data.joints is None else data.joints[row],
        pose_axis_angle=data.poses[row] if has_smpl else None,
        betas=data.betas[row] if has_smpl else None,
        translation=data.translations[row] if has_smpl and data.translations is not None else None,
        intrinsics=data.intrinsics(row),
        gender=-1 if data.genders is None else int(data.genders[row]),
        dataset=dataset,
        **archive_people.origin(data.image_paths[row], dataset),
    )


def _body(pose: np.ndarray, betas: np.ndarray, name: str) -> Output:
    if not (np.isfinite(pose).all() and np.isfinite(betas).all()):
        return Drop("label that is not finite", is_error=True, name=name)
    return MocapSample(pose, betas, name)
