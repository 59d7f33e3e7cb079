"""Human3.6M: people of known 3D joints before four cameras, in the layouts it travels in.

``--option layout=`` says which; without it the files in ``--data_dir`` do:

===========  ================================================================================
original     pose files (.cdf) and videos as distributed, see `tfrecords_tools.h36m_clips`
spin         pose files, and images extracted to ``images/S1_Directions_1.54138969_000001.jpg``
mmhuman3d    pose files, and images extracted to ``S1/images/S1_Directions_1.54138969/...``
pytorch_hmr  ``annot.h5`` and ``image/``, training only, see `tfrecords_tools.h36m_arrays`
hybrik       ``annotations/Sample_*_protocol_2.json`` and ``images/``
sgre         ``annotations/Human36M_subject1_{data,camera,joint_3d,smpl_param}.json``, ``images/``
===========  ================================================================================

SPIN's and mmhuman3d's own .npz files are the datasets `spin_npz` and `human_data`. S1, S5, S6, S7
and S8 are the train split, S9 and S11 the test split. Every fifth frame is taken (10 a second),
unless ``--option frame_step=`` says otherwise; SGRE's test split takes every 64th frame of the
frontal camera, and HybrIK's files list their frames.

People are brought to 150 px and cut out as in the original release; ``--option person_px=0`` keeps
the images as they are. SMPL bodies come from the files of `hybrik`, `sgre` and `pytorch_hmr`, or
from MoSh's (``--option mosh_dir=neutrMosh/neutrSMPL_H3.6``). Where the bodies of `hybrik` and
`sgre` stand is only known with the model they were fitted with
(``--option smpl_model=SMPL_NEUTRAL.pkl``); without it the translation is that of the joints alone.

Reference:
    C. Ionescu, D. Papava, V. Olaru and C. Sminchisescu, Human3.6M: Large Scale Datasets and
    Predictive Methods for 3D Human Sensing in Natural Environments, TPAMI 2014.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any

from tfrecords_tools import h36m_arrays, h36m_clips, hybrik_format, sgre_format
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import TEST_SUBJECTS, TRAIN_SUBJECTS
from tfrecords_tools.labelled_people import Framing, to_sample
from tfrecords_tools.rest_pelvis import RestPelvis

_FRAME_STEP = 5
_SGRE_FRAME_STEP = {"train": 5, "test": 64}
_LAYOUTS = (*h36m_clips.LAYOUTS, "pytorch_hmr", "hybrik", "sgre")


class H36MConverter(Converter):
    """Converts Human3.6M."""

    name = "h36m"
    splits = ("train", "test")
    option_defaults = {  # noqa: RUF012
        "layout": "auto",
        "frame_step": 0,
        "person_px": 150.0,
        "labels": "",
        "mosh_dir": "",
        "smpl_model": "",
    }

    def __init__(self, data_dir: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(data_dir, *arguments, **keywords)
        self._framing = Framing(self.options["person_px"])
        # Labels of millions of joints are not read twice.
        self._read: dict[str, Sequence[Any]] = {}
        if self.options["layout"] == "auto":
            self.options["layout"] = self._recognize()
        elif self.options["layout"] not in _LAYOUTS:
            raise DatasetError(
                f"h36m: layout must be auto or one of {', '.join(_LAYOUTS)}; received "
                f"'{self.options['layout']}'."
            )
        if self.options["layout"] == "pytorch_hmr" and self.split != "train":
            raise DatasetError("h36m: the layout pytorch_hmr has the split train only.")

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what was read: workers get their items one by one."""
        return {**self.__dict__, "_read": {}}

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images or videos."""
        layout = self.options["layout"]
        extra = [self.options["smpl_model"]] if self.options["smpl_model"] else []
        if layout in h36m_clips.LAYOUTS:
            return fingerprint_files(self.data_dir, (), self._source.files(self._subjects))
        labels = [*self._label_files(), *extra]
        paths = [item.path for item in self.items(part) if not isinstance(item, Drop)]
        return fingerprint_files(self.data_dir, labels, paths)

    def items(self, part: str) -> Sequence[Any]:
        """Returns pieces of clips, or people, in the order of subjects and files."""
        if part not in self._read:
            self._read[part] = self._read_items(part)
        return self._read[part]

    def _read_items(self, part: str) -> Sequence[Any]:
        layout = self.options["layout"]
        if layout in h36m_clips.LAYOUTS:
            return self._source.pieces(self._subjects)
        if layout == "pytorch_hmr":
            return h36m_arrays.read_people(self.data_dir)
        model = self.options["smpl_model"]
        pelvis = RestPelvis(model) if model else None
        if layout == "hybrik":
            images = os.path.join(self.data_dir, "images")
            return list(hybrik_format.read_h36m(self._label_files()[0], images, pelvis))
        step = self.options["frame_step"] or _SGRE_FRAME_STEP[part]
        return [
            person
            for subject in self._subjects
            for person in sgre_format.read_h36m(
                self.data_dir, int(subject[1:]), step, part == "test", pelvis
            )
        ]

    def convert(self, item: Any) -> Iterable[Output]:
        """Turns a piece of a clip, or a person, into samples."""
        if isinstance(item, Drop):
            return [item]
        if isinstance(item, h36m_clips.Piece):
            return self._source.convert(item, self.name, self._framing)
        return [to_sample(item, self.name, self._framing)]

    @property
    def _subjects(self) -> Sequence[str]:
        return TRAIN_SUBJECTS if self.split == "train" else TEST_SUBJECTS

    @property
    def _source(self) -> h36m_clips.Source:
        return h36m_clips.Source(
            self.data_dir,
            self.options["layout"],
            self.options["frame_step"] or _FRAME_STEP,
            self.options["mosh_dir"],
        )

    def _label_files(self) -> list[str]:
        """Returns the files of labels of the layouts that have some."""
        layout = self.options["layout"]
        if layout == "pytorch_hmr":
            return [os.path.join(self.data_dir, h36m_arrays.LABELS)]
        folder = os.path.join(self.data_dir, "annotations")
        if layout == "hybrik":
            pattern = f"Sample_*_{self.split}_Human36M_*.json"
            chosen = self.options["labels"]
            return [hybrik_format.find_labels(folder, pattern, chosen, self.name)]
        kinds = ("data", "camera", "joint_3d", "smpl_param")
        paths = [
            sgre_format.h36m_path(self.data_dir, int(subject[1:]), kind)
            for subject in self._subjects
            for kind in kinds
        ]
        missing = [path for path in paths if not os.path.isfile(path)]
        if missing:
            raise DatasetError(
                f"h36m: {missing[0]} is not there; the {self.split} split needs the subjects "
                f"{', '.join(self._subjects)}."
            )
        return paths

    def _recognize(self) -> str:
        """Returns the layout of the tree."""
        root = glob.escape(self.data_dir)
        found = [
            layout
            for layout, pattern in (
                ("pytorch_hmr", h36m_arrays.LABELS),
                ("hybrik", "annotations/Sample_*_Human36M_*.json"),
                ("sgre", "annotations/Human36M_subject*_data.json"),
            )
            if glob.glob(os.path.join(root, pattern))
        ]
        subjects = (*TRAIN_SUBJECTS, *TEST_SUBJECTS)
        kind = "D3_Positions_mono"
        if any(h36m_clips.pose_folder(self.data_dir, subject, kind) for subject in subjects):
            found += h36m_clips.find_pictures(self.data_dir, self._subjects) or ["original"]
        if len(found) == 1:
            return found[0]
        if found:
            raise DatasetError(
                f"h36m: {self.data_dir} holds several layouts; choose one of {', '.join(found)} "
                "with --option layout=NAME."
            )
        hint = ""
        if glob.glob(os.path.join(root, "*h36m*.npz")):
            hint = " For its .npz files take --dataset spin_npz or human_data."
        raise DatasetError(
            f"h36m: {self.data_dir} holds no layout of Human3.6M: neither S1/MyPoseFeatures/"
            "D3_Positions_mono, nor annot.h5, nor annotations/Sample_*_Human36M_*.json or "
            f"Human36M_subject1_data.json.{hint}"
        )
