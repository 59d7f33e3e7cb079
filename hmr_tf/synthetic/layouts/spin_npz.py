"""Writes photographs in the layout of SPIN's preprocessed datasets, with their exact SMPL truth.

    dataset_extras/{lsp_dataset_original,h36m,mpi_inf_3dhp,coco_2014}_train.npz
    dataset_extras/{3dpw_test,h36m_valid_protocol1,mpi_inf_3dhp_valid,lsp_dataset_test}.npz
    static_fits/{lsp-orig,h36m,mpi-inf-3dhp,coco}_fits.npy
    datasets/<dataset>/...                                the images, wherever SPIN's user has them
    smpl_truth.npz

The files have SPIN's keys, shapes and gaps: no 2D joints in Human3.6M's validation files and in
3DPW's, no crown in Human3.6M and MPI-INF-3DHP (whose head top is J24's 18), an empty OpenPose row
where the detector found nobody, `has_smpl` 0 in some rows of MPI-INF-3DHP. Of COCO's people only
those whose limbs are all in the picture have a row. Static fits are off by a little.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import archive_twin, twin_folder
from hmr_tf.synthetic.archive_twin import ArchiveTwin, Piece
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file, skeletons

_NATIVE = {
    "lsp": skeletons.LSP14,
    "coco": skeletons.COCO17,
    "h36m": skeletons.H36M17,
    # SPIN takes its 28 joints as Human3.6M's 17.
    "mpi_inf_3dhp": skeletons.H36M17,
    "3dpw": skeletons.J24,
}
_FITS = {
    "lsp_dataset_original_train": "lsp-orig",
    "h36m_train": "h36m",
    "mpi_inf_3dhp_train": "mpi-inf-3dhp",
    "coco_2014_train": "coco",
}
# Which labels a file has beside imgname, center and scale.
_LABELS = {
    "lsp_dataset_original_train": ("part", "openpose"),
    "h36m_train": ("part", "S", "openpose", "pose", "shape"),
    "mpi_inf_3dhp_train": ("part", "S", "openpose", "pose", "shape", "has_smpl"),
    "coco_2014_train": ("part", "openpose"),
    "3dpw_test": ("pose", "shape", "gender"),
    "h36m_valid_protocol1": ("S",),
    "mpi_inf_3dhp_valid": ("part", "S"),
    "lsp_dataset_test": ("part", "maskname", "partname"),
}
_LIMBS = slice(0, 12)


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    products = ("dataset_extras", "datasets", "static_fits")
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    num_train = config.num_images - config.num_test
    return f"{num_train} training and {config.num_test} test images in {out_dir}"


def _kind(file: str) -> str:
    return next(name for name in _NATIVE if file.startswith(name))


class _Maker(ArchiveTwin):
    """Takes the pictures and notes what SPIN's scripts keep of them."""

    dataset = "spin_npz"
    train_files = tuple(_FITS)
    test_files = tuple(file for file in _LABELS if file not in _FITS)

    def photograph(self, random: np.random.Generator, piece: Piece, split: str) -> TwinImage:
        """Takes a picture of the format of the dataset; COCO's show two people."""
        size, kind = self.config.image_size, _kind(piece[0])
        height, width = {"h36m": (size, size), "coco": (size, size * 4 // 3)}.get(
            kind, (size * 4 // 3, size)
        )
        is_coco = kind == "coco"
        return self.studio.photograph(
            random,
            height,
            width,
            num_people=2 if is_coco else 1,
            split=split,
            at_border=is_coco and piece[1] % 2 == 1,
        )

    def image_path(self, piece: Piece) -> tuple[str, str]:
        """Returns folder and path by the dataset's own naming."""
        file, number = piece
        names = {
            "lsp_dataset_original_train": f"images/im{number + 1:04d}.jpg",
            "h36m_train": f"images/S1_Directions_1.54138969_{5 * number + 1:06d}.jpg",
            "mpi_inf_3dhp_train": f"S1/Seq1/imageFrames/video_0/frame_{number + 1:06d}.jpg",
            "coco_2014_train": f"train2014/COCO_train2014_{7 * number + 9:012d}.jpg",
            "3dpw_test": f"imageFiles/downtown_arguing_00/image_{number:05d}.jpg",
            "h36m_valid_protocol1": f"images/S9_Directions_1.60457274_{5 * number + 1:06d}.jpg",
            "mpi_inf_3dhp_valid": "mpi_inf_3dhp_test_set/mpi_inf_3dhp_test_set/TS1/imageSequence/"
            f"img_{number + 1:06d}.jpg",
            "lsp_dataset_test": f"images/im{number + 1001:04d}.jpg",
        }
        folder = file.rsplit("_train", 1)[0].rsplit("_test", 1)[0].split("_valid")[0]
        return f"datasets/{ {'coco_2014': 'coco'}.get(folder, folder) }", names[file]

    def rows(
        self, random: np.random.Generator, piece: Piece, picture: TwinImage
    ) -> list[tuple[int, dict[str, Any]]]:
        """Returns the labels of everybody who has a row, at least of the last person."""
        file, number = piece
        kept = []
        for index, person in enumerate(picture.people):
            limbs = person.project(person.j24)[_LIMBS]
            if archive_twin.in_picture(person, limbs).all() or index == len(picture.people) - 1:
                kept.append((index, self._row(random, file, number, person)))
        return kept

    def _row(
        self, random: np.random.Generator, file: str, number: int, person: TwinPerson
    ) -> dict[str, Any]:
        kind = _kind(file)
        part, points = archive_twin.labelled_j24(person, _NATIVE[kind])
        box = person.box_xyxy.astype(np.float64) if kind == "h36m" else archive_twin.box_of(part)
        factor = 0.9 if kind == "h36m" else 1.2
        openpose = archive_twin.detected_body_25(random, person, skeletons.BODY25)
        body = np.concatenate([person.pose_axis_angle, person.betas]).astype(np.float64)
        row = {
            "center": (box[:2] + box[2:]) / 2,
            "scale": factor * (box[2:] - box[:2]).max() / 200.0,
            "part": part,
            # Of every third person nothing is found.
            "openpose": openpose * (number % 3 != 2),
            "S": points,
            "pose": body[:72],
            "shape": body[72:],
            "has_smpl": float(number % 2 == 0),
            "gender": person.gender[0],
            "maskname": f"data/lsp/im{number + 1001:04d}_segmentation.png",
            "partname": f"data/lsp/im{number + 1001:04d}_part_segmentation.png",
            "fit": body + random.normal(0.0, 0.02, 82),
        }
        return {key: np.asarray(row[key]) for key in ("center", "scale", "fit", *_LABELS[file])}

    def write_labels(self, file: str, rows: Mapping[str, np.ndarray]) -> None:
        """Writes a file of dataset_extras, and the fits of a training file."""
        arrays = {key: values for key, values in rows.items() if key not in ("image", "fit")}
        buffer = io.BytesIO()
        np.savez(buffer, imgname=rows["image"], **arrays)
        extras = self.folder / "dataset_extras"
        atomic_file.write_bytes(extras / f"{file}.npz", buffer.getvalue())
        if file == "h36m_valid_protocol1":  # All of it is of the camera of protocol 2.
            atomic_file.write_bytes(extras / "h36m_valid_protocol2.npz", buffer.getvalue())
        if file in _FITS:
            buffer = io.BytesIO()
            np.save(buffer, rows["fit"])
            path = self.folder / "static_fits" / f"{_FITS[file]}_fits.npy"
            atomic_file.write_bytes(path, buffer.getvalue())
