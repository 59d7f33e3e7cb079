"""MPI-INF-3DHP as HybrIK annotates it.

Source tree: ``annotation_mpi_inf_3dhp_train_v2.json`` (or ``_train_v3``; ``--option labels=`` says
which if there are both) and ``annotation_mpi_inf_3dhp_test.json``, beside
``mpi_inf_3dhp_train_set/`` and ``mpi_inf_3dhp_test_set/`` with the extracted images. People are
brought to 150 px and cut out; ``--option person_px=0`` keeps the images as they are.

Reference:
    J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human Pose
    and Shape Estimation, CVPR 2021.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tfrecords_tools import hybrik_format
from tfrecords_tools.people_converter import PERSON_PX_OPTION, PeopleConverter


class HybrIK3DHPConverter(PeopleConverter):
    """Converts HybrIK's MPI-INF-3DHP."""

    name = "hybrik_mpi_inf_3dhp"
    splits = ("train", "test")
    option_defaults = {**PERSON_PX_OPTION, "labels": ""}  # noqa: RUF012

    def label_files(self, part: str) -> Sequence[str]:
        """Returns the chosen file, or the only one of the split."""
        pattern = f"annotation_mpi_inf_3dhp_{part}*.json"
        chosen = self.options["labels"]
        return [hybrik_format.find_labels(self.data_dir, pattern, chosen, self.name)]

    def people(self, part: str) -> Iterable[hybrik_format.Found]:
        """Reads the people of a split."""
        images = os.path.join(self.data_dir, f"mpi_inf_3dhp_{part}_set")
        return hybrik_format.read_3dhp(self.label_files(part)[0], images, self.name)
