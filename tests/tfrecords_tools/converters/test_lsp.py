"""LSP in its true format: labels, splits, flags, damaged images, synthetic truth."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from tfrecords_tools import lsp_format
from tfrecords_tools.converter import Drop
from tfrecords_tools.converters.lsp import LSPConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

_RNG = np.random.default_rng(0)


def write_source(folder, num_images=6, seed=0):
    """Writes a tiny LSP tree; also used by the test of all converters."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    joints = rng.uniform(5, 75, (3, 14, num_images))
    joints[2] = rng.integers(0, 2, (14, num_images))
    joints[2, 0] = 0
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    for index in range(num_images):
        image = rng.integers(0, 255, (80 + index, 90, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"im{index + 1:04d}.jpg"), image)
    return joints


def write_truth(folder, num_images=6, **changes):
    """Writes what the synthesizer leaves beside joints.mat."""
    rng = np.random.default_rng(1)
    truth = {
        "image_name": np.array([f"im{index + 1:04d}.jpg" for index in range(num_images)]),
        "split": np.array(["train", "test"] * (num_images // 2)),
        "pose_axis_angle": rng.normal(size=(num_images, 72)).astype(np.float32),
        "betas": rng.normal(size=(num_images, 10)).astype(np.float32),
        "translation": rng.normal(size=(num_images, 3)).astype(np.float32),
        "intrinsics": rng.uniform(1, 9, (num_images, 4)).astype(np.float32),
        "joints_3d": rng.normal(size=(num_images, 19, 3)).astype(np.float32),
        "joints_24_3d": rng.normal(size=(num_images, 24, 3)).astype(np.float32),
        "subject": np.array([f"clip{index}" for index in range(num_images)]),
        "body_kind": np.array("free_body"),
        **changes,
    }
    np.savez(folder / "smpl_truth.npz", **{k: v for k, v in truth.items() if v is not None})
    return truth


def _records(tmp_path, split="train", options=None, **arguments):
    converter = LSPConverter(tmp_path / "lsp", split, options=options)
    manifest = convert_part(converter, split, str(tmp_path / "out"), **arguments).manifest
    paths = manifest.shard_paths(str(tmp_path / "out"))
    return manifest, [parse_image_example(r) for path in paths for r in read_records(path)]


def test_records_hold_images_and_labels(tmp_path):
    joints = write_source(tmp_path / "lsp")
    manifest, records = _records(tmp_path)
    assert (manifest.num_examples, manifest.num_with_3d, manifest.num_with_smpl) == (6, 0, 0)
    for index, record in enumerate(records):
        name = f"im{index + 1:04d}.jpg"
        original = (tmp_path / "lsp" / "images" / name).read_bytes()
        assert record["image_encoded"].numpy() == original
        assert record["filename"].numpy() == name.encode()
        assert record["dataset"].numpy() == b"lsp"
        assert (int(record["height"]), int(record["width"])) == (80 + index, 90)
        # In LSP the flag marks what is hidden.
        is_visible = joints[2, :, index] == 0
        keypoints = record["keypoints_2d"].numpy()
        np.testing.assert_array_equal(keypoints[:14, 2], is_visible)
        np.testing.assert_array_equal(keypoints[14:], np.zeros((5, 3)))
        expected = joints[:2, :, index].T[is_visible]
        np.testing.assert_allclose(keypoints[:14][is_visible, :2], expected, rtol=1e-6)
        middle = (expected.min(0) + expected.max(0)) / 2
        np.testing.assert_allclose(record["center"], middle, rtol=1e-6)
        assert float(record["has_3d"]) == float(record["has_smpl"]) == 0


def test_the_first_thousand_are_the_train_split(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "im0001.jpg").touch()
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((3, 14, 1003))})
    train = LSPConverter(tmp_path).items("train")
    test = LSPConverter(tmp_path, "test").items("test")
    assert (len(train), len(test)) == (1000, 3)
    assert train[-1].path.endswith("im1000.jpg")
    assert test[0].path.endswith("im1001.jpg")


def test_an_absent_test_split_is_refused(tmp_path):
    write_source(tmp_path / "lsp")
    with pytest.raises(DatasetError, match="lsp test: no sample is left of 0"):
        _records(tmp_path, "test")


def test_damaged_and_missing_images_are_counted(tmp_path):
    write_source(tmp_path / "lsp")
    images = tmp_path / "lsp" / "images"
    (images / "im0002.jpg").unlink()
    (images / "im0004.jpg").write_bytes((images / "im0004.jpg").read_bytes()[:2000])
    (images / "im0005.jpg").write_bytes(b"")
    message = "3 of 6 samples are damaged .2 corrupt image, 1 missing image"
    with pytest.raises(DatasetError, match=message):
        _records(tmp_path)
    assert not (tmp_path / "out" / "lsp").exists()
    manifest, records = _records(tmp_path, max_error_fraction=0.5)
    assert manifest.drops == {"corrupt image": 2, "missing image": 1}
    names = [record["filename"].numpy().decode() for record in records]
    assert names == ["im0001.jpg", "im0003.jpg", "im0006.jpg"]


def test_people_without_usable_keypoints_are_dropped(tmp_path):
    item = lsp_format.LabelledImage("none.jpg", np.zeros((14, 3)))
    assert lsp_format.to_sample(item, "lsp") == Drop("no visible keypoint")
    keypoints = np.ones((14, 3))
    keypoints[3, 1] = np.nan
    item = lsp_format.LabelledImage("none.jpg", keypoints)
    assert lsp_format.to_sample(item, "lsp").is_error


def test_hidden_garbage_is_harmless(tmp_path):
    write_source(tmp_path / "lsp", num_images=1)
    joints = scipy.io.loadmat(tmp_path / "lsp" / "joints.mat")["joints"].reshape(3, 14, 1)
    joints[2] = 0
    joints[:, 5, 0] = [np.nan, -1e9, 1]
    scipy.io.savemat(tmp_path / "lsp" / "joints.mat", {"joints": joints})
    _, (record,) = _records(tmp_path)
    np.testing.assert_array_equal(record["keypoints_2d"][5], np.zeros(3))
    assert np.abs(record["center"].numpy()).max() < 100


def test_truth_becomes_3d_and_smpl(tmp_path):
    write_source(tmp_path / "lsp")
    truth = write_truth(tmp_path / "lsp")
    for split, rows in (("train", [0, 2, 4]), ("test", [1, 3, 5])):
        manifest, records = _records(tmp_path, split)
        assert (manifest.num_with_3d, manifest.num_with_smpl) == (3, 3)
        for row, record in zip(rows, records):
            assert record["filename"].numpy() == truth["image_name"][row].encode()
            for field in ("pose_axis_angle", "betas", "translation", "intrinsics"):
                np.testing.assert_array_equal(record[field], truth[field][row], field)
            np.testing.assert_array_equal(record["joints_3d"], truth["joints_3d"][row, :14])
            joints_24 = record["joints_24_3d"].numpy()
            np.testing.assert_array_equal(joints_24[:, :3], truth["joints_24_3d"][row])
            np.testing.assert_array_equal(joints_24[:, 3], np.ones(24))
            for flag in ("has_3d", "has_smpl", "has_translation", "has_intrinsics"):
                assert float(record[flag]) == 1
            assert record["subject"].numpy() == truth["subject"][row].encode()


def test_faces_are_labelled_where_the_head_does_not_hide_them(tmp_path):
    write_source(tmp_path / "lsp")
    face = np.array(
        [[0, 0.02, -0.1], [0.03, 0, -0.08], [-0.03, 0, -0.08], [0.07, 0, 0], [-0.07, 0, 0]]
    )
    turned = face @ np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])  # The left ear comes to the front.
    joints = np.zeros((6, 19, 3), np.float32)
    for row, points in ((0, face), (2, -face), (4, turned)):
        joints[row, 14:] = points
    translation = np.tile(np.float32([0.5, -0.2, 5]), (6, 1))
    intrinsics = np.tile(np.float32([100, 110, 40, 50]), (6, 1))
    write_truth(tmp_path / "lsp", joints_3d=joints, translation=translation, intrinsics=intrinsics)
    _, plain = _records(tmp_path)
    shutil.rmtree(tmp_path / "out")
    _, labelled = _records(tmp_path, options={"face": "1"})
    x, y = 100 * 0.5 / 4.9 + 40, 110 * -0.18 / 4.9 + 50
    np.testing.assert_allclose(labelled[0]["keypoints_2d"][14], [x, y, 1], atol=1e-4)
    seen = [record["keypoints_2d"][14:, 2].numpy().tolist() for record in labelled]
    # Nose, left eye, right eye, left ear, right ear; seen from the front, ears are at the rim.
    assert seen[0][:3] == [1, 1, 1] and seen[1][:3] == [0, 0, 0]
    assert seen[2][3:] == [1, 0]
    for one, other in zip(plain, labelled):
        np.testing.assert_array_equal(one["keypoints_2d"][:14], other["keypoints_2d"][:14])
        np.testing.assert_array_equal(one["center"], other["center"])
        assert not one["keypoints_2d"][14:].numpy().any()


def test_lsp_itself_has_no_faces(tmp_path):
    write_source(tmp_path / "lsp")
    with pytest.raises(DatasetError, match=r"option face needs .*smpl_truth\.npz"):
        _records(tmp_path, options={"face": "1"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": None}, "damaged or incomplete"),
        ({"betas": np.zeros((6, 16), np.float32)}, r"betas in .* must be \(6, 10\)"),
        ({"split": np.array(["train"] * 5)}, r"split in .* must be \(6,\)"),
        ({"image_name": np.array(["im0009.jpg"] * 6)}, "not of one dataset"),
        ({"subject": np.array([object()] * 6)}, "damaged or incomplete"),
    ],
)
def test_unfit_truth_is_refused(tmp_path, changes, message):
    write_source(tmp_path / "lsp")
    write_truth(tmp_path / "lsp", **changes)
    with pytest.raises(DatasetError, match=message):
        LSPConverter(tmp_path / "lsp").items("train")


def test_the_fingerprint_sees_labels_truth_and_images(tmp_path):
    write_source(tmp_path / "lsp")
    prints = [LSPConverter(tmp_path / "lsp").fingerprint("train")]
    write_truth(tmp_path / "lsp")
    prints.append(LSPConverter(tmp_path / "lsp").fingerprint("train"))
    (tmp_path / "lsp" / "images" / "im0003.jpg").write_bytes(b"shorter")
    prints.append(LSPConverter(tmp_path / "lsp").fingerprint("train"))
    assert len(set(prints)) == 3
    write_source(tmp_path / "again" / "lsp")
    assert LSPConverter(tmp_path / "again" / "lsp").fingerprint("train") == prints[0]
