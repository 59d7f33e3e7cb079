"""Leeds Sports Pose, extended training set: ``lspet_dataset`` or its high-resolution release.

Source tree: ``joints.mat`` with `joints` ``(14, 3, N)``, flag 1 = visible (unlabelled points hold
zeros, negative numbers or garbage), and ``images/im00001.jpg`` to ``imN.jpg``. All images are
training images and are stored as they are.

``hr-lspet``, the same photographs at their full size, has ``joints.mat`` beside flat
``im00001.png``: the numbers have gaps, and the i-th image by name goes with the i-th label. Its
people are brought to the size of records (150 px; by the rule for MPII, whose labels are alike).

Reference:
    S. Johnson and M. Everingham, Learning Effective Human Pose Estimation from Inaccurate
    Annotation, CVPR 2011. L. Pishchulin et al., DeepCut, CVPR 2016 (high-resolution release).
"""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np

from tfrecords_tools import lsp_format, person_scale, skeletons
from tfrecords_tools.converter import Converter, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.labelled_people import Framing, LabelledPerson, to_sample

_HIGH_RESOLUTION = Framing(scale_rule=person_scale.scale_from_head)

_Item = Union[lsp_format.LabelledImage, LabelledPerson]


class LSPExtendedConverter(Converter):
    """Converts LSP-extended, or hr-lspet."""

    name = "lsp_ext"

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what was read: workers get their images one by one."""
        return {key: value for key, value in self.__dict__.items() if key != "_source"}

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        _, paths = self._source
        return fingerprint_files(self.data_dir, [self._labels_path], paths)

    def items(self, part: str) -> Sequence[_Item]:
        """Returns all images, in the order of ``joints.mat``."""
        labels, paths = self._source
        make = self._high_resolution_item if self._is_flat else lsp_format.LabelledImage
        return [make(path, label) for path, label in zip(paths, labels)]

    def convert(self, item: _Item) -> Iterable[Output]:
        """Turns one image into one sample."""
        if isinstance(item, LabelledPerson):
            return [to_sample(item, self.name, _HIGH_RESOLUTION)]
        return [lsp_format.to_sample(item, self.name)]

    @property
    def _labels_path(self) -> str:
        return os.path.join(self.data_dir, "joints.mat")

    @property
    def _is_flat(self) -> bool:
        return not os.path.isdir(os.path.join(self.data_dir, "images")) and bool(self._flat_images)

    @property
    def _flat_images(self) -> list[str]:
        return sorted(glob.glob(os.path.join(glob.escape(self.data_dir), "im*.png")))

    @functools.cached_property
    def _source(self) -> tuple[np.ndarray, list[str]]:
        """Labels and paths of all images."""
        labels = lsp_format.read_joints(self._labels_path, self.name, coordinate_axis=1)
        if not self._is_flat:
            folder = os.path.join(self.data_dir, "images")
            return labels, lsp_format.image_paths(folder, len(labels), self.name)
        paths = self._flat_images
        if len(paths) != len(labels):
            raise DatasetError(
                f"lsp_ext: {self.data_dir} holds {len(paths)} images, joints.mat labels "
                f"{len(labels)}; in the high-resolution release they must be equally many, as only "
                "their order says which is which. Unpack it anew."
            )
        return labels, paths

    def _high_resolution_item(self, path: str, label: np.ndarray) -> LabelledPerson:
        return LabelledPerson(path, label, skeletons.LSP14.name)
