"""Human3.6M as pytorch_HMR reads it: converted twins, units, damaged files."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
from people_checks import BodyTruth, check_body, check_size
from photo_twin_checks import SIDES, convert, to_source

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import h36m_labels
from tfrecords_tools import h36m_arrays
from tfrecords_tools.converters.h36m import H36MConverter
from tfrecords_tools.errors import DatasetError

# LSP's joints but for the head: rows of the regressor of Human3.6M's joints.
_ROWS = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pytorch_hmr") / "source"
    config = SynthesisConfig(num_images=9, num_test=1, image_size=112, seed=5)
    assert h36m_labels.write_pytorch_hmr(str(folder), config) == f"8 images in {folder}"
    return folder


@pytest.fixture
def labels(source, tmp_path):
    """A copy that may be changed."""
    shutil.copytree(source, tmp_path / "copy")
    return tmp_path / "copy" / "annot.h5"


def test_people_are_the_truth(source, tmp_path):
    assert H36MConverter(source).options["layout"] == "pytorch_hmr"
    manifest, found = convert("h36m", source, tmp_path)
    assert (manifest.num_examples, manifest.num_with_smpl, manifest.drops) == (8, 8, {})
    truth = BodyTruth(source)
    hidden = 0
    for record, example in found:
        stem = record["filename"].decode()[:-11]
        row = truth.rows[f"image/{stem}/{record['filename'].decode()}", 0]
        check_size(record)
        # The bodies are stored upside down.
        check_body(record, truth, row, has_place=False)
        vertices, smpl = truth.vertices(row)
        joints = truth.body.regressor("h36m")[_ROWS] @ vertices
        middle = (joints[2] + joints[3]) / 2
        np.testing.assert_allclose(record["joints_3d"], joints - middle, atol=1e-4)
        for name, slot, joint in SIDES:
            assert np.linalg.norm(record["joints_3d"][slot] + middle - smpl[joint]) < 0.06, name
        pixels = to_source(record["keypoints_2d"][:14, :2], example)
        visible = record["keypoints_2d"][:14, 2] > 0
        hidden += int((~visible).sum())
        np.testing.assert_allclose(pixels[visible], truth.project(row, joints)[visible], atol=0.05)
        assert record["has_translation"] == record["has_intrinsics"] == 0
        assert record["subject"] in (b"S1", b"S5") and record["frame"] % 5 == 0
        assert record["sequence"].split(b"_")[0] == record["subject"]
    assert hidden == 2


def test_millimetres_are_noticed(labels):
    metres = h36m_arrays.read_people(str(labels.parent))
    with h5py.File(labels, "r+") as file:
        file["gt3d"][...] = 1000.0 * np.asarray(file["gt3d"])
    millimetres = h36m_arrays.read_people(str(labels.parent))
    for one, other in zip(metres, millimetres):
        np.testing.assert_allclose(one.points_3d, other.points_3d, atol=1e-6)


def test_the_layout_has_no_test_split(source):
    with pytest.raises(DatasetError, match="layout pytorch_hmr has the split train only"):
        H36MConverter(source, "test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "is not an HDF5 file or is dam"),
        (lambda path: _set(path, "pose", None), r"annot\.h5 holds no pose; it holds gt2d"),
        (lambda path: _set(path, "shape", np.zeros((8, 16))), r"shape .* must be \(8, 10\), as"),
        (
            lambda path: _set(path, "imagename", np.array([b"/../../etc/passwd"] * 8)),
            r"names an image outside of the dataset: \.\./\.\./etc/passwd",
        ),
    ],
)
def test_damaged_labels_are_one_line(labels, change, message):
    change(labels)
    with pytest.raises(DatasetError, match=rf"^h36m: .*{message}") as caught:
        H36MConverter(labels.parent).fingerprint("train")
    assert "\n" not in str(caught.value)


def _set(path, name, value):
    with h5py.File(path, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value
