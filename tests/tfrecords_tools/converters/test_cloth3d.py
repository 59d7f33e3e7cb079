"""CLOTH3D++ in its true format: turned worlds, the golden camera, videos, damaged sequences."""

from __future__ import annotations

import dataclasses
import re
import shutil

import cv2
import numpy as np
import pytest
import scipy.io
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body, save_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import cloth3d as layout
from tfrecords_tools.converters import cloth3d
from tfrecords_tools.converters.cloth3d import CLOTH3DConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

# Record slots of J24 -> SMPL's joints of the same name, both written out; the nose is slot 19.
_NAMESAKES = {0: 8, 1: 5, 4: 4, 5: 7, 6: 21, 7: 19, 8: 17, 9: 16, 10: 18, 11: 20}
_NOSE = 19


def write_source(folder):
    """Writes a tiny CLOTH3D++ tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=5, num_test=1, image_size=60))


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A body whose rest pelvis lies as far from the origin as SMPL's."""
    path = tmp_path_factory.mktemp("models") / "body.npz"
    embedded = load_body("free_body")
    moved = embedded.template + np.array([0.02, -0.24, 0.03], np.float32)
    save_body(dataclasses.replace(embedded, template=moved), path)
    return str(path)


@pytest.fixture(scope="module")
def source(body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloth3d")
    config = SynthesisConfig(num_images=8, num_test=4, image_size=150, seed=2, body=body)
    layout.write(str(folder), config)
    return folder / "Data"


@pytest.fixture(scope="module")
def truth(source):
    """`00449/0000.png` -> row of the truth."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        arrays = {name: values for name, values in file.items() if values.ndim}
    return {
        str(path)[len("frames/") :]: {name: values[row] for name, values in arrays.items()}
        for row, path in enumerate(arrays["image_path"])
    }


def _convert(source, out_dir, split="train", options=None, **arguments):
    converter = CLOTH3DConverter(source, split, options=options)
    manifest = convert_part(converter, split, str(out_dir), **arguments).manifest
    parsed = [
        parse_image_example(serialized)
        for path in manifest.shard_paths(str(out_dir))
        for serialized in read_records(path)
    ]
    return manifest, [{key: value.numpy() for key, value in one.items()} for one in parsed]


@pytest.fixture(scope="module")
def records(source, body, tmp_path_factory):
    """Name of the frame -> record, of both splits, with the models' files."""
    out_dir = tmp_path_factory.mktemp("cloth3d_records")
    models = {"smpl_female": body, "smpl_male": body}
    found = [r for split in ("train", "val") for r in _convert(source, out_dir, split, models)[1]]
    return {f"{r['sequence'].decode()}/{r['filename'].decode()}": r for r in found}


def test_splits_are_the_lists(records, source):
    lists = [(source / f"{split}.txt").read_text().split("\n") for split in ("train", "val")]
    assert list(records) == lists[0] + lists[1]
    assert {name[:5] for name in records} == {"00449", "00742", "07054", "07213"}
    # Two sequences of frames, two of videos.
    assert len(list(source.glob("frames/*/*.png"))) == len(list(source.glob("frames/*/*.avi"))) * 2


def test_bodies_are_the_truth_in_the_camera_frame(records, truth):
    for name, record in records.items():
        row = truth[name]
        found = record["pose_axis_angle"]
        root = Rotation.from_rotvec(row["pose_axis_angle"][:3]).inv()
        assert (root * Rotation.from_rotvec(found[:3])).magnitude() < 1e-5
        np.testing.assert_allclose(found[3:], row["pose_axis_angle"][3:], atol=1e-5)
        np.testing.assert_allclose(record["betas"], row["betas"], atol=1e-6)
        np.testing.assert_allclose(record["translation"], row["translation"], atol=1e-4)
        assert record["gender"] == {"male": 1, "female": 2}[row["gender"]]
        assert record["frame"] == int(name[6:10])
        joints = record["joints_24_3d"]
        assert set(np.flatnonzero(joints[:, 3])) == {*_NAMESAKES, _NOSE}
        for slot, joint in _NAMESAKES.items():
            expected = row["smpl_joints_3d"][joint]
            np.testing.assert_allclose(joints[slot, :3], expected, atol=1e-4)
        np.testing.assert_allclose(joints[_NOSE, :3], row["joints_24_3d"][_NOSE], atol=1e-4)


def test_joints_reproject_in_the_stored_image(records, truth):
    """Also catches a swapped side: the truth is told joint by joint."""
    for name, record in records.items():
        row = truth[name]
        points = np.concatenate([row["smpl_joints_3d"], row["joints_24_3d"][[_NOSE]]])
        points = points + record["translation"]
        pixels = points[:, :2] / points[:, 2:] * record["intrinsics"][:2] + record["intrinsics"][2:]
        for slot, joint in (*_NAMESAKES.items(), (_NOSE, 24)):
            assert record["keypoints_24_2d"][slot, 2] == 1
            np.testing.assert_allclose(
                record["keypoints_24_2d"][slot, :2], pixels[joint], atol=0.05
            )
        assert record["keypoints_24_2d"][:, 2].sum() == 11
        visible = record["keypoints_2d"][record["keypoints_2d"][:, 2] > 0, :2]
        assert len(visible) == 11
        assert np.linalg.norm(np.ptp(visible, axis=0)) == pytest.approx(150, rel=0.02)
        x0, y0, x1, y1 = record["box_xyxy"]
        assert x0 <= visible[:, 0].min() and visible[:, 1].max() <= y1 and x0 < x1 and y0 < y1


def test_images_show_the_person_where_the_joints_are(records):
    """The surroundings are black, the joints' places are not: frames belong to their labels."""
    for record in records.values():
        image = cv2.imdecode(np.frombuffer(record["image_encoded"], np.uint8), 1).max(axis=2)
        points = record["keypoints_24_2d"]
        columns, rows = np.rint(points[points[:, 2] > 0, :2]).astype(int).T
        assert np.mean(image[rows, columns] > 3) > 0.7
        x0, y0, x1, y1 = record["box_xyxy"]
        outside = np.ones(image.shape, bool)
        outside[max(int(y0) - 30, 0) : int(y1) + 30, max(int(x0) - 30, 0) : int(x1) + 30] = False
        assert not outside.any() or np.mean(image[outside] > 25) < 0.05


def test_without_models_the_translation_is_the_pelvis(source, truth, tmp_path):
    _, found = _convert(source, tmp_path)
    record = found[0]
    row = truth[f"{record['sequence'].decode()}/{record['filename'].decode()}"]
    pelvis = row["smpl_joints_3d"][0]
    assert np.linalg.norm(pelvis) > 0.2
    np.testing.assert_allclose(record["translation"], row["translation"] + pelvis, atol=1e-4)
    for slot, joint in _NAMESAKES.items():
        expected = row["smpl_joints_3d"][joint] - pelvis
        np.testing.assert_allclose(record["joints_24_3d"][slot, :3], expected, atol=1e-4)


def test_the_golden_camera():
    """Numbers of the published example: zrot 0.5, trans (.2, -.1, .95), camLoc (4.5, 0, 1)."""
    labels = {
        "joints": np.zeros((1, 24, 3)),
        "lmarks": np.zeros((1, 18, 3)),
        "trans": np.array([[0.2, -0.1, 0.95]]),
        "camLoc": np.array([4.5, 0.0, 1.0]),
        "zrot": 0.5,
        "poses": np.zeros((1, 72)),
        "shape": np.zeros(10),
        "gender": 0,
    }
    person = cloth3d._person("00001/0000.png", 0, labels, (480, 640, 3), np.zeros(3))
    np.testing.assert_allclose(person.points_2d[0], [321.6892, 250.3926, 1], atol=1e-4)
    assert person.translation[2] == pytest.approx(4.276541, abs=1e-6)
    np.testing.assert_allclose(person.intrinsics, [888.889, 888.889, 320, 240], atol=1e-3)


def test_people_beyond_the_border_and_behind_the_camera_are_not_seen():
    labels = {
        "joints": np.linspace([0, -3, 0], [0, 3, 0], 24)[None],
        "lmarks": np.full((1, 18, 3), [9.0, 0, 0]),
        **{"trans": np.zeros((1, 3)), "camLoc": np.array([4.0, 0, 1]), "zrot": 0.0},
        **{"poses": np.zeros((1, 72)), "shape": np.zeros(10), "gender": 1},
    }
    labels["joints"][0, 0] = 0
    points = cloth3d._person("1/0000.png", 0, labels, (480, 640, 3), np.zeros(3)).points_2d
    assert 0 < points[:, 2].sum() < 20
    assert not points[24:].any() and not points[points[:, 2] == 0].any()


def _spoil(source, tmp_path, sequence="00449"):
    shutil.copytree(source, tmp_path / "Data")
    return tmp_path / "Data", tmp_path / "Data" / "frames" / sequence


@pytest.mark.parametrize("name", ["info.mat", "info_body.mat"])
def test_damaged_and_missing_labels_are_counted(source, tmp_path, name):
    data, folder = _spoil(source, tmp_path)
    (folder / name).write_bytes((folder / name).read_bytes()[:400])
    with pytest.raises(DatasetError, match=rf"2 of 4 samples are damaged .2 damaged {name}"):
        _convert(data, tmp_path / "out")
    (folder / name).unlink()
    manifest, found = _convert(data, tmp_path / "out", max_error_fraction=0.6)
    assert manifest.drops == {f"missing {name}": 2} and len(found) == 2
    scipy.io.savemat(folder / name, {"shape": np.zeros((1, 10))})
    manifest, _ = _convert(data, tmp_path / "other", max_error_fraction=0.6)
    assert manifest.drops == {f"damaged {name}": 2}


def test_damaged_frames_and_frames_without_labels_are_counted(source, tmp_path):
    data, folder = _spoil(source, tmp_path)
    (folder / "0000.png").write_bytes((folder / "0000.png").read_bytes()[:300])
    (folder / "0001.png").unlink()
    lines = (data / "train.txt").read_text()
    (data / "train.txt").write_text(f"{lines}\n00742/0044.png\n")
    manifest, found = _convert(data, tmp_path / "out", max_error_fraction=0.6)
    assert manifest.drops == {"corrupt image": 1, "missing image": 1, "frame without labels": 1}
    assert [record["sequence"] for record in found] == [b"00742"] * 2
    (listing,) = (tmp_path / "out").glob("*/drops_*")
    assert "00449/0001.png" in listing.read_text()


def test_info_may_be_longer_than_info_body(source):
    info = scipy.io.loadmat(source / "frames" / "00449" / "info.mat")
    body = scipy.io.loadmat(source / "frames" / "00449" / "info_body.mat")
    assert info["poses"].shape == (72, 3) and len(body["joints"]) == 2
    labels = cloth3d.read_labels(str(source / "frames" / "00449"))
    assert {len(labels[key]) for key in ("poses", "trans", "joints", "lmarks")} == {2}


def _refusal(folder, split="train", **arguments):
    with pytest.raises(DatasetError) as caught:
        CLOTH3DConverter(folder, split, **arguments).items(split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_sources_are_one_line(source, tmp_path):
    assert "train.txt is not there; --data_dir must hold" in _refusal(tmp_path)
    data, _ = _spoil(source, tmp_path)
    assert re.search(
        "nowhere.npz is not there", _refusal(data, options={"smpl_male": "nowhere.npz"})
    )
    shutil.copy(data / "val.txt", data / "train.txt")
    assert "train.txt and val.txt" in _refusal(data) and "07054" in _refusal(data)
    (data / "val.txt").unlink()
    shutil.rmtree(data / "frames")
    assert "holds none of the 2 sequences of train.txt" in _refusal(data)
    (data / "train.txt").write_text("/00000_image.png\n")
    assert "lines like 00449/0000.png; it holds '/00000_image.png'" in _refusal(data)
    (data / "train.txt").write_text("")
    with pytest.raises(DatasetError, match="cloth3d train: no sample is left of 0"):
        _convert(data, tmp_path / "out")
