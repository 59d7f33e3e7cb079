"""mmhuman3d's HumanData in its true format: masks, heads, dicts, and wrong sources."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from archive_checks import Truth, convert, one_line
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import human_data as layout
from tfrecords_tools import reader, safe_pickle
from tfrecords_tools.converters.human_data import HumanDataConverter
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_mocap_example

_CONFIG = SynthesisConfig(num_images=15, num_test=3, image_size=96, seed=5)
_TRAIN = ("coco_2014", "h36m_mosh", "lsp", "mpi_inf_3dhp", "pw3d", "spin_mpi_inf_3dhp")
_TEST = ("mpi_inf_3dhp", "pw3d", "up3d")
# Which joints of J24 each file knows.
_BODY, _FACE = set(range(14)), set(range(19, 24))
_H36M = (_BODY - {13}) | {14, 16, 17, 18}
_KNOWN = {
    "coco_2014_train": (_BODY - {12, 13}) | _FACE,
    "h36m_mosh_train": _H36M,
    "lsp_train": _BODY,
    "mpi_inf_3dhp_train": _H36M,
    "pw3d_train": set(),
    "spin_mpi_inf_3dhp_train": _H36M,
    "mpi_inf_3dhp_test": _H36M,
    "pw3d_test": set(),
    "up3d_test": _BODY,
}


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=18, num_test=0, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("human_data") / "source"
    layout.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def truth(source):
    return Truth(source)


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("human_data_records")


@pytest.fixture(scope="module")
def records(source, out_dir):
    """Part -> (manifest, image records)."""
    found = {}
    for split in ("train", "test"):
        found.update(convert(HumanDataConverter(source, split), out_dir))
    return found


@pytest.fixture
def copy(source, tmp_path):
    """The labels of a copy of the source beside its images, to be damaged."""
    shutil.copytree(source / "preprocessed_datasets", tmp_path / "preprocessed_datasets")
    (tmp_path / "datasets").symlink_to(source / "datasets")
    return tmp_path


def test_each_file_is_a_part(records):
    train = [f"{name}_train" for name in ("cmu_mosh", *_TRAIN)]
    assert list(records) == [*train, *(f"{name}_test" for name in _TEST)]
    assert all(m.num_examples == (2 if p in train else 1) for p, (m, _) in records.items())
    num_smpl = {part: m.num_with_smpl for part, (m, _) in records.items() if m.num_with_smpl}
    assert num_smpl == {
        **{"cmu_mosh_train": 2, "h36m_mosh_train": 2, "pw3d_train": 2, "pw3d_test": 1},
        **{"up3d_test": 1, "spin_mpi_inf_3dhp_train": 1},
    }
    num_3d = {part for part, (m, _) in records.items() if m.num_with_3d}
    assert num_3d == {
        *("h36m_mosh_train", "mpi_inf_3dhp_train", "spin_mpi_inf_3dhp_train", "mpi_inf_3dhp_test")
    }


def test_joints_are_the_bodys(records, truth):
    """2D joints against the body's own regressors, by joint name, and against SMPL's sides."""
    told = 0
    for part, known in _KNOWN.items():
        for record in records[part][1]:
            visible = set(np.flatnonzero(record["keypoints_24_2d"][:, 2] > 0))
            assert visible == known, part
            told += truth.check(record)
    assert told > 60


def test_heads_are_told_by_their_meaning(records, truth):
    """Human3.6M's head top is one slot in mmhuman3d's own files, another in those of SPIN's."""
    for part in ("h36m_mosh_train", "mpi_inf_3dhp_train", "spin_mpi_inf_3dhp_train"):
        for record in records[part][1]:
            np.testing.assert_array_equal(record["keypoints_2d"][13], record["keypoints_24_2d"][18])
            joints = truth["joints_24_3d"][truth.row(record)]
            joints = joints - joints[14]
            np.testing.assert_allclose(record["joints_24_3d"][17, :3], joints[17], atol=1e-5)
            np.testing.assert_allclose(record["joints_24_3d"][18, :3], joints[18], atol=1e-5)
            np.testing.assert_allclose(record["joints_3d"][13], joints[18], atol=1e-5)
            np.testing.assert_allclose(record["joints_3d"][:13], joints[:13], atol=1e-5)


def test_bodies_genders_and_cameras(records, truth):
    for part in ("h36m_mosh_train", "pw3d_train", "pw3d_test", "up3d_test"):
        for record in records[part][1]:
            row = truth.row(record)
            found = Rotation.from_rotvec(record["pose_axis_angle"].reshape(24, 3))
            expected = Rotation.from_rotvec(truth["pose_axis_angle"][row].reshape(24, 3))
            assert (found.inv() * expected).magnitude().max() < 1e-5
            np.testing.assert_allclose(record["betas"], truth["betas"][row], atol=1e-6)
            is_pw3d = part.startswith("pw3d")
            gender = {"male": 1, "female": 2}[str(truth["gender"][row])] if is_pw3d else -1
            assert record["gender"] == gender
            assert record["has_intrinsics"] == (part != "up3d_test")
            assert record["has_translation"] == (part == "up3d_test")
            if record["has_intrinsics"]:
                # A point one metre aside at five metres, in the picture and in the record.
                fx, fy, cx, cy = truth["intrinsics"][row].astype(np.float64)
                pixel = np.array([0.2 * fx + cx, -0.2 * fy + cy])
                moved = (pixel + 0.5) * record["scale_factors"][::-1] - 0.5 - record["crop_origin"]
                fx, fy, cx, cy = record["intrinsics"].astype(np.float64)
                np.testing.assert_allclose([0.2 * fx + cx, -0.2 * fy + cy], moved, atol=0.01)
            else:
                np.testing.assert_allclose(record["translation"], truth["translation"][row])


def test_origins(records):
    found = {
        part: [(r["subject"], r["sequence"], int(r["frame"])) for r in records[part][1]]
        for part in ("h36m_mosh_train", "mpi_inf_3dhp_train", "pw3d_train", "lsp_train")
    }
    assert found == {
        "h36m_mosh_train": [
            (b"S1", b"S1_Directions_1.54138969", 1),
            (b"S1", b"S1_Directions_1.60457274", 6),
        ],
        "mpi_inf_3dhp_train": [(b"S1", b"S1/Seq1/video_0", frame) for frame in (1, 2)],
        "pw3d_train": [(b"", b"imageFiles/courtyard_box_00", frame) for frame in (0, 1)],
        "lsp_train": [(b"", b"", -1)] * 2,
    }
    assert records["lsp_train"][1][0]["dataset"] == b"human_data/lsp"


def test_people_have_the_size_of_records(records):
    for part in ("lsp_train", "h36m_mosh_train", "mpi_inf_3dhp_test"):
        for record in records[part][1]:
            points = record["keypoints_2d"][record["keypoints_2d"][:, 2] > 0, :2]
            np.testing.assert_allclose(np.linalg.norm(np.ptp(points, axis=0)), 150, rtol=0.03)
    for record in records["pw3d_train"][1]:  # Known by its box only.
        box = record["box_xyxy"]
        np.testing.assert_allclose(np.linalg.norm(box[2:] - box[:2]), 1.2 * 150, rtol=0.02)


def test_motion_capture_is_found_by_its_name(records, out_dir, truth):
    summary = reader.describe_records(str(out_dir), "human_data/cmu_mosh", "train")
    assert (summary.num_records, summary.record_format) == (2, "mocap")
    rows = [truth.row(record) for record in records["h36m_mosh_train"][1]]
    bodies = [parse_mocap_example(r) for path in summary.shards for r in read_records(path)]
    found = sorted(float(body["betas"][0]) for body in bodies)
    np.testing.assert_allclose(found, sorted(truth["betas"][rows, 0]), atol=1e-6)


def _load(copy, part):
    path = copy / "preprocessed_datasets" / f"{part}.npz"
    return path, safe_pickle.load_npz(path)


def _edit(copy, part, **changes):
    path, arrays = _load(copy, part)
    arrays.update(changes)
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return HumanDataConverter(copy, "train", (part.rsplit("_", 1)[0],))


def test_files_that_are_not_compressed_are_read_alike(copy, records, tmp_path):
    _, arrays = _load(copy, "h36m_mosh_train")
    full = {}
    for key, size in (("keypoints2d", 3), ("keypoints3d", 4)):
        full[key] = np.full((2, 190, size), 7.0)  # What the mask denies does not count.
        full[key][:, arrays[f"{key}_mask"] > 0] = arrays[key]
    converter = _edit(copy, "h36m_mosh_train", **full, __keypoints_compressed__=False)
    _, again = convert(converter, tmp_path / "out")["h36m_mosh_train"]
    for record, expected in zip(again, records["h36m_mosh_train"][1]):
        for key in ("keypoints_24_2d", "joints_24_3d", "joints_3d", "intrinsics", "image_encoded"):
            np.testing.assert_array_equal(record[key], expected[key], key)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_path": None, "smpl": None}, "must hold image_path and bbox_xywh, or smpl"),
        ({"image_path": None, "smpl": None, "imgname": np.array(["a"])}, "--dataset spin_npz"),
        ({"bbox_xywh": np.zeros((3, 5))}, r"must be \(2, 4\); it is \(3, 4\)"),
        ({"keypoints2d": np.zeros((2, 16, 3))}, "must have 17 joints, being compressed; it has 16"),
        ({"keypoints2d_mask": None}, "without keypoints2d_mask"),
        ({"keypoints3d": np.zeros((2, 17, 3))}, r"must be \(2, any, 4\); it is \(2, 17, 3\)"),
        ({"__keypoints_compressed__": False}, "must have 190 joints, being not compressed"),
        ({"smpl": {"betas": np.zeros((2, 10))}}, "must hold body_pose, global_orient and betas"),
        ({"cam_param": np.array([{}] * 3)}, "a camera for each of 2 images; it holds 3"),
        ({"cam_param": {("S1", "54138969"): {"in_mat": "?"}}}, "has no matrix in_mat"),
        ({"image_path": np.array(["S9/a.60457274_1.jpg"] * 2)}, "is a test image"),
        ({"image_path": np.array(["S1/a.jpg"] * 2)}, "are in none of"),
    ],
)
def test_wrong_files_are_one_line(copy, changes, message):
    one_line(_edit(copy, "h36m_mosh_train", **changes), message)


def test_damaged_and_hostile_files_are_one_line(copy, tmp_path):
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return open, (str(marker), "w")

    one_line(_edit(copy, "h36m_mosh_train", smpl={"betas": Hostile()}), "refused")
    path = copy / "preprocessed_datasets" / "lsp_train.npz"
    path.write_bytes(path.read_bytes()[:700])
    one_line(HumanDataConverter(copy, "train", ("lsp",)), "not a readable .npz file")
    assert not marker.exists()


def test_missing_parts_name_what_is_there(source, tmp_path):
    one_line(HumanDataConverter(source, "val"), "no file of any dataset for the split 'val'; there")
    one_line(HumanDataConverter(source, "test", ("lsp",)), "no file of lsp for the split 'test'")
    (tmp_path / "preprocessed_datasets").mkdir()
    one_line(HumanDataConverter(tmp_path), "must hold preprocessed_datasets")


def test_labels_that_are_not_finite_are_dropped(copy, tmp_path):
    _, arrays = _load(copy, "lsp_train")
    points = arrays["keypoints2d"].copy()
    points[1, 3, 0] = np.nan
    converter = _edit(copy, "lsp_train", keypoints2d=points)
    found = convert(converter, tmp_path / "out", max_error_fraction=0.9)["lsp_train"]
    assert found[0].drops == {"label that is not finite": 1}
