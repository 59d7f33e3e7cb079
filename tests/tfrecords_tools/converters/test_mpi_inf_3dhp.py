"""MPI-INF-3DHP in its true format: cameras, videos, extracted frames, test set, damaged sources."""

from __future__ import annotations

import pathlib
import re
import shutil

import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mpi_inf_3dhp as layout
from tfrecords_tools.converters import mpi_inf_3dhp
from tfrecords_tools.converters.mpi_inf_3dhp import MPIINF3DHPConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

_CONFIG = SynthesisConfig(num_images=28, num_test=4, image_size=96, seed=3)
# Record slots of J24 -> SMPL's joints of the same name, both written out.
_NAMESAKES = {
    **{0: 8, 1: 5, 4: 4, 5: 7},  # right ankle, right knee, left knee, left ankle
    **{6: 21, 7: 19, 8: 17},  # right wrist, elbow, shoulder
    **{9: 16, 10: 18, 11: 20},  # left shoulder, elbow, wrist
}
# Slots of J24 that the dataset's joints fill; the truth's rows have the same names.
_FILLED = [*range(13), 14, 16, 17, 18]
_SEQUENCE = "S1/Seq1"


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=16, num_test=0, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi_inf_3dhp") / "source"
    assert "24 training and 6 test images in 5 sequences" in layout.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def truth(source):
    """Path of the image, or of the video with # and the frame -> row of the truth."""
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        arrays = dict(file)
    return {
        str(path): {k: v[index] for k, v in arrays.items() if v.ndim}
        for index, path in enumerate(arrays["image_path"])
    }


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Split -> (manifest, list of (key of the truth, record as NumPy))."""
    out_dir = tmp_path_factory.mktemp("mpi_inf_3dhp_records")
    return {
        split: _convert(source, out_dir, split, max_error_fraction=0.2)
        for split in ("train", "val", "test")
    }


@pytest.fixture
def copy(source, tmp_path):
    """A training sequence that may be damaged."""
    shutil.copytree(source / _SEQUENCE, tmp_path / "copy" / _SEQUENCE)
    return tmp_path / "copy"


def _convert(source, out_dir, split="train", options=None, **arguments):
    converter = MPIINF3DHPConverter(source, split, (), options)
    manifest = convert_part(converter, split, str(out_dir), **arguments).manifest
    found = []
    for path in manifest.shard_paths(str(out_dir)):
        for serialized in read_records(path):
            record = {k: v.numpy() for k, v in parse_image_example(serialized).items()}
            key = record["filename"].decode()
            found.append((f"{key}#{record['frame']}" if key.endswith(".avi") else key, record))
    return manifest, found


def _project(points, record):
    points = points + record["translation"]
    return points[:, :2] / points[:, 2:] * record["intrinsics"][:2] + record["intrinsics"][2:]


def _all(records):
    return [pair for _, found in records.values() for pair in found]


def test_splits(records, source):
    names = {
        split: {key.split("/")[0] for key, _ in found} for split, (_, found) in records.items()
    }
    assert names == {"train": {"S1", "S2"}, "val": {"S8"}, "test": {"mpi_inf_3dhp_test_set"}}
    both = MPIINF3DHPConverter(source, "trainval").items("trainval")
    assert {item.sequence[:2] for item in both if hasattr(item, "sequence")} == {"S1", "S2", "S8"}
    assert sum(not hasattr(item, "sequence") for item in both) == 13
    manifest, found = records["train"]
    assert manifest.drops == {"sequence that is not there": 12}
    assert len(found) == manifest.num_with_3d == 16 and manifest.num_with_smpl == 0
    assert {record["sequence"].decode() for _, record in found} == {
        f"{name}/video_{camera}"
        for name in ("S1/Seq1", "S2/Seq2")
        for camera in (0, 1, 2, 4, 5, 6, 7, 8)
    }
    # Extracted frames come first, shuffled.
    assert [key.startswith("S2") for key, _ in found] == [True] * 8 + [False] * 8
    cameras = [record["sequence"][-1:] for _, record in found]
    assert cameras[:8] != sorted(cameras[:8])


def test_joints_reproject_in_the_stored_image(records):
    for _, record in _all(records):
        known = record["joints_24_3d"][:, 3] > 0
        assert np.flatnonzero(known).tolist() == _FILLED
        np.testing.assert_array_equal(record["keypoints_24_2d"][:, 2], known)
        projected = _project(record["joints_24_3d"][:, :3], record)
        np.testing.assert_allclose(
            record["keypoints_24_2d"][known, :2], projected[known], atol=0.02
        )
        np.testing.assert_allclose(
            record["keypoints_2d"][:14, :2], _project(record["joints_3d"], record), atol=0.02
        )
        assert not record["keypoints_2d"][14:].any()
        # The person measures 150 px, in the middle of the crop.
        points = record["keypoints_2d"][:14, :2]
        assert np.linalg.norm(np.ptp(points, axis=0)) == pytest.approx(150, abs=2)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        np.testing.assert_allclose(record["center"], middle, atol=1e-3)
        assert max(record["height"], record["width"]) <= 300


def test_joints_are_the_truth_by_name(records, truth):
    """A swapped side would show: the truth is told joint by joint."""
    for split in ("train", "val"):
        for key, record in records[split][1]:
            row = truth[key]
            moved = record["joints_24_3d"][:, :3] + record["translation"] - row["translation"]
            np.testing.assert_allclose(moved[_FILLED], row["joints_24_3d"][_FILLED], atol=1e-4)
            assert np.abs(record["joints_24_3d"][14, :3]).max() < 1e-5  # The pelvis.
            for slot, joint in _NAMESAKES.items():
                assert np.linalg.norm(moved[slot] - row["smpl_joints_3d"][joint]) < 0.06
            # LSP's head top is played by Human3.6M's.
            np.testing.assert_array_equal(record["joints_3d"][:13], record["joints_24_3d"][:13, :3])
            np.testing.assert_array_equal(record["joints_3d"][13], record["joints_24_3d"][18, :3])


def test_images_show_the_frame(records, source):
    """Video and extracted frames are cut and scaled like the labels."""
    import cv2

    for key, record in records["train"][1]:
        image = cv2.imdecode(np.frombuffer(record["image_encoded"], np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[:2] == (record["height"], record["width"])
        path, _, frame = key.partition("#")
        if frame:
            capture = cv2.VideoCapture(str(source / path))
            for _ in range(int(frame) + 1):
                whole = capture.read()[1]
        else:
            whole = cv2.imread(str(source / path))
        # What lies at the record's pelvis lies at the source's.
        scale = record["intrinsics"][:2] / _intrinsics(source, record)[:2]
        shift = record["intrinsics"][2:] - (_intrinsics(source, record)[2:] + 0.5) * scale + 0.5
        affine = np.array([[scale[0], 0, 0.5 * scale[0] - 0.5 + shift[0]], [0, scale[1], 0]])
        affine[1, 2] = 0.5 * scale[1] - 0.5 + shift[1]
        expected = cv2.warpAffine(
            whole, affine, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
        )
        assert np.abs(expected.astype(float) - image).mean() < 6


def _intrinsics(source, record):
    camera = int(record["sequence"].decode()[-1])
    folder = source / record["sequence"].decode().rsplit("/", 1)[0]
    lines = (folder / "camera.calibration").read_text().splitlines()
    matrix = [float(number) for number in lines[7 * camera + 5].split()[1:]]
    return np.array([matrix[0], matrix[5], matrix[2], matrix[6]])


def test_the_test_set_has_the_universal_skeleton(records, source, truth, tmp_path):
    manifest, found = records["test"]
    assert manifest.drops == {"frame that is not for evaluation": 2}
    assert [record["frame"] for _, record in found] == [0, 1, 0, 1]
    assert [record["sequence"] for _, record in found] == [b"TS1"] * 2 + [b"TS5"] * 2
    _, seen = _convert(source, tmp_path, "test", {"annotation": "annot3"})
    for (key, universal), (_, real) in zip(found, seen):
        row = truth[key]
        moved = real["joints_24_3d"][:, :3] + real["translation"] - row["translation"]
        np.testing.assert_allclose(moved[_FILLED], row["joints_24_3d"][_FILLED], atol=1e-4)
        joints = universal["joints_3d"]
        # From knee to neck 920 mm, the pelvis in between, in the pose of the first frame.
        height = np.linalg.norm(joints[4] - joints[3]) + np.linalg.norm(joints[12])
        assert height == pytest.approx(0.92, abs=0.01)
        np.testing.assert_array_equal(universal["keypoints_2d"], real["keypoints_2d"])
        np.testing.assert_allclose(universal["intrinsics"], real["intrinsics"], rtol=1e-5)
        size = np.linalg.norm(joints) / np.linalg.norm(real["joints_3d"])
        assert abs(size - 1) > 1e-3
        np.testing.assert_allclose(joints, real["joints_3d"] * size, atol=1e-5)
        np.testing.assert_allclose(universal["translation"], real["translation"] * size, rtol=1e-4)


def test_only_frames_with_motion_are_kept():
    points = np.zeros((6, 28, 3))
    points[1:, 16, 0] = 150.0  # The right wrist moves, and then moves on.
    points[2:, 16, 0] = 199.0
    points[3:, 16, 0] = 201.0
    points[4:, 26, 1] = 900.0  # LSP has no foot.
    points[5, 20, 2] = -200.0
    assert mpi_inf_3dhp.moved_frames(points, 200.0).tolist() == [0, 3, 5]
    assert mpi_inf_3dhp.moved_frames(points, 0.0).tolist() == list(range(6))
    assert mpi_inf_3dhp.moved_frames(points[:0], 200.0).size == 0


def test_the_known_swap_of_sides_is_undone(copy):
    # The 28 joints: 9 left shoulder, 14 right shoulder, 24 right knee, 19 left knee, 4 pelvis.
    folder = copy / "S4" / "Seq2"
    shutil.copytree(copy / _SEQUENCE, folder)
    labels = scipy.io.loadmat(folder / "annot.mat")
    for frame, is_swapped in ((3758, False), (3759, True), (5852, True), (5853, False)):
        scipy.io.savemat(folder / "annot.mat", {**_plain(labels), "frames": [[frame]]})
        (item, *_) = [
            item
            for item in MPIINF3DHPConverter(copy).items("train")
            if getattr(item, "sequence", "") == "S4/Seq2/video_0"
        ]
        source_2d = labels["annot2"][0, 0].reshape(1, 28, 2)
        source_3d = labels["annot3"][0, 0].reshape(1, 28, 3)
        shoulder, knee = (14, 19) if is_swapped else (9, 24)
        np.testing.assert_array_equal(
            item.points_2d[:, [9, 24, 4]], source_2d[:, [shoulder, knee, 4]]
        )
        np.testing.assert_array_equal(
            item.points_3d[:, [9, 24, 4]], source_3d[:, [shoulder, knee, 4]]
        )
    scipy.io.savemat(folder / "annot.mat", {**_plain(labels), "frames": [[4000]]})
    items = MPIINF3DHPConverter(copy, options={"fix_sides": "false"}).items("train")
    (item, *_) = [i for i in items if getattr(i, "sequence", "") == "S4/Seq2/video_0"]
    np.testing.assert_array_equal(item.points_2d, source_2d)


def _plain(labels):
    return {key: value for key, value in labels.items() if not key.startswith("__")}


def test_damaged_videos_are_counted_and_named(copy, tmp_path):
    folder = copy / _SEQUENCE / "imageSequence"
    (folder / "video_0.avi").unlink()
    (folder / "video_1.avi").write_bytes(b"no video at all" * 100)
    video = (folder / "video_2.avi").read_bytes()
    (folder / "video_2.avi").write_bytes(video[: len(video) // 3])
    with pytest.raises(DatasetError, match=r"3 of \d+ samples are damaged .*missing video"):
        _convert(copy, tmp_path / "out", max_error_fraction=0.1)
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))
    manifest, found = _convert(copy, tmp_path / "out", max_error_fraction=0.9)
    drops = {
        reason: manifest.drops[reason] for reason in manifest.drops if "sequence" not in reason
    }
    assert drops.pop("missing video") == 1
    assert sum(drops.values()) == 2 and set(drops) <= {"corrupt video", "missing frame"}
    listed = (tmp_path / "out" / "mpi_inf_3dhp" / "drops_train.tsv").read_text()
    assert "S1/Seq1/video_0 frame 0\tmissing video" in listed
    assert len(found) == 5
    manifest, _ = _convert(copy, tmp_path / "few", options={"cameras": "4,8"})
    assert manifest.num_examples == 2


def test_damaged_and_missing_frames_are_counted(source, tmp_path):
    shutil.copytree(source / "S2", tmp_path / "source" / "S2")
    folder = tmp_path / "source" / "S2" / "Seq2" / "imageFrames"
    frame = folder / "video_0" / "frame_000001.jpg"
    frame.rename(frame.with_name("frame_000002.jpg"))
    frame = folder / "video_4" / "frame_000001.jpg"
    frame.write_bytes(frame.read_bytes()[:500])
    manifest, found = _convert(tmp_path / "source", tmp_path / "out", max_error_fraction=0.5)
    assert manifest.drops["missing image"] == manifest.drops["corrupt image"] == 1
    assert len(found) == 6


@pytest.mark.parametrize(
    "pattern", ["video_{camera}/000001.jpg", "imageSequence/img_{camera}_000001.jpg"]
)
def test_other_names_of_extracted_frames(source, tmp_path, pattern):
    folder = tmp_path / "odd {0} [1]" / "S2" / "Seq2"
    shutil.copytree(source / "S2" / "Seq2", folder)
    for camera in (0, 1, 2, 4, 5, 6, 7, 8):
        path = folder / pattern.format(camera=camera)
        path.parent.mkdir(exist_ok=True)
        (folder / f"imageFrames/video_{camera}/frame_000001.jpg").rename(path)
    shutil.rmtree(folder / "imageFrames")
    manifest, _ = _convert(folder.parents[1], tmp_path / "out")
    assert manifest.num_examples == 8


def test_people_outside_of_the_image_are_left_out(copy, tmp_path):
    path = copy / _SEQUENCE / "annot.mat"
    labels = scipy.io.loadmat(path)
    labels["annot2"][0, 0] = labels["annot2"][0, 0] + 1000.0
    labels["annot2"][1, 0][0, 9] = np.nan
    scipy.io.savemat(path, _plain(labels))
    manifest, found = _convert(copy, tmp_path / "out", max_error_fraction=0.5)
    assert manifest.drops["most joints outside of the image"] == 1
    assert manifest.drops["label that is not finite"] == 1
    assert len(found) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: _cut(f / "annot.mat", 3000), r"annot\.mat is not a MATLAB 5 file or is damaged"),
        (lambda f: (f / "annot.mat").write_bytes(b""), r"annot\.mat is not a MATLAB 5 file"),
        (lambda f: _relabel(f, annot2=None), r"annot\.mat holds no annot2"),
        (lambda f: _relabel(f, annot3=np.zeros((14, 84))), r"annot3 must be a \(14, 1\) cell"),
        (lambda f: _relabel(f, frames=np.zeros((7, 1))), "must be equally many; there are 1, 7"),
        (lambda f: (f / "annot.mat").unlink(), r"annot\.mat is not there"),
        (lambda f: (f / "camera.calibration").unlink(), r"camera\.calibration is not there"),
        (
            lambda f: _cut(f / "camera.calibration", 700),
            r"16 intrinsic numbers; block . is damaged",
        ),
        (lambda f: _cut(f / "camera.calibration", 39), r"camera\.calibration holds no camera 0"),
    ],
)
def test_damaged_labels_are_one_line(copy, tmp_path, change, message):
    change(copy / _SEQUENCE)
    with pytest.raises(DatasetError, match=rf"^mpi_inf_3dhp: .*{message}") as caught:
        _convert(copy, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))


def _cut(path, size):
    content = path.read_bytes()
    assert len(content) > size
    path.write_bytes(content[:size])


def _relabel(folder, **changes):
    labels = {**_plain(scipy.io.loadmat(folder / "annot.mat")), **changes}
    kept = {key: value for key, value in labels.items() if value is not None}
    scipy.io.savemat(folder / "annot.mat", kept)


def test_damaged_test_labels_are_one_line(source, tmp_path):
    folder = tmp_path / "TS1"
    shutil.copytree(source / "mpi_inf_3dhp_test_set" / "TS1", folder)
    whole = (folder / "annot_data.mat").read_bytes()
    for content in (whole[:3000], b"", b"MATLAB 5.0".ljust(600)):
        (folder / "annot_data.mat").write_bytes(content)
        with pytest.raises(
            DatasetError, match=r"annot_data\.mat is not a test set's HDF5"
        ) as caught:
            MPIINF3DHPConverter(tmp_path, "test").items("test")
        assert "\n" not in str(caught.value)


def test_wrong_folders_and_splits(source, tmp_path):
    test_set = source / "mpi_inf_3dhp_test_set"
    with pytest.raises(
        DatasetError, match=r"no sequence of 'train', .*holds TS1, of another split"
    ):
        MPIINF3DHPConverter(test_set).fingerprint("train")
    shutil.copytree(source / _SEQUENCE, tmp_path / _SEQUENCE)
    with pytest.raises(DatasetError, match=r"no sequence of 'test', .*holds S1, of another split"):
        MPIINF3DHPConverter(tmp_path, "test").fingerprint("test")
    for options, message in (
        ({"cameras": "0;1"}, "cameras must be numbers"),
        ({"cameras": "14"}, "annot2 must be a"),
    ):
        with pytest.raises(DatasetError, match=message):
            MPIINF3DHPConverter(source, options=options).items("train")
    with pytest.raises(DatasetError, match="annotation must be univ_annot3 or annot3"):
        MPIINF3DHPConverter(source, "test", options={"annotation": "annot2"}).items("test")


def test_the_fingerprint_sees_labels_and_footage(copy):
    prints = [MPIINF3DHPConverter(copy).fingerprint("train")]
    path = copy / _SEQUENCE / "imageSequence" / "video_0.avi"
    _cut(path, path.stat().st_size - 10)
    prints.append(MPIINF3DHPConverter(copy).fingerprint("train"))
    path = copy / _SEQUENCE / "camera.calibration"
    path.write_text(re.sub("10 10", "12 12", path.read_text()))
    prints.append(MPIINF3DHPConverter(copy).fingerprint("train"))
    assert len(set(prints)) == 3
    assert pathlib.Path(copy).exists()
