"""Leeds Sports Pose, extended training set (``lspet_dataset``).

Source tree: ``joints.mat`` with `joints` ``(14, 3, N)``, flag 1 = visible (unlabelled points hold
zeros, negative numbers or garbage), and ``images/im00001.jpg`` to ``imN.jpg``. All images are
training images and are stored as they are.

Reference:
    S. Johnson and M. Everingham, Learning Effective Human Pose Estimation from Inaccurate
    Annotation, CVPR 2011.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from tfrecords_tools import lsp_format
from tfrecords_tools.converter import Converter, Output, fingerprint_files


class LSPExtendedConverter(Converter):
    """Converts LSP-extended."""

    name = "lsp_ext"

    def fingerprint(self, part: str) -> str:
        """Hashes the labels and the list of images."""
        _, paths = self._read()
        return fingerprint_files(self.data_dir, [self._labels_path], paths)

    def items(self, part: str) -> Sequence[lsp_format.LabelledImage]:
        """Returns all images, in the order of ``joints.mat``."""
        labels, paths = self._read()
        return [lsp_format.LabelledImage(path, label) for path, label in zip(paths, labels)]

    def convert(self, item: lsp_format.LabelledImage) -> Iterable[Output]:
        """Turns one image into one sample."""
        return [lsp_format.to_sample(item, self.name)]

    @property
    def _labels_path(self) -> str:
        return os.path.join(self.data_dir, "joints.mat")

    def _read(self) -> tuple[np.ndarray, list[str]]:
        labels = lsp_format.read_joints(self._labels_path, self.name, coordinate_axis=1)
        folder = os.path.join(self.data_dir, "images")
        return labels, lsp_format.image_paths(folder, len(labels), self.name)
