"""LSP-extended in its true format: swapped axes, and a flag that means the opposite of LSP's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io

from tfrecords_tools.converters.lsp_ext import LSPExtendedConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example


def write_source(folder, num_images=5):
    """Writes a tiny LSP-extended tree; also used by the test of all converters."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    joints = rng.uniform(5, 75, (14, 3, num_images))
    joints[:, 2] = rng.integers(0, 2, (14, num_images))
    joints[0, 2] = 1
    hidden = joints[:, 2] == 0
    joints[:, 0][hidden] = -4321.5  # Unlabelled points hold garbage.
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    for index in range(num_images):
        image = rng.integers(0, 255, (80, 90, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"im{index + 1:05d}.jpg"), image)
    return joints


def test_records_hold_visible_points_only(tmp_path):
    joints = write_source(tmp_path / "source")
    converter = LSPExtendedConverter(tmp_path / "source")
    manifest = convert_part(converter, "train", str(tmp_path / "out")).manifest
    assert manifest.num_examples == 5
    (path,) = manifest.shard_paths(str(tmp_path / "out"))
    assert path.endswith("lsp_ext/train_000.tfrecord")
    for index, serialized in enumerate(read_records(path)):
        record = parse_image_example(serialized)
        assert record["filename"].numpy() == b"im%05d.jpg" % (index + 1)
        is_visible = joints[:, 2, index] == 1
        keypoints = record["keypoints_2d"].numpy()[:14]
        np.testing.assert_array_equal(keypoints[:, 2], is_visible)
        points = joints[is_visible, :2, index]
        np.testing.assert_allclose(keypoints[is_visible, :2], points, rtol=1e-6)
        np.testing.assert_array_equal(keypoints[~is_visible], 0)
        np.testing.assert_allclose(record["center"], (points.min(0) + points.max(0)) / 2, rtol=1e-6)


def test_there_is_no_test_split(tmp_path):
    with pytest.raises(DatasetError, match="lsp_ext has no split 'test'; expected train"):
        LSPExtendedConverter(tmp_path, "test")
