"""3DPW in its true format: camera frames, two people, invalid frames, wrong and hostile sources."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import shutil

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body, save_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import pw3d as layout
from tfrecords_tools import safe_pickle
from tfrecords_tools.converters import pw3d
from tfrecords_tools.converters.pw3d import PW3DConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

# Record slots of J24 -> SMPL's joints of the same name, both written out.
_NAMESAKES = {
    **{0: 8, 1: 5, 4: 4, 5: 7},  # right ankle, right knee, left knee, left ankle
    **{6: 21, 7: 19, 8: 17},  # right wrist, elbow, shoulder
    **{9: 16, 10: 18, 11: 20},  # left shoulder, elbow, wrist
}


def write_source(folder):
    """Writes a tiny 3DPW tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=4, num_test=1, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pw3d")
    # A body whose rest pelvis lies as far from the origin as SMPL's.
    body = load_body("free_body")
    moved = body.template + np.array([0.02, -0.24, 0.03], np.float32)
    save_body(dataclasses.replace(body, template=moved), folder / "body.npz")
    config = SynthesisConfig(
        num_images=9, num_test=4, image_size=128, seed=3, body=str(folder / "body.npz")
    )
    layout.write(str(folder / "source"), config)
    return folder / "source"


@pytest.fixture(scope="module")
def truth(source):
    """(sequence, file, person) -> row of the truth."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        arrays = dict(file)
    rows = {}
    for index, path in enumerate(arrays["image_path"]):
        _, sequence, name = str(path).split("/")
        key = sequence, name, str(arrays["person"][index])
        rows[key] = {k: v[index] for k, v in arrays.items() if v.ndim}
    return rows


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Split -> (manifest, list of (key, record as NumPy))."""
    out_dir = str(tmp_path_factory.mktemp("pw3d_records"))
    return {split: _convert(source, out_dir, split) for split in PW3DConverter.splits}


def _convert(source, out_dir, split="train", **arguments):
    converter = PW3DConverter(source, split)
    manifest = convert_part(converter, split, str(out_dir), **arguments).manifest
    found = []
    for path in manifest.shard_paths(str(out_dir)):
        for serialized in read_records(path):
            record = {k: v.numpy() for k, v in parse_image_example(serialized).items()}
            key = tuple(record[k].decode() for k in ("sequence", "filename", "subject"))
            found.append((key, record))
    return manifest, found


def _all(records):
    return [pair for _, found in records.values() for pair in found]


def test_official_splits():
    sizes = {split: len(names) for split, names in pw3d.SPLITS.items()}
    assert sizes == {"train": 24, "validation": 12, "test": 24}
    assert len({name for names in pw3d.SPLITS.values() for name in names}) == 60


def test_people_and_drops_are_counted(records):
    # Person 1: the last frame has no camera, the one before it no 2D joints.
    assert records["train"][0].drops == {
        "frame without a valid camera": 1,
        "no visible keypoint": 1,
    }
    assert [key for key, _ in records["train"][1]] == [
        ("courtyard_arguing_00", f"image_{frame:05d}.jpg", str(person))
        for frame in range(5)
        for person in range(2)
        if (frame, person) not in ((3, 1), (4, 1))
    ]
    manifest = records["train"][0]
    assert (manifest.num_examples, manifest.num_with_smpl) == (8, 8)
    assert {key[0] for key, _ in records["validation"][1]} == {"courtyard_drinking_00"}
    assert {key[0] for key, _ in records["test"][1]} == {"downtown_arguing_00"}
    assert [record["frame"] for _, record in records["test"][1]] == [0, 0, 1, 1]


def test_bodies_are_the_truth_in_the_camera_frame(records, truth):
    roots = []
    for key, record in _all(records):
        row = truth[key]
        roots.append(record["pose_axis_angle"][:3])
        root = Rotation.from_rotvec(row["pose_axis_angle"][:3]).inv() * Rotation.from_rotvec(
            record["pose_axis_angle"][:3]
        )
        assert root.magnitude() < 1e-5
        np.testing.assert_allclose(
            record["pose_axis_angle"][3:], row["pose_axis_angle"][3:], atol=1e-6
        )
        np.testing.assert_allclose(record["betas"], row["betas"], atol=1e-6)
        np.testing.assert_allclose(record["translation"], row["translation"], atol=1e-5)
        assert record["gender"] == {"male": 1, "female": 2}[row["gender"]]
        assert record["has_smpl"] == record["has_translation"] == record["has_intrinsics"] == 1
        assert record["has_3d"] == 0
        known = record["joints_24_3d"][:, 3] > 0
        assert set(np.flatnonzero(known)) == set(_NAMESAKES)
        for slot, joint in _NAMESAKES.items():
            found = record["joints_24_3d"][slot, :3]
            np.testing.assert_allclose(found, row["smpl_joints_3d"][joint], atol=1e-5)
    assert np.std(roots) > 0.1


def test_joints_reproject_in_the_stored_image(records, truth):
    """Also catches a swapped side: the truth is told joint by joint."""
    num_visible = 0
    for key, record in _all(records):
        row = truth[key]
        focal, center = record["intrinsics"][:2], record["intrinsics"][2:]
        points = row["joints_24_3d"] + record["translation"]
        projected = points[:, :2] / points[:, 2:] * focal + center
        visible = record["keypoints_24_2d"][:, 2] > 0
        np.testing.assert_allclose(
            record["keypoints_24_2d"][visible, :2], projected[visible], atol=0.01
        )
        num_visible += visible.sum()
        assert not visible[[13, 14, 15, 16, 17, 18]].any()  # OpenPose finds neither.
        np.testing.assert_array_equal(record["keypoints_2d"][:13, 2], visible[:13])
        np.testing.assert_array_equal(record["keypoints_2d"][14:, 2], visible[19:])
        # SMPL's own joints lie within a pixel of the regressed ones at this size.
        for slot, joint in _NAMESAKES.items():
            if visible[slot]:
                point = row["smpl_joints_3d"][joint] + record["translation"]
                expected = point[:2] / point[2] * focal + center
                assert np.abs(record["keypoints_24_2d"][slot, :2] - expected).max() < 1.0
    assert num_visible > 100


def test_people_have_the_size_of_records(records):
    for _, record in _all(records):
        visible = record["keypoints_2d"][record["keypoints_2d"][:, 2] > 0, :2]
        low, high = visible.min(axis=0), visible.max(axis=0)
        assert np.linalg.norm(high - low) == pytest.approx(150, rel=0.01)
        np.testing.assert_allclose(record["center"], (low + high) / 2, atol=0.01)
        np.testing.assert_allclose(record["box_xyxy"], [*low, *high], atol=0.01)
        assert max(record["height"], record["width"]) <= 300


def test_the_world_is_not_the_camera_frame(source):
    """Otherwise the tests above would pass without `cam_poses`."""
    labels = pw3d.read_sequence(str(source / "sequenceFiles/train/courtyard_arguing_00.pkl"))
    turned = Rotation.from_matrix(labels["cam_poses"][0, :3, :3]).magnitude()
    assert turned > 0.5
    found = safe_pickle.load(str(source / "sequenceFiles/test/downtown_arguing_00.pkl"))
    assert len(found["betas"][0]) == 300 and len(labels["betas"][0]) == 10


def test_damaged_and_missing_images_are_counted(source, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source, folder)
    images = folder / "imageFiles" / "courtyard_arguing_00"
    (images / "image_00004.jpg").unlink()
    (images / "image_00002.jpg").write_bytes((images / "image_00002.jpg").read_bytes()[:900])
    with pytest.raises(DatasetError, match="3 of 10 samples are damaged"):
        _convert(folder, tmp_path / "out")
    manifest, found = _convert(folder, tmp_path / "out", max_error_fraction=0.5)
    assert manifest.drops["corrupt image"] == 2  # two people
    assert manifest.drops["missing image"] == 1
    assert len(found) == 5


def test_numbers_that_are_not_finite_are_counted(source, tmp_path):
    shutil.copytree(source, tmp_path / "source")
    path = tmp_path / "source" / "sequenceFiles" / "train" / "courtyard_arguing_00.pkl"
    content = safe_pickle.load(str(path))
    content["poses"][0][1, 5] = np.nan
    content["poses2d"][1][0, 0, 2] = np.inf
    path.write_bytes(pickle.dumps(content, protocol=2))
    manifest, _ = _convert(tmp_path / "source", tmp_path / "out", max_error_fraction=0.3)
    assert manifest.drops["label that is not finite"] == 2


@pytest.fixture
def labels(source, tmp_path):
    """A tree with one sequence that a test may spoil: (folder, path, content)."""
    path = tmp_path / "sequenceFiles" / "train" / "courtyard_arguing_00.pkl"
    path.parent.mkdir(parents=True)
    (tmp_path / "imageFiles").mkdir()
    shutil.copy(source / "sequenceFiles/train/courtyard_arguing_00.pkl", path)
    return tmp_path, path, safe_pickle.load(str(path))


def _refusal(folder, split="train"):
    with pytest.raises(DatasetError) as caught:
        PW3DConverter(folder, split).items(split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses2d": None}, "must hold a dict with poses2d; it holds poses, trans"),
        ({"cam_poses": np.eye(4)}, "cam_poses in "),
        ({"trans": [np.zeros((5, 3))]}, "trans in .* for each of 2 people; it is .5, 3.[.]$"),
        ({"poses": [np.zeros((5, 156))] * 2}, r"poses in .* must be \(5, 72\)"),
        ({"betas": [np.zeros(8)] * 2}, "must hold ten betas"),
        ({"genders": ["m"]}, "and a gender for each of 2 people"),
        ({"genders": ["m", "x"]}, "does not hold what 3DPW's sequences do"),
        ({"campose_valid": "many"}, "does not hold what 3DPW's sequences do"),
    ],
)
def test_unfit_sequences_are_named(labels, changes, message):
    folder, path, content = labels
    content = {k: v for k, v in {**content, **changes}.items() if v is not None}
    path.write_bytes(pickle.dumps(content, protocol=2))
    refusal = _refusal(folder)
    assert refusal.startswith("pw3d: ") and "courtyard_arguing_00.pkl" in refusal
    assert re.search(message, refusal)


def test_wrong_sources_are_one_line(labels, monkeypatch):
    folder, path, content = labels
    assert "must hold imageFiles/<sequence>" in _refusal(folder, "test")
    assert "must hold imageFiles/<sequence>" in _refusal(folder / "imageFiles")
    (folder / "sequenceFiles" / "test").mkdir()
    shutil.copy(path, folder / "sequenceFiles" / "test")
    assert "belongs to the split 'train', not 'test'" in _refusal(folder, "test")
    path.write_bytes(path.read_bytes()[:-50])
    assert "not a readable pickle" in _refusal(folder)
    path.write_bytes(b"")
    assert "not a readable pickle" in _refusal(folder)
    monkeypatch.chdir(folder)
    path.write_bytes(pickle.dumps({**content, "extra": _Attack()}, protocol=2))
    assert "nothing in it was run" in _refusal(folder)
    assert not (folder / "attacked").exists()


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)
