"""MPII with the SMPL bodies that SGRE trains on (NeuralAnnot's).

Source tree: ``annotations/train.json`` (COCO-style, 16 joints),
``annotations/MPII_train_SMPL_NeuralAnnot.json`` and ``images/``. People without a body keep their
2D joints. They are scaled and cut out as those of `mpii`; ``--option person_px=0`` keeps the images
as they are. For MPII's own files take the dataset `mpii`.

Reference:
    D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation Estimation,
    ICCV 2023.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tfrecords_tools import person_scale, sgre_format
from tfrecords_tools.people_converter import PeopleConverter
from tfrecords_tools.skeletons import MPII16

_LABELS = ("train.json", "MPII_train_SMPL_NeuralAnnot.json")


class SGREMPIIConverter(PeopleConverter):
    """Converts MPII with NeuralAnnot's bodies."""

    name = "sgre_mpii"
    margin_px = 300
    scale_rule = staticmethod(person_scale.scale_from_head)

    def label_files(self, part: str) -> Sequence[str]:
        """Returns the files of joints and of bodies."""
        return [os.path.join(self.data_dir, "annotations", name) for name in _LABELS]

    def people(self, part: str) -> Iterable[sgre_format.Found]:
        """Reads all people."""
        labels, bodies = self.label_files(part)
        images = self.data_dir  # File names begin with images/.
        return sgre_format.read_photos(labels, bodies, images, MPII16, self.name)
