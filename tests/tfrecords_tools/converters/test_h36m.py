"""Human3.6M in all its layouts: clips, splits, frames, bodies, damaged sources."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from people_checks import BodyTruth, check_2d, check_3d, check_body, check_size
from photo_twin_checks import convert, to_source

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import h36m as layout
from tfrecords_tools.converters.h36m import H36MConverter
from tfrecords_tools.errors import DatasetError

_CONFIG = SynthesisConfig(num_images=6, num_test=2, image_size=112, seed=3)
_CLIP = "WalkingDog 1.54138969"
_POSES = f"S1/MyPoseFeatures/D3_Positions_mono/{_CLIP}.cdf"


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write_spin(str(folder), SynthesisConfig(num_images=4, num_test=1, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("h36m") / "source"
    assert layout.write(str(folder), _CONFIG) == f"6 images in 4 clips in {folder}"
    return folder


@pytest.fixture(scope="module")
def truth(source):
    return BodyTruth(source)


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Split -> (manifest, records with their raw examples), with MoSh's bodies."""
    out_dir = tmp_path_factory.mktemp("h36m_records")
    options = {"mosh_dir": str(source / "mosh")}
    return {s: convert("h36m", source, out_dir, s, options) for s in ("train", "test")}


@pytest.fixture
def copy(source, tmp_path):
    """The clip of S1, which may be damaged."""
    shutil.copytree(source / "S1", tmp_path / "copy" / "S1")
    return tmp_path / "copy"


def _row(record, truth):
    """Returns the row of the truth that a record of the original layout is about."""
    stem, _, number = record["filename"].decode().rpartition("_")
    subject, _, clip = stem.partition("_")
    path = f"{subject}/Videos/{clip.replace('_', ' ')}.mp4#{int(number[:-4]) - 1}"
    return path, truth.rows[path, 0]


def test_every_fifth_frame_of_every_clip(records):
    manifest, found = records["train"]
    names = [record["filename"].decode() for record, _ in found]
    assert names == [
        *("S1_WalkingDog_1.54138969_000001.jpg", "S1_WalkingDog_1.54138969_000006.jpg"),
        *("S5_Posing.55011271_000001.jpg", "S5_Posing.55011271_000006.jpg"),
    ]
    assert (manifest.num_with_3d, manifest.num_with_smpl, manifest.drops) == (4, 4, {})
    record = found[1][0]
    assert (record["subject"], record["frame"]) == (b"S1", 5)
    # Whatever the files call the action, records call it by its one name.
    assert record["sequence"] == b"S1_WalkDog_1.54138969"
    manifest, found = records["test"]
    assert {record["subject"] for record, _ in found} == {b"S9", b"S11"}
    assert all(record["sequence"].endswith(b".60457274") for record, _ in found)
    assert manifest.drops == {"clip whose video is known to be corrupt": 1}


def test_joints_boxes_and_bodies_are_the_truth(records, truth):
    for split in ("train", "test"):
        for record, example in records[split][1]:
            _, row = _row(record, truth)
            check_3d(record, truth, row)
            check_2d(record, example, truth, row)
            check_size(record)
            assert np.abs(record["joints_24_3d"][14, :3]).max() < 1e-5  # The pelvis.
            box = truth.arrays["box_xyxy"][row] + [-0.5, -0.5, 0.5, 0.5]
            corners = record["box_xyxy"].reshape(2, 2)
            np.testing.assert_allclose(to_source(corners, example).reshape(4), box, atol=0.02)
            if split == "train":
                check_body(record, truth, row, has_place=False)
                assert record["gender"] == 0
            else:
                assert record["has_smpl"] == 0 and record["gender"] == -1


def test_images_show_their_frame(records, source, truth):
    """The frame before or after would fit worse."""
    for record, example in records["train"][1]:
        path, _ = _row(record, truth)
        video, _, frame = path.partition("#")
        features = example.features.feature
        capture = cv2.VideoCapture(str(source / video))
        errors = []
        for _ in range(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
            whole = capture.read()[1]
            factors = features["meta/scale_factors"].float_list.value
            size = [round(whole.shape[1] * factors[1]), round(whole.shape[0] * factors[0])]
            x, y = features["meta/crop_pt"].int64_list.value
            resized = cv2.resize(whole, size, interpolation=cv2.INTER_LINEAR)
            cut = resized[y : y + record["height"], x : x + record["width"]]
            stored = cv2.imdecode(np.frombuffer(record["image_encoded"], np.uint8), 1)
            errors.append(np.abs(cut.astype(float) - stored).mean())
        assert int(np.argmin(errors)) == int(frame)
        assert min(errors) < 6


@pytest.mark.parametrize("name", ["spin", "mmhuman3d"])
def test_extracted_images_give_the_same_records(source, records, tmp_path, name):
    folder = tmp_path / "source"
    getattr(layout, f"write_{name}")(str(folder), _CONFIG)
    converter = H36MConverter(folder)
    assert converter.options["layout"] == name
    options = {"mosh_dir": str(source / "mosh")}
    manifest, found = convert("h36m", folder, tmp_path / "out", "train", options)
    assert manifest.num_examples == 4
    manifest, _ = convert("h36m", folder, tmp_path / "out", "test")
    assert manifest.num_examples == 2 and sum(manifest.drops.values()) == 1
    for (record, _), (other, _) in zip(found, records["train"][1]):
        for key in ("filename", "sequence", "keypoints_24_2d", "joints_24_3d", "intrinsics"):
            np.testing.assert_array_equal(record[key], other[key], key)
    _, (kept, *_) = convert("h36m", folder, tmp_path / "whole", "train", {"person_px": "0"})
    image = next(folder.rglob(kept[0]["filename"].decode()))
    assert kept[0]["image_encoded"] == image.read_bytes()


def test_missing_images_are_counted(tmp_path):
    write_source(tmp_path / "source")
    images = sorted((tmp_path / "source" / "images").iterdir())
    images[0].unlink()
    images[1].write_bytes(images[1].read_bytes()[:300])
    (tmp_path / "source" / "images" / "S1_note.txt").touch()
    manifest, _ = convert("h36m", tmp_path / "source", tmp_path / "out", max_error_fraction=0.8)
    assert manifest.drops == {"missing image": 1, "corrupt image": 1}


def test_the_step_may_be_chosen(copy, tmp_path):
    _, found = convert("h36m", copy, tmp_path / "all", "train", {"frame_step": "1"})
    assert [record["frame"] for record, _ in found] == list(range(6))
    piece, *_ = H36MConverter(copy, options={"frame_step": "900"}).items("train")
    assert list(piece.frames) == [0]


def test_the_archives_name_of_the_folder_will_do(copy, records, tmp_path):
    for kind in ("D2_Positions", "D3_Positions_mono"):
        (copy / "S1" / "MyPoseFeatures" / kind).rename(copy / "S1" / f"Poses_{kind}")
    shutil.rmtree(copy / "S1" / "MySegmentsMat")
    _, found = convert("h36m", copy, tmp_path / "out")
    assert len(found) == 2 and found[0][0]["has_box"] == 0
    expected = records["train"][1][0][0]
    np.testing.assert_array_equal(found[0][0]["keypoints_2d"], expected["keypoints_2d"])


def test_without_2d_poses_the_cameras_project(source, copy, records, tmp_path):
    shutil.rmtree(copy / "S1" / "MyPoseFeatures" / "D2_Positions")
    with pytest.raises(DatasetError, match=r"neither 2D poses .* nor a camera"):
        convert("h36m", copy, tmp_path / "out")
    shutil.copy(source / "metadata.xml", copy)
    _, found = convert("h36m", copy, tmp_path / "out")
    expected = records["train"][1][0][0]
    np.testing.assert_allclose(found[0][0]["keypoints_2d"], expected["keypoints_2d"], atol=1e-2)


def test_damaged_videos_are_counted_and_named(copy, tmp_path):
    video = copy / "S1" / "Videos" / f"{_CLIP}.mp4"
    video.write_bytes(b"no video" * 100)
    with pytest.raises(DatasetError, match="2 of 2 samples are damaged"):
        convert("h36m", copy, tmp_path / "out")
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))
    video.unlink()
    with pytest.raises(DatasetError, match="2 missing video"):
        convert("h36m", copy, tmp_path / "out", options={"layout": "original"})


def test_a_missing_cdflib_is_one_line(copy, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cdflib", None)
    with pytest.raises(DatasetError, match=r'pip install "hmr_tf\[datasets\]"') as caught:
        H36MConverter(copy).items("train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: _cut(f / _POSES, 400), "is not a readable .cdf file|is damaged"),
        (lambda f: (f / _POSES).write_bytes(b""), "is not a readable .cdf file"),
        (
            lambda f: shutil.copy(_other(f, "D2_Positions"), f / _POSES),
            r"must be \(1, frames, 96\); it is \(1, 6, 64\)",
        ),
        (
            lambda f: layout.write_poses(_other(f, "D2_Positions"), np.zeros((9, 64))),
            "has 9 frames, .* has 6; the two are not of one clip",
        ),
        (
            lambda f: (f / "S1/MySegmentsMat/ground_truth_bb" / f"{_CLIP}.mat").write_bytes(b"x"),
            "is not a MATLAB 7.3 file",
        ),
    ],
)
def test_damaged_labels_are_one_line(copy, tmp_path, change, message):
    change(copy)
    with pytest.raises(DatasetError, match=rf"^h36m: .*({message})") as caught:
        convert("h36m", copy, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))


def _other(folder, kind):
    return folder / "S1" / "MyPoseFeatures" / kind / f"{_CLIP}.cdf"


def _cut(path, size):
    content = path.read_bytes()
    assert len(content) > size
    path.write_bytes(content[:size])


def test_wrong_folders_splits_and_layouts(source, copy, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"holds no layout of Human3\.6M"):
        H36MConverter(tmp_path / "empty")
    (tmp_path / "empty" / "h36m_train.npz").touch()
    with pytest.raises(DatasetError, match="take --dataset spin_npz or human_data"):
        H36MConverter(tmp_path / "empty")
    with pytest.raises(DatasetError, match="of the subjects S9, S11; download"):
        H36MConverter(copy, "test").items("test")
    with pytest.raises(DatasetError, match="layout must be auto or one of original, spin"):
        H36MConverter(copy, options={"layout": "mpii"})
    (copy / "images").mkdir()
    (copy / "images" / "S1_WalkingDog_1.54138969_000001.jpg").touch()
    with pytest.raises(DatasetError, match="several layouts; choose one of original, spin"):
        H36MConverter(copy)
    with pytest.raises(DatasetError, match="frame_step"):
        H36MConverter(source, options={"frame_step": "-1"})


def test_the_fingerprint_sees_poses_videos_and_bodies(copy, source):
    prints = [H36MConverter(copy).fingerprint("train")]
    _cut(copy / "S1" / "Videos" / f"{_CLIP}.mp4", 700)
    prints.append(H36MConverter(copy).fingerprint("train"))
    options = {"mosh_dir": str(source / "mosh")}
    prints.append(H36MConverter(copy, options=options).fingerprint("train"))
    layout.write_poses(_other(copy, "D3_Positions_mono"), np.zeros((5, 96)))
    prints.append(H36MConverter(copy).fingerprint("train"))
    assert len(set(prints)) == 4
