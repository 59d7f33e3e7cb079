"""UP-3D in its true format: the fit's camera, lists, side files that are missing or damaged."""

from __future__ import annotations

import os
import pickle
import re
import shutil

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import up3d as layout
from tfrecords_tools import safe_pickle
from tfrecords_tools.converters.up3d import UP3DConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

# LSP-14 slots of limbs -> SMPL's joints, written out: right ankle and knee, left knee and ankle,
# right wrist, elbow and shoulder, left shoulder, elbow and wrist.
_LIMBS = {0: 8, 1: 5, 4: 4, 5: 7, 6: 21, 7: 19, 8: 17, 9: 16, 10: 18, 11: 20}


def write_source(folder):
    """Writes a tiny UP-3D tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=4, num_test=0, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("up3d")
    config = SynthesisConfig(num_images=10, num_test=4, image_size=160, seed=5)
    layout.write(str(folder), config)
    return folder / "up-3d"


@pytest.fixture(scope="module")
def truth(source):
    """Image name -> row of the truth of the labelled person."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        rows = np.flatnonzero(file["person"] == 0)
        arrays = {name: values[rows] for name, values in file.items() if values.ndim}
    return {
        str(path): {name: values[row] for name, values in arrays.items()}
        for row, path in enumerate(arrays["image_path"])
    }


def _convert(source, out_dir, split="train", **arguments):
    converter = UP3DConverter(source, split)
    manifest = convert_part(converter, split, str(out_dir), **arguments).manifest
    parsed = [
        parse_image_example(serialized)
        for path in manifest.shard_paths(str(out_dir))
        for serialized in read_records(path)
    ]
    return manifest, [{key: value.numpy() for key, value in one.items()} for one in parsed]


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Split -> (manifest, records)."""
    out_dir = tmp_path_factory.mktemp("up3d_records")
    return {split: _convert(source, out_dir, split) for split in UP3DConverter.splits}


def test_splits_are_the_lists(records):
    names = {
        split: [record["filename"].decode() for record in found]
        for split, (_, found) in records.items()
    }
    assert names["train"] == [f"{index:05d}_image.png" for index in (0, 1, 3, 4, 5)]
    assert names["val"] == ["00006_image.png", "00007_image.png"]
    assert names["test"] == ["00008_image.png", "00009_image.png"]
    assert names["trainval"] == names["train"] + names["val"]
    assert records["train"][0].drops == {"no visible keypoint": 1}


def test_bodies_are_the_truth(records, truth):
    for _, found in records.values():
        for record in found:
            row = truth[record["filename"].decode()]
            for field in ("pose_axis_angle", "betas", "translation"):
                np.testing.assert_allclose(record[field], row[field], atol=1e-6)
            flags = ("has_smpl", "has_translation", "has_intrinsics", "has_box")
            assert all(record[flag] == 1 for flag in flags)
            assert record["gender"] == 0 and record["has_3d"] == 0
            index = int(record["filename"][:5])
            assert record["sequence"].decode() == ("lsp", "mpii")[index % 2]
            assert record["frame"] == 17 + index


def test_joints_reproject_in_the_stored_image(records, truth):
    """Also catches a swapped side: the truth is told joint by joint."""
    num_visible = 0
    for record in (record for _, found in records.values() for record in found):
        row = truth[record["filename"].decode()]
        focal, center = record["intrinsics"][:2], record["intrinsics"][2:]

        def project(points, record=record, focal=focal, center=center):
            points = points + record["translation"]
            return points[:, :2] / points[:, 2:] * focal + center

        visible = record["keypoints_2d"][:14, 2] > 0
        found = record["keypoints_2d"][:14, :2]
        joints = project(row["joints_24_3d"])[:14]
        np.testing.assert_allclose(found[visible], joints[visible], atol=0.05)
        limbs = project(row["smpl_joints_3d"])
        for slot, joint in _LIMBS.items():
            if visible[slot]:
                assert np.abs(found[slot] - limbs[joint]).max() < 1.5
        num_visible += visible.sum()
        extent = np.ptp(found[visible], axis=0)
        assert np.linalg.norm(extent) == pytest.approx(150, rel=0.02)
        assert max(record["height"], record["width"]) <= 300
        factor = record["intrinsics"][0] / row["intrinsics"][0]
        size = record["box_xyxy"][2:] - record["box_xyxy"][:2]
        true_box = row["box_xyxy"] * factor
        np.testing.assert_allclose(size, true_box[2:] - true_box[:2], atol=3)
    assert num_visible > 80


def test_a_turned_camera_turns_the_root(source, tmp_path):
    shutil.copytree(source, tmp_path / "up-3d")
    path = tmp_path / "up-3d" / "00001_body.pkl"
    body = safe_pickle.load(str(path))
    turn = Rotation.from_rotvec([0.1, -0.4, 0.2])
    pose = body["pose"].copy()
    body["rt"] = turn.as_rotvec()
    body["pose"][:3] = (turn.inv() * Rotation.from_rotvec(pose[:3])).as_rotvec()
    path.write_bytes(pickle.dumps(body, protocol=2))
    record = _convert(tmp_path / "up-3d", tmp_path / "out")[1][1]
    np.testing.assert_allclose(record["pose_axis_angle"], pose, atol=1e-5)
    assert record["has_translation"] == 0


def test_images_with_damaged_files_are_counted(source, tmp_path):
    folder = tmp_path / "up-3d"
    shutil.copytree(source, folder)

    def cut(name, end):
        (folder / name).write_bytes((folder / name).read_bytes()[:end])

    cut("00000_image.png", 500)
    cut("00001_body.pkl", -30)
    cut("00003_joints.npy", 100)
    (folder / "00004_fit_crop_info.txt").write_text("160 170 0 9999 0 170")
    cut("00005_render_light.png", 60)
    for index, ending in enumerate(("image.png", "body.pkl", "joints.npy", "fit_crop_info.txt")):
        (folder / f"{6 + index:05d}_{ending}").unlink()
    every = [f"/{index:05d}_image.png" for index in (0, 1, 3, 4, 5, 6, 7, 8, 9)]
    (folder / "trainval.txt").write_text("\n".join(every))
    with pytest.raises(DatasetError, match="9 of 9 samples are damaged"):
        _convert(folder, tmp_path / "out", "trainval", max_error_fraction=0.5)
    (folder / "trainval.txt").write_text("\n".join([*every, *["/00002_image.png"]]))
    (folder / "00002_joints.npy").write_bytes((source / "00001_joints.npy").read_bytes())
    manifest, found = _convert(folder, tmp_path / "out", "trainval", max_error_fraction=0.9)
    assert len(found) == 1
    names = ("image", "body.pkl", "joints.npy", "fit_crop_info.txt")
    assert manifest.drops == {
        **{f"missing {name}": 1 for name in names},
        **{f"damaged {name}": 1 for name in (*names[1:], "render_light.png")},
        "corrupt image": 1,
    }


def test_what_may_be_missing(source, tmp_path):
    shutil.copytree(source, tmp_path / "up-3d")
    for index in range(10):
        for ending in ("render_light.png", "dataset_info.txt", "quality_info.txt"):
            (tmp_path / "up-3d" / f"{index:05d}_{ending}").unlink()
    joints = np.load(source / "00000_joints.npy")
    np.save(tmp_path / "up-3d" / "00000_joints.npy", joints[:2])
    _, found = _convert(tmp_path / "up-3d", tmp_path / "out")
    assert [float(record["has_box"]) for record in found] == [0] * 5
    np.testing.assert_array_equal(found[0]["keypoints_2d"][:14, 2], joints[2] > 0)


def _refusal(folder, split="train"):
    with pytest.raises(DatasetError) as caught:
        converter = UP3DConverter(folder, split)
        for item in converter.items(split):
            list(converter.convert(item))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_sources_are_one_line(source, tmp_path, monkeypatch):
    assert re.search(r"up3d: .*test\.txt is not there; --data_dir", _refusal(tmp_path, "test"))
    folder = tmp_path / "up-3d"
    shutil.copytree(source, folder)
    shutil.copy(folder / "test.txt", folder / "train.txt")
    assert "train.txt and test.txt" in _refusal(folder)
    (folder / "train.txt").write_text("images/im0001.jpg\n")
    assert "must hold lines like /00000_image.png; it holds 'images/im0001.jpg'" in _refusal(folder)
    (folder / "train.txt").write_text("\n")
    with pytest.raises(DatasetError, match="up3d train: no sample is left of 0"):
        _convert(folder, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    shutil.copy(source / "train.txt", folder / "train.txt")
    (folder / "00001_body.pkl").write_bytes(pickle.dumps({"pose": _Attack()}, protocol=2))
    assert "nothing in it was run" in _refusal(folder)
    assert not (tmp_path / "attacked").exists()


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)
