"""3DPW as SGRE evaluates on it: OpenPose's 2D joints and SMPL bodies of the camera frame.

Source tree: ``3DPW_latest_test.json``, ``3DPW_latest_validation.json``, ``3DPW_latest_train.json``
and ``imageFiles/<sequence>/image_00000.jpg``. The 2D joints have OpenPose's scores as confidence;
those of up to 0.05 do not count. There are no 3D joints: they are the body's own. People are
brought to 150 px and cut out; ``--option person_px=0`` keeps the images as they are.

Reference:
    D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation Estimation,
    ICCV 2023.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tfrecords_tools import sgre_format
from tfrecords_tools.people_converter import PeopleConverter


class SGREPW3DConverter(PeopleConverter):
    """Converts SGRE's 3DPW."""

    name = "sgre_pw3d"
    splits = ("test", "validation", "train")

    def label_files(self, part: str) -> Sequence[str]:
        """Returns the file of the split."""
        return [os.path.join(self.data_dir, f"3DPW_latest_{part}.json")]

    def people(self, part: str) -> Iterable[sgre_format.Found]:
        """Reads the people of a split."""
        images = os.path.join(self.data_dir, "imageFiles")
        return sgre_format.read_pw3d(self.label_files(part)[0], images, self.name)
