"""LSP-extended in its true format: swapped axes, and a flag that means the opposite of LSP's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import lsp_ext as layout
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


_WRITERS = {"lsp_ext": layout.write, "hr_lspet": layout.write_high_resolution}
# LSP-14 slots of limbs -> SMPL's joints, written out: right ankle and knee, left knee and ankle,
# right wrist, elbow and shoulder, left shoulder, elbow and wrist.
_LIMBS = {0: 8, 1: 5, 4: 4, 5: 7, 6: 21, 7: 19, 8: 17, 9: 16, 10: 18, 11: 20}


@pytest.fixture(scope="module", params=sorted(_WRITERS))
def twin(request, tmp_path_factory):
    """(layout's name, source folder, truth of the first person of each image, records)."""
    folder = tmp_path_factory.mktemp(request.param)
    config = SynthesisConfig(num_images=8, num_test=0, image_size=160)
    _WRITERS[request.param](str(folder / "raw"), config)
    with np.load(folder / "raw" / "smpl_truth.npz", allow_pickle=False) as file:
        truth = {name: values[file["person"] == 0] for name, values in file.items() if values.ndim}
    converter = LSPExtendedConverter(folder / "raw")
    manifest = convert_part(converter, "train", str(folder / "out")).manifest
    assert manifest.drops == {"no visible keypoint": 1}
    (path,) = manifest.shard_paths(str(folder / "out"))
    parsed = (parse_image_example(serialized) for serialized in read_records(path))
    records = [{key: value.numpy() for key, value in record.items()} for record in parsed]
    return request.param, folder / "raw", truth, records


def test_twins_keypoints_are_the_truth(twin):
    name, _, truth, records = twin
    assert len(records) == 7
    rows = {path.split("/")[-1]: row for row, path in enumerate(truth["image_path"])}
    num_visible, factors = 0, []
    for record in records:
        row = rows[record["filename"].decode()]
        focal, center = truth["intrinsics"][row][:2], truth["intrinsics"][row][2:]
        joints = truth["joints_24_3d"][row][:14] + truth["translation"][row]
        expected = joints[:, :2] / joints[:, 2:] * focal + center
        visible = record["keypoints_2d"][:14, 2] > 0
        found = record["keypoints_2d"][:14][visible, :2]
        num_visible += visible.sum()
        limbs = truth["smpl_joints_3d"][row] + truth["translation"][row]
        limbs = limbs[:, :2] / limbs[:, 2:] * focal + center
        if name == "hr_lspet":
            factor, shift = _similarity(expected[visible], found)
            factors.append(factor)
            expected, limbs = expected * factor + shift, limbs * factor + shift
        np.testing.assert_allclose(found, expected[visible], atol=0.6)
        for slot, joint in _LIMBS.items():
            if visible[slot]:
                assert np.abs(record["keypoints_2d"][slot, :2] - limbs[joint]).max() < 2.0
    assert num_visible > 50
    if name == "hr_lspet":
        assert np.median(factors) < 0.8  # The source is larger than records are.


def _similarity(source, target):
    """Returns the factor and shift that take points to others best, in least squares."""
    middle, other = source.mean(axis=0), target.mean(axis=0)
    factor = ((source - middle) * (target - other)).sum() / ((source - middle) ** 2).sum()
    return factor, other - factor * middle


def test_high_resolution_people_have_the_size_of_records(twin):
    name, folder, _, records = twin
    assert (folder / "README.txt").exists() == (name == "lsp_ext")
    for record in records:
        visible = record["keypoints_2d"][:, 2] > 0
        if name == "hr_lspet" and visible[[0, 5]].any():
            extent = np.ptp(record["keypoints_2d"][visible, :2], axis=0)
            assert np.linalg.norm(extent) == pytest.approx(150, rel=0.01)
            assert max(record["height"], record["width"]) <= 300
        if name == "lsp_ext":
            original = folder / "images" / record["filename"].decode()
            assert record["image_encoded"] == original.read_bytes()


def test_high_resolution_numbers_have_gaps(twin):
    name, folder, _, _ = twin
    if name == "hr_lspet":
        numbers = [int(path.stem[2:]) for path in sorted(folder.glob("*.png"))]
        assert numbers == [1, 2, 3, 4, 6, 7, 8, 9]
        assert scipy.io.loadmat(folder / "joints.mat")["joints"].shape == (14, 3, 8)


def test_a_missing_high_resolution_image_is_refused(tmp_path):
    config = SynthesisConfig(num_images=3, num_test=0, image_size=64)
    layout.write_high_resolution(str(tmp_path), config)
    (tmp_path / "im00002.png").unlink()
    with pytest.raises(DatasetError, match=r"holds 2 images, joints\.mat labels 3; in the"):
        LSPExtendedConverter(tmp_path).items("train")


def test_lsp_is_told_apart(tmp_path):
    (tmp_path / "images").mkdir()
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((3, 14, 5))})
    with pytest.raises(DatasetError, match="which is the layout of --dataset lsp"):
        LSPExtendedConverter(tmp_path).items("train")
    (tmp_path / "joints.mat").write_bytes((tmp_path / "joints.mat").read_bytes()[:150])
    with pytest.raises(DatasetError, match=r"joints\.mat is not a MATLAB 5 file or is damaged"):
        LSPExtendedConverter(tmp_path).items("train")
