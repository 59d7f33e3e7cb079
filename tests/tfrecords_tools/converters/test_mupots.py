"""MuPoTS-3D in its true format: several people, occlusion, universal skeletons, damaged files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mupots as layout
from tfrecords_tools.converters import mupots
from tfrecords_tools.converters.mupots import MuPoTSConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

_CONFIG = SynthesisConfig(num_images=5, num_test=5, image_size=112, seed=3)
# Record slots of J24 -> SMPL's joints of the same name, both written out.
_NAMESAKES = {
    **{0: 8, 1: 5, 4: 4, 5: 7},  # right ankle, right knee, left knee, left ankle
    **{6: 21, 7: 19, 8: 17},  # right wrist, elbow, shoulder
    **{9: 16, 10: 18, 11: 20},  # left shoulder, elbow, wrist
}
_FILLED = [*range(13), 14, 16, 17, 18]


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=2, num_test=2, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mupots") / "source"
    layout.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def truth(source):
    """(image, person) -> row of the truth."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        arrays = dict(file)
    return {
        (str(path), int(person)): {k: v[row] for k, v in arrays.items() if v.ndim}
        for row, (path, person) in enumerate(zip(arrays["image_path"], arrays["person"]))
    }


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Kind of annotation -> (manifest, list of (key of the truth, record))."""
    return {
        kind: _convert(source, tmp_path_factory.mktemp(kind), {"annotation": kind})
        for kind in ("univ_annot3", "annot3")
    }


@pytest.fixture
def copy(source, tmp_path):
    """A tree that may be damaged."""
    shutil.copytree(source / "MultiPersonTestSet", tmp_path / "copy")
    return tmp_path / "copy"


def _convert(source, out_dir, options=None, **arguments):
    converter = MuPoTSConverter(source, "test", (), options)
    manifest = convert_part(converter, "test", str(out_dir), **arguments).manifest
    found = []
    for path in manifest.shard_paths(str(out_dir)):
        for serialized in read_records(path):
            record = {k: v.numpy() for k, v in parse_image_example(serialized).items()}
            name = f"MultiPersonTestSet/{record['filename'].decode()}"
            found.append(((name, int(record["subject"])), record))
    return manifest, found


def _rewrite(path, change):
    labels = scipy.io.loadmat(path)
    labels = {key: value for key, value in labels.items() if not key.startswith("__")}
    change(labels)
    scipy.io.savemat(path, labels)


def test_valid_people_have_a_record(records, truth):
    manifest, found = records["univ_annot3"]
    # Two people in three frames, three in two; one person of each sequence is not valid.
    assert len(truth) == 12 and len(found) == 10
    assert manifest.drops == {
        "person who is not for evaluation": 2,
        "sequence that is not there": 18,
    }
    expected = [("TS1", f, p) for f in range(3) for p in range(2) if (f, p) != (2, 1)]
    expected += [("TS6", f, p) for f in range(2) for p in range(3) if (f, p) != (1, 2)]
    assert [
        (record["sequence"].decode(), record["frame"], int(record["subject"]))
        for _, record in found
    ] == expected
    # Images are counted from 0.
    assert found[0][0][0] == "MultiPersonTestSet/TS1/img_000000.jpg"


def test_joints_reproject_in_the_stored_image(records):
    for _, found in records.values():
        for _, record in found:
            moved = record["joints_24_3d"][_FILLED, :3] + record["translation"]
            projected = moved[:, :2] / moved[:, 2:] * record["intrinsics"][:2]
            points = record["keypoints_24_2d"][_FILLED]
            np.testing.assert_allclose(
                points[:, :2], projected + record["intrinsics"][2:], atol=0.05
            )
            assert set(points[:, 2]) <= {0.5, 1.0} and record["keypoints_2d"][:14, 2].all()
            assert np.abs(record["joints_24_3d"][14, :3]).max() < 1e-6
            points = record["keypoints_2d"][:14, :2]
            assert np.linalg.norm(np.ptp(points, axis=0)) == pytest.approx(150, abs=3)


def test_joints_are_the_truth_by_name(records, truth):
    """A swapped side would show: the truth is told joint by joint."""
    for key, record in records["annot3"][1]:
        row = truth[key]
        moved = record["joints_24_3d"][:, :3] + record["translation"] - row["translation"]
        np.testing.assert_allclose(moved[_FILLED], row["joints_24_3d"][_FILLED], atol=1e-4)
        for slot, joint in _NAMESAKES.items():
            assert np.linalg.norm(moved[slot] - row["smpl_joints_3d"][joint]) < 0.06


def test_universal_skeletons_have_one_size(records):
    for (_, universal), (_, real) in zip(records["univ_annot3"][1], records["annot3"][1]):
        joints = universal["joints_3d"]
        # From knee to neck 920 mm, the pelvis in between, in the pose of the first frame.
        height = np.linalg.norm(joints[4] - joints[3]) + np.linalg.norm(joints[12])
        assert height == pytest.approx(0.92, abs=0.01)
        size = np.linalg.norm(joints) / np.linalg.norm(real["joints_3d"])
        np.testing.assert_allclose(joints, real["joints_3d"] * size, atol=1e-5)
        np.testing.assert_allclose(universal["translation"], real["translation"] * size, rtol=1e-4)
        np.testing.assert_array_equal(universal["keypoints_24_2d"], real["keypoints_24_2d"])


def test_hidden_joints_have_less_confidence(source, records, copy, tmp_path):
    labels = scipy.io.loadmat(source / "MultiPersonTestSet" / "TS6" / "occlusion.mat")
    for key, record in records["annot3"][1]:
        if record["sequence"] == b"TS6":
            flags = labels["occlusion_labels"][record["frame"], key[1]].reshape(-1)
            # Joints of the dataset: 10 right ankle, 4 right wrist, 7 left wrist, 1 neck.
            confidence = record["keypoints_24_2d"][[0, 6, 11, 12], 2]
            np.testing.assert_array_equal(confidence, 1 - flags[[10, 4, 7, 1]] / 2)
    (copy / "TS1" / "occlusion.mat").unlink()
    (copy / "TS6" / "occlusion.mat").unlink()
    _, found = _convert(copy, tmp_path / "out")
    assert all((record["keypoints_24_2d"][_FILLED, 2] == 1).all() for _, record in found)


def test_labels_without_a_camera_have_no_translation(copy, tmp_path):
    def shuffle(labels):
        for place in np.ndindex(labels["annotations"].shape):
            person = labels["annotations"][place][0, 0]
            person["annot2"] = np.random.default_rng(place).uniform(0, 100, (2, 17))

    _rewrite(copy / "TS1" / "annot.mat", shuffle)
    _, found = _convert(copy, tmp_path / "out")
    flags = {
        (record["sequence"], int(record["has_translation"]), int(record["has_intrinsics"]))
        for _, record in found
    }
    assert flags == {(b"TS1", 0, 0), (b"TS6", 1, 1)}


def test_damaged_images_are_counted(copy, tmp_path):
    image = copy / "TS6" / "img_000000.jpg"
    image.write_bytes(image.read_bytes()[:900])
    (copy / "TS1" / "img_000002.jpg").unlink()
    with pytest.raises(DatasetError, match="4 of 30 samples are damaged"):
        _convert(copy, tmp_path / "out")
    manifest, found = _convert(copy, tmp_path / "out", max_error_fraction=0.5)
    assert manifest.drops["corrupt image"] == 3 and manifest.drops["missing image"] == 1
    assert len(found) == 6


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flatten(labels):
    labels["annotations"] = np.zeros((3, 2))


def _forget(labels):
    labels["annotations"][1, 0] = {"annot2": np.zeros((2, 17)), "isValidFrame": 1}


def _widen(labels):
    labels["annotations"][1, 0][0, 0]["annot3"] = np.zeros((3, 21))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: _cut(f / "annot.mat"), r"annot\.mat is not a MATLAB 5 file or is damaged"),
        (lambda f: _cut(f / "occlusion.mat"), r"occlusion\.mat is not a MATLAB 5 file"),
        (lambda f: _rewrite(f / "annot.mat", _flatten), "must hold a cell 'annotations'"),
        (lambda f: _rewrite(f / "annot.mat", _forget), r"annotations\{2,1\} must be a struct"),
        (lambda f: _rewrite(f / "annot.mat", _widen), r"annotations\{2,1\} must be a struct"),
        (
            lambda f: shutil.copy(f.parent / "TS6" / "occlusion.mat", f),
            r"occlusion_labels in .* must be \(3, 2\) .* it is \(2, 3\)",
        ),
    ],
)
def test_damaged_labels_are_one_line(copy, tmp_path, change, message):
    change(copy / "TS1")
    with pytest.raises(DatasetError, match=rf"^mupots: .*{message}") as caught:
        _convert(copy, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))


def test_wrong_folders_splits_and_options(source, tmp_path):
    with pytest.raises(DatasetError, match=r"^mupots: .* no TS1/annot\.mat to TS20/annot\.mat\.$"):
        MuPoTSConverter(tmp_path).items("test")
    (tmp_path / "TS1").mkdir()
    (tmp_path / "TS1" / "annot_data.mat").touch()
    with pytest.raises(DatasetError, match="the layout of --dataset mpi_inf_3dhp --split test"):
        MuPoTSConverter(tmp_path).fingerprint("test")
    with pytest.raises(DatasetError, match="mupots has no split 'train'; expected test"):
        MuPoTSConverter(source, "train")
    with pytest.raises(DatasetError, match="annotation must be univ_annot3 or annot3"):
        MuPoTSConverter(source, options={"annotation": "annot2"}).items("test")


def test_the_fingerprint_sees_labels_and_images(copy):
    prints = [MuPoTSConverter(copy).fingerprint("test")]
    (copy / "TS6" / "occlusion.mat").unlink()
    prints.append(MuPoTSConverter(copy).fingerprint("test"))
    (copy / "TS1" / "img_000001.jpg").write_bytes(b"")
    prints.append(MuPoTSConverter(copy).fingerprint("test"))
    assert len(set(prints)) == 3


def test_people_who_are_not_there_have_empty_cells(copy):
    def empty(labels):
        labels["occlusion_labels"][0, 1] = np.zeros((0, 0))

    _rewrite(copy / "TS1" / "occlusion.mat", empty)
    labels = mupots.read_labels(str(copy / "TS1"))
    assert not labels.is_hidden[0, 1].any() and labels.is_valid.sum() == 5
