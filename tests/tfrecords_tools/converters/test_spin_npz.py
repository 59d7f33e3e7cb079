"""SPIN's files in their true format: gaps, heads, fits, and wrong sources."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
from archive_checks import Truth, convert, one_line
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import spin_npz as layout
from tfrecords_tools import reader, skeletons
from tfrecords_tools.converters.spin_npz import SpinNpzConverter
from tfrecords_tools.errors import DatasetError

_CONFIG = SynthesisConfig(num_images=16, num_test=8, image_size=96, seed=5)
_PARTS = {
    "train": ["coco_2014", "h36m", "lsp_dataset_original", "mpi_inf_3dhp"],
    "test": ["3dpw", "lsp_dataset"],
    "valid": ["mpi_inf_3dhp"],
    "valid_protocol1": ["h36m"],
}


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=12, num_test=0, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spin") / "source"
    layout.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def truth(source):
    return Truth(source)


@pytest.fixture(scope="module")
def records(source, tmp_path_factory):
    """Part -> (manifest, records)."""
    out_dir = tmp_path_factory.mktemp("spin_records")
    found = {}
    for split in _PARTS:
        found.update(convert(SpinNpzConverter(source, split), out_dir))
    return found


@pytest.fixture
def copy(source, tmp_path):
    """A copy of the source's labels beside its images, to be damaged."""
    shutil.copytree(source / "dataset_extras", tmp_path / "dataset_extras")
    shutil.copytree(source / "static_fits", tmp_path / "static_fits")
    (tmp_path / "datasets").symlink_to(source / "datasets")
    return tmp_path


def test_each_file_is_a_part(records, source):
    assert list(records) == [f"{name}_{split}" for split, names in _PARTS.items() for name in names]
    # Of COCO's people, those with all limbs in the picture.
    sizes = {part: manifest.num_examples for part, (manifest, _) in records.items()}
    assert 2 <= sizes.pop("coco_2014_train") <= 4
    assert set(sizes.values()) == {2}
    only = SpinNpzConverter(source, "train", ("h36m",))
    assert only.parts() == ["h36m_train"]
    # The same folder, named by itself.
    assert len(SpinNpzConverter(source / "dataset_extras").parts()) == 4


def test_a_part_is_read_by_the_name_of_its_dataset(source, tmp_path):
    convert(SpinNpzConverter(source, "valid_protocol1"), tmp_path)
    summary = reader.describe_records(str(tmp_path), "spin_npz/h36m", "valid_protocol1")
    assert (summary.num_records, summary.has_3d) == (2, True)
    with pytest.raises(DatasetError, match="--subsets h36m --split train"):
        reader.list_shards(str(tmp_path), "spin_npz/h36m", "train")


def test_joints_are_the_bodys(records, truth):
    """2D joints against the body's own regressors, by joint name, and against SMPL's sides."""
    told = sum(truth.check(*records[part][1]) for part in records if "3dpw" not in part)
    assert told > 60


def test_what_each_file_knows(records):
    num_smpl = {part: manifest.num_with_smpl for part, (manifest, _) in records.items()}
    num_3d = {part: manifest.num_with_3d for part, (manifest, _) in records.items()}
    assert {part: n for part, n in num_smpl.items() if n} == {
        "h36m_train": 2,
        "mpi_inf_3dhp_train": 1,  # has_smpl is 0 in the other row
        "3dpw_test": 2,
    }
    assert {part for part, n in num_3d.items() if n} == {
        *("h36m_train", "mpi_inf_3dhp_train", "mpi_inf_3dhp_valid", "h36m_valid_protocol1"),
    }
    for record in records["3dpw_test"][1]:
        assert record["gender"] in (1, 2) and not record["keypoints_24_2d"].any()
    for record in records["h36m_train"][1]:
        assert record["gender"] == -1
        assert (record["subject"], record["sequence"]) == (b"S1", b"S1_Directions_1.54138969")
        assert record["dataset"] == b"spin_npz/h36m"
    assert [int(record["frame"]) for record in records["h36m_train"][1]] == [1, 6]
    assert [int(record["frame"]) for record in records["mpi_inf_3dhp_train"][1]] == [1, 2]


def test_bodies_and_3d_joints_are_the_truth(records, truth):
    for part in ("h36m_train", "mpi_inf_3dhp_train", "mpi_inf_3dhp_valid", "3dpw_test"):
        for record in records[part][1]:
            row = truth.row(record)
            if record["has_smpl"]:
                found = Rotation.from_rotvec(record["pose_axis_angle"].reshape(24, 3))
                expected = Rotation.from_rotvec(truth["pose_axis_angle"][row].reshape(24, 3))
                assert (found.inv() * expected).magnitude().max() < 1e-5
                np.testing.assert_allclose(record["betas"], truth["betas"][row], atol=1e-6)
            if record["has_3d"]:
                joints = truth["joints_24_3d"][row]
                joints = joints - joints[skeletons.J24.index("pelvis")]
                known = record["joints_24_3d"][:, 3] > 0
                # Human3.6M's joints: all but LSP's crown, the thorax and the face.
                assert not known[[13, 15, *range(19, 24)]].any() and known.sum() == 17
                np.testing.assert_allclose(
                    record["joints_24_3d"][known, :3], joints[known], atol=1e-5
                )
                np.testing.assert_allclose(record["joints_3d"][:13], joints[:13], atol=1e-5)
                # Human3.6M's head top stands in for the crown, in space as in the picture.
                np.testing.assert_allclose(record["joints_3d"][13], joints[18], atol=1e-5)
    for record in records["h36m_train"][1]:
        points = record["keypoints_2d"][13], record["keypoints_24_2d"][18]
        np.testing.assert_array_equal(*points)
        assert points[0][2] == 1 and record["keypoints_24_2d"][13, 2] == 0


def test_people_have_the_size_of_records(records):
    sizes = []
    for part in ("lsp_dataset_original_train", "h36m_train", "lsp_dataset_test"):
        for record in records[part][1]:
            points = record["keypoints_2d"][record["keypoints_2d"][:, 2] > 0, :2]
            sizes.append(np.linalg.norm(np.ptp(points, axis=0)))
            np.testing.assert_allclose(
                record["center"], (points.min(0) + points.max(0)) / 2, atol=1e-3
            )
    np.testing.assert_allclose(sizes, 150, rtol=0.03)
    for record in records["3dpw_test"][1]:  # Known by its box only.
        x0, y0, x1, y1 = record["box_xyxy"]
        assert (x1 - x0) == pytest.approx(1.2 * 150, rel=0.02)
        np.testing.assert_allclose(record["center"], [(x0 + x1) / 2, (y0 + y1) / 2], atol=1e-3)


def test_images_may_keep_their_bytes(source, tmp_path):
    converter = SpinNpzConverter(source, "train", ("h36m",), {"person_px": "0"})
    _, records = convert(converter, tmp_path)["h36m_train"]
    for record in records:
        path = source / "datasets" / "h36m" / "images" / record["filename"].decode()
        assert record["image_encoded"] == path.read_bytes()


def test_static_fits_stand_for_bodies_if_wanted(source, truth, tmp_path):
    options = {"static_fits": "true"}
    found = convert(SpinNpzConverter(source, "train", (), options), tmp_path)
    for part in ("coco_2014_train", "lsp_dataset_original_train", "mpi_inf_3dhp_train"):
        manifest, records = found[part]
        assert manifest.num_with_smpl == manifest.num_examples
        if part == "coco_2014_train":
            continue
        errors = [
            np.abs(record["betas"] - truth["betas"][truth.row(record)]).max() for record in records
        ]
        is_own = [part.startswith("mpi") and row == 0 for row in range(len(records))]
        for error, own in zip(errors, is_own):
            assert error < 1e-6 if own else 1e-3 < error < 0.2


def test_openpose_completes_labels_if_wanted(source, tmp_path):
    found = {}
    for openpose in ("false", "true"):
        # Whole images: a person with a face may be of another size.
        options = {"openpose": openpose, "person_px": "0"}
        converter = SpinNpzConverter(source, "train", ("lsp_dataset_original",), options)
        found[openpose] = convert(converter, tmp_path / openpose)["lsp_dataset_original_train"][1]
    completed = found["true"]
    for record, plain in zip(completed, found["false"]):
        assert not plain["keypoints_2d"][14:].any()
        np.testing.assert_allclose(record["keypoints_2d"][:14], plain["keypoints_2d"][:14])
    assert completed[0]["keypoints_2d"][14:, 2].any()


def test_multi_view_fits_beside_the_file_are_taken(copy, truth, tmp_path):
    path = copy / "dataset_extras" / "mpi_inf_3dhp_train.npz"
    arrays = dict(np.load(path))
    fits = {key: arrays.pop(key) for key in ("pose", "shape", "has_smpl")}
    np.savez(path, **arrays)
    np.savez(copy / "static_fits" / "mpi-inf-3dhp_mview_fits.npz", **fits)
    converter = SpinNpzConverter(copy, "train", ("mpi_inf_3dhp",))
    _, records = convert(converter, tmp_path / "out")["mpi_inf_3dhp_train"]
    assert [int(record["has_smpl"]) for record in records] == [1, 0]
    row = truth.row(records[0])
    np.testing.assert_allclose(records[0]["betas"], truth["betas"][row], atol=1e-6)


def test_damaged_images_are_counted(copy, source, tmp_path):
    (copy / "datasets").unlink()
    shutil.copytree(source / "datasets", copy / "datasets")
    images = copy / "datasets" / "h36m" / "images"
    first, second = sorted(images.glob("S1*.jpg"))
    first.unlink()
    converter = SpinNpzConverter(copy, "train", ("h36m",))
    found = convert(converter, tmp_path / "out", max_error_fraction=0.9)["h36m_train"]
    assert found[0].drops == {"missing image": 1} and found[0].num_examples == 1
    first.write_bytes(second.read_bytes()[:500])
    found = convert(converter, tmp_path / "again", max_error_fraction=0.9)["h36m_train"]
    assert found[0].drops == {"corrupt image": 1}


def _edit(copy, file, **changes):
    path = copy / "dataset_extras" / f"{file}.npz"
    arrays = {**dict(np.load(path)), **changes}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"center": None}, "it lacks center"),
        ({"imgname": None, "image_path": np.array(["a"])}, "--dataset human_data"),
        ({"part": np.zeros((2, 25, 3))}, r"part in .* must be \(2, 24, 3\); it is \(2, 25, 3\)"),
        ({"scale": np.zeros(3)}, r"scale in .* must be \(2\); it is \(3\)"),
        ({"S": np.array(["a", "b"])}, "it is no array of numbers"),
        ({"shape": None}, "both pose and shape"),
        ({"gender": np.array(["m"])}, "1 genders for 2 images"),
        ({"imgname": np.array(["images/S9_Posing.60457274_000001.jpg"] * 2)}, "is a test image"),
        ({"imgname": np.array(["a.jpg", "b.jpg"])}, "are in none of .*image_dir=FOLDER"),
    ],
)
def test_wrong_files_are_one_line(copy, changes, message):
    _edit(copy, "h36m_train", **changes)
    one_line(SpinNpzConverter(copy, "train", ("h36m",)), message)


def test_damaged_and_hostile_files_are_one_line(copy, tmp_path):
    path = copy / "dataset_extras" / "h36m_train.npz"
    whole = path.read_bytes()
    converter = SpinNpzConverter(copy, "train", ("h36m",))
    path.write_bytes(whole[: len(whole) // 2])
    one_line(converter, "not a readable .npz file")
    path.write_bytes(whole)
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return open, (str(marker), "w")

    np.savez(path, **{**dict(np.load(path)), "imgname": np.array([Hostile()] * 2, object)})
    with pytest.raises((DatasetError, pickle.PickleError)):
        converter.items("h36m_train")
    one_line(converter, "refused")
    assert not marker.exists()


def test_missing_parts_name_what_is_there(source, tmp_path):
    one_line(SpinNpzConverter(source, "train", ("mpii",)), "no file of mpii for the split 'train'")
    (tmp_path / "dataset_extras").mkdir()
    one_line(SpinNpzConverter(tmp_path), "must hold dataset_extras")
    one_line(
        SpinNpzConverter(source, "train", ("mpi_inf_3dhp",), {"image_dir": str(tmp_path)}),
        "are in none of",
    )
    fits = SpinNpzConverter(source / "dataset_extras", options={"static_fits": "1"})
    one_line(fits, "static_fits")
