"""COCO with the SMPL bodies that SGRE trains on (NeuralAnnot's).

Source tree: ``annotations/person_keypoints_train2017.json``,
``annotations/MSCOCO_train_SMPL_NeuralAnnot.json`` and ``images/train2017/``. People without a body
keep their 2D joints. Images are stored as they are; ``--option person_px=150`` brings people to
150 px and cuts them out, as for `coco`. For COCO without bodies take the dataset `coco`.

Reference:
    D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation Estimation,
    ICCV 2023.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import ClassVar

from tfrecords_tools import person_scale, sgre_format
from tfrecords_tools.people_converter import PeopleConverter
from tfrecords_tools.skeletons import COCO17

_LABELS = ("person_keypoints_train2017.json", "MSCOCO_train_SMPL_NeuralAnnot.json")


class SGRECOCOConverter(PeopleConverter):
    """Converts COCO with NeuralAnnot's bodies."""

    name = "sgre_coco"
    option_defaults: ClassVar = {"person_px": 0.0}
    margin_px = 200
    scale_rule = staticmethod(person_scale.scale_from_trunk)

    def label_files(self, part: str) -> Sequence[str]:
        """Returns the files of joints and of bodies."""
        return [os.path.join(self.data_dir, "annotations", name) for name in _LABELS]

    def people(self, part: str) -> Iterable[sgre_format.Found]:
        """Reads all people."""
        labels, bodies = self.label_files(part)
        images = os.path.join(self.data_dir, "images", "train2017")
        return sgre_format.read_photos(labels, bodies, images, COCO17, self.name)
