"""3DPW as HybrIK annotates it.

Source tree: ``json/3DPW_train_new.json`` and ``json/3DPW_test_new.json`` beside
``imageFiles/<sequence>/image_00000.jpg``. The 2D joints are the projected 3D ones, which the
authors regressed from the bodies. Where the bodies stand is known with the model they belong to
(``--option smpl_model=SMPL_NEUTRAL.pkl``); without it the translation is that of the joints alone.
People are brought to 150 px and cut out; ``--option person_px=0`` keeps the images as they are.

Reference:
    J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose
    and Shape Estimation, CVPR 2021.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tfrecords_tools import hybrik_format
from tfrecords_tools.people_converter import PERSON_PX_OPTION, PeopleConverter
from tfrecords_tools.rest_pelvis import RestPelvis


class HybrIKPW3DConverter(PeopleConverter):
    """Converts HybrIK's 3DPW."""

    name = "hybrik_pw3d"
    splits = ("train", "test")
    option_defaults = {**PERSON_PX_OPTION, "labels": "", "smpl_model": ""}  # noqa: RUF012

    def label_files(self, part: str) -> Sequence[str]:
        """Returns the chosen file, or the only one of the split, and the body model."""
        folder = os.path.join(self.data_dir, "json")
        pattern, chosen = f"3DPW_{part}_*.json", self.options["labels"]
        labels = hybrik_format.find_labels(folder, pattern, chosen, self.name)
        model = self.options["smpl_model"]
        return [labels, model] if model else [labels]

    def people(self, part: str) -> Iterable[hybrik_format.Found]:
        """Reads the people of a split."""
        model = self.options["smpl_model"]
        pelvis = RestPelvis(model) if model else None
        images = os.path.join(self.data_dir, "imageFiles")
        return hybrik_format.read_pw3d(self.label_files(part)[0], images, pelvis, self.name)
