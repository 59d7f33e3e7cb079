"""SPIN's preprocessed datasets (``dataset_extras``).

Source tree, as SPIN's own scripts leave it, with the datasets' images wherever they were unpacked::

    dataset_extras/{h36m_train, lsp_dataset_original_train, mpii_train, coco_2014_train, ...}.npz
    static_fits/{h36m, lsp-orig, mpii, coco, lspet, mpi-inf-3dhp}_fits.npy
    static_fits/mpi-inf-3dhp_mview_fits.npz

A file holds imgname, center and scale (a square of 200 * scale px), and where known part (J24 and
confidence, px), openpose (BODY_25), S (J24 and confidence, m, pelvis at the origin), pose, shape,
has_smpl and gender. Each file becomes a part of its own; train with e.g. ``spin_npz/mpii``.

Images are looked for below ``--data_dir``, in ``<dataset>`` and ``datasets/<dataset>``, or in
``--option image_dir=FOLDER`` (itself, or a folder of the dataset's name in it). With ``--option
static_fits=true`` the fits stand for SMPL parameters that a file does not have; they are estimates.
With ``--option openpose=true`` joints without a label are OpenPose's.

Reference:
    N. Kolotouros, G. Pavlakos, M. J. Black and K. Daniilidis, Learning to Reconstruct 3D Human Pose
    and Shape via Model-fitting in the Loop, ICCV 2019.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfrecords_tools import archive_people, npz_archives, spin_format
from tfrecords_tools.archive_people import ArchivePerson
from tfrecords_tools.converter import Converter, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.samples import PERSON_PX

# Dataset of a file -> folders that its images may be in, beside one of its own name.
_FOLDERS = {
    "h36m": ("human36m",),
    "lsp_dataset_original": ("lsp_original",),
    "lsp_dataset": ("lsp",),
    "hr-lspet": ("lspet",),
    "coco_2014": ("coco",),
    "3dpw": ("pw3d",),
}
# SPIN enlarges boxes by this, but Human3.6M's, which it draws in by a tenth.
_BOX_SCALE, _H36M_BOX_SCALE = 1.2, 0.9


class SpinNpzConverter(Converter):
    """Converts SPIN's files, one part for each."""

    name = "spin_npz"
    splits = ("train", "test", "valid", "valid_protocol1", "valid_protocol2")
    option_defaults = {  # noqa: RUF012
        "image_dir": "",
        "static_fits": False,
        "openpose": False,
        "person_px": PERSON_PX,
    }

    def parts(self) -> Sequence[str]:
        """Returns the files of the split: those of the chosen subsets, or all that are there."""
        found = self._archives()
        return npz_archives.choose_parts(found, self.split, self.subsets, self.name)

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        path, dataset, arrays, folder = self._open(part)
        fits = spin_format.fit_files(self.data_dir, dataset)
        labels = [path, *filter(os.path.isfile, fits)]
        images = sorted({os.path.join(folder, name) for name in arrays["imgname"]})
        return fingerprint_files(self.data_dir, labels, images)

    def items(self, part: str) -> Sequence[ArchivePerson]:
        """Returns the rows of a file, in their order."""
        _, dataset, arrays, folder = self._open(part)
        keypoints = spin_format.keypoints(arrays, self.options["openpose"])
        bodies = self._bodies(arrays, part)
        half = 100.0 * arrays["scale"][:, None]
        boxes = np.concatenate([arrays["center"] - half, arrays["center"] + half], axis=1)
        # A square around a tall person has a diagonal that is longer by the root of two.
        box_scale = (_H36M_BOX_SCALE if dataset == "h36m" else _BOX_SCALE) * np.sqrt(2)
        return [
            ArchivePerson(
                folder=folder,
                image_path=name,
                box_xyxy=boxes[row],
                box_scale=box_scale,
                keypoints=None if keypoints is None else keypoints[row],
                joints=arrays["S"][row] if "S" in arrays else None,
                gender=int(arrays["gender"][row]) if "gender" in arrays else -1,
                dataset=f"{self.name}/{dataset}",
                **bodies.of(row),
                **archive_people.origin(name, dataset),
            )
            for row, name in enumerate(arrays["imgname"])
        ]

    def convert(self, item: ArchivePerson) -> Iterable[Output]:
        """Turns one row into one sample."""
        return [archive_people.to_sample(item, self.options["person_px"])]

    def _archives(self) -> dict[str, str]:
        """Returns part -> path of the files that are there."""
        inner = os.path.join(self.data_dir, "dataset_extras")
        found = npz_archives.find_archives([inner, self.data_dir])
        if not found:
            raise DatasetError(
                f"{self.name}: {self.data_dir} must hold dataset_extras/<dataset>_<split>.npz; "
                "check --data_dir."
            )
        return found

    def _open(self, part: str) -> tuple[str, str, dict[str, Any], str]:
        """Returns a part's file, its dataset, what it holds, and the folder of the images."""
        path, dataset = self._archives()[part], npz_archives.split_stem(part)[0]
        arrays = spin_format.read_file(path)
        candidates = npz_archives.image_folders(
            self.data_dir, self.options["image_dir"], (dataset, *_FOLDERS.get(dataset, ()))
        )
        names = arrays["imgname"]
        npz_archives.check_split(names, part, path, self.name)
        folder = npz_archives.find_image_folder(names, candidates, path, self.name)
        return path, dataset, arrays, folder

    def _bodies(self, arrays: dict[str, Any], part: str) -> spin_format.Bodies:
        """Returns the SMPL parameters of all rows; fits are of training images only."""
        dataset, split = npz_archives.split_stem(part)
        if split != "train":
            return spin_format.read_bodies(arrays)
        multi_view, static = spin_format.fit_files(self.data_dir, dataset)
        return spin_format.read_bodies(
            arrays, multi_view, static if self.options["static_fits"] else ""
        )
