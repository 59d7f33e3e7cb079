"""MPII in its true format: MATLAB's nesting, who stands apart, joints, scale, sides."""

from __future__ import annotations

import shutil

import numpy as np
import photo_twin_checks as checks
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mpii as layout
from tfrecords_tools.converters.mpii import MPIIConverter
from tfrecords_tools.errors import DatasetError

_FILE = "mpii_human_pose_v1_u12_1.mat"


def write_source(folder):
    """Writes a tiny MPII tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=10, num_test=1, image_size=160))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpii")
    write_source(folder)
    return folder


@pytest.fixture(scope="module")
def truth(twin):
    return checks.Truth(twin)


@pytest.fixture(scope="module")
def train(twin, tmp_path_factory):
    return checks.convert("mpii", twin, tmp_path_factory.mktemp("records"))


def _person(parsed):
    return int(parsed["subject"]) - 1


def struct(**fields):
    """Returns a 1 x 1 MATLAB struct."""
    result = np.zeros((1, 1), [(name, object) for name in fields])
    for name, value in fields.items():
        result[name][0, 0] = value
    return result


def structs(*elements):
    """Returns a 1 x N MATLAB struct array."""
    return np.concatenate(elements, axis=1) if elements else np.zeros((0, 0))


def point(joint, x, y, is_visible):
    return struct(id=float(joint), x=x, y=y, is_visible=is_visible)


def write_release(folder, image_structs, train_flags, singles):
    """Writes a release by hand."""
    (folder / "annotations").mkdir(parents=True)
    cells = np.empty((len(singles), 1), object)
    for row, numbers in enumerate(singles):
        cells[row, 0] = numbers
    release = struct(
        annolist=structs(*image_structs),
        img_train=np.array([train_flags], np.uint8),
        single_person=cells,
    )
    scipy.io.savemat(folder / "annotations" / _FILE, {"RELEASE": release})


def test_joints_lie_where_the_bodies_are_and_sides_are_right(truth, train):
    manifest, records = train
    assert manifest.num_examples == len(records) > 5
    # Coordinates are written to 0.01 px.
    assert checks.check_records(truth, records, _person, rounding_px=0.01) > 25
    for parsed, _ in records:
        # MPII tells the neck and the crown, the pelvis and the thorax, and nothing of the face.
        assert not parsed["keypoints_2d"][14:].any()
        assert not parsed["keypoints_24_2d"][16:].any()
    known = np.mean([parsed["keypoints_24_2d"][12:16, 2] > 0 for parsed, _ in records])
    assert known > 0.7


def test_pelvis_and_thorax_have_their_places(truth, train):
    seen = 0
    for parsed, example in train[1]:
        row = truth.rows[parsed["filename"].decode(), _person(parsed)]
        expected = truth.project(row, truth.arrays["joints_24_3d"][row])
        for place in (12, 13, 14, 15):
            if parsed["keypoints_24_2d"][place, 2]:
                seen += 1
                point_px = checks.to_source(parsed["keypoints_24_2d"][place, :2], example)
                np.testing.assert_allclose(point_px, expected[place], atol=0.05)
    assert seen > 25


def test_boxes_are_around_the_people(truth, train):
    for parsed, example in train[1]:
        row = truth.rows[parsed["filename"].decode(), _person(parsed)]
        box = truth.arrays["box_xyxy"][row]
        seen = checks.to_source(parsed["box_xyxy"].reshape(2, 2), example)
        np.testing.assert_allclose(seen.mean(axis=0), (box[:2] + box[2:]) / 2, atol=0.6)
        np.testing.assert_allclose(seen[1] - seen[0], box[3] - box[1], atol=0.1)
        assert parsed["sequence"].startswith(b"twin") and parsed["frame"] >= 0


def test_only_people_of_training_images_who_stand_apart_are_kept(train):
    # Of pictures of two, one; of the crowd of five, two; a single point and a face say too little.
    assert train[0].drops == {
        "close to other people": 4,
        "no labelled keypoint": 1,
        "too little labelled to tell the size": 2,
    }
    names = {parsed["filename"].decode() for parsed, _ in train[1]}
    assert "000000010.jpg" not in names and "000000001.jpg" in names


def test_people_measure_150_px(train):
    whole = 0
    for parsed, _ in train[1]:
        assert max(parsed["height"], parsed["width"]) <= 600
        points = parsed["keypoints_2d"]
        if points[[0, 5], 2].any():
            whole += 1
            visible = points[points[:, 2] > 0, :2]
            assert np.linalg.norm(np.ptp(visible, axis=0)) == pytest.approx(150, rel=0.02)
    assert whole > 5


def test_labels_by_hand(tmp_path, twin):
    """All ways in which the file says one thing or nothing, read to the last number."""
    name = struct(name="a.jpg")
    points = structs(
        point(0, 31.0, 121.0, "1"),
        point(10, 41.5, 81.0, "0"),
        point(15, 51.0, 82.0, 0.0),
        point(9, 36.0, 21.0, np.zeros((0, 0))),
    )
    full = struct(annopoints=struct(point=points), scale=0.6, objpos=struct(x=36.0, y=71.0), x1=1.0)
    nobody = struct(annopoints=np.zeros((0, 0)), scale=1.0, objpos=np.zeros((0, 0)), x1=1.0)
    bad = struct(
        annopoints=struct(point=point(16, 1.0, 1.0, "1")), scale=1.0,
        objpos=struct(x=1.0, y=1.0), x1=1.0,
    )  # fmt: skip
    images = [
        struct(image=name, annorect=structs(full, nobody, bad), vididx=np.zeros((0, 0))),
        struct(image=struct(name="b.jpg"), annorect=full, vididx=1.0),
        struct(image=struct(name="c.jpg"), annorect=np.zeros((0, 0)), vididx=1.0),
        struct(image=struct(name="d.jpg"), annorect=full, vididx=1.0),
    ]
    singles = [np.array([[1.0], [2.0], [3.0]]), 1.0, np.zeros((0, 0)), np.zeros((0, 0))]
    write_release(tmp_path / "raw", images, [1, 0, 1, 1], singles)
    (tmp_path / "raw" / "images").mkdir()
    shutil.copy(twin / "images" / "000000001.jpg", tmp_path / "raw" / "images" / "a.jpg")
    manifest, ((parsed, _),) = checks.convert(
        "mpii", tmp_path / "raw", tmp_path / "out", options={"person_px": "0"},
        max_error_fraction=0.5,
    )  # fmt: skip
    assert manifest.drops == {
        "no labelled keypoint": 1,
        "malformed annotation": 1,
        "close to other people": 1,
    }
    expected = np.zeros((19, 3))
    expected[0] = 30, 120, 1
    expected[6] = 40.5, 80, 1
    expected[11] = 50, 81, 1
    expected[13] = 35, 20, 1
    np.testing.assert_allclose(parsed["keypoints_2d"], expected)
    np.testing.assert_allclose(parsed["keypoints_24_2d"][[0, 6, 11, 13], 2], [1, 0.5, 0.5, 1])
    np.testing.assert_allclose(parsed["box_xyxy"], [-25, 10, 95, 130])
    original = (tmp_path / "raw" / "images" / "a.jpg").read_bytes()
    assert parsed["image_encoded"] == original


def test_a_release_of_one_image(tmp_path, twin):
    rect = struct(annopoints=struct(point=structs(point(0, 9.0, 90.0, "1"), point(9, 9.0, 9.0, 1))))
    write_release(tmp_path / "raw", [struct(image=struct(name="a.jpg"), annorect=rect)], [1], [1.0])
    (tmp_path / "raw" / "images").mkdir()
    shutil.copy(twin / "images" / "000000001.jpg", tmp_path / "raw" / "images" / "a.jpg")
    manifest, ((parsed, _),) = checks.convert("mpii", tmp_path / "raw", tmp_path / "out")
    assert manifest.num_examples == 1 and not parsed["has_box"]


def test_the_image_that_was_never_in_the_archive_is_counted(twin, tmp_path):
    shutil.copytree(twin, tmp_path / "raw")
    (tmp_path / "raw" / "images" / "000000001.jpg").unlink()
    manifest, _ = checks.convert("mpii", tmp_path / "raw", tmp_path / "out", max_error_fraction=0.1)
    assert manifest.drops["missing image"] == 1


def test_wrong_sources_are_told_in_one_line(twin, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()

    def refusal():
        with pytest.raises(DatasetError) as caught:
            MPIIConverter(folder).items("train")
        assert "\n" not in str(caught.value) and str(caught.value).startswith("mpii: ")
        return str(caught.value)

    assert "no .jpg file in" in refusal()
    shutil.copytree(twin / "images", folder / "images")
    assert f"holds no annotations/{_FILE}" in refusal()
    content = (twin / "annotations" / _FILE).read_bytes()
    for path in (folder / _FILE, folder / "mpii_human_pose_v1_u12_2" / _FILE):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        assert len(MPIIConverter(folder).items("train")) == 9
        path.write_bytes(content[: len(content) // 2])
        assert "not a MATLAB 5 file or is damaged" in refusal()
        path.write_bytes(b"")
        assert "not a MATLAB 5 file or is damaged" in refusal()
        scipy.io.savemat(path, {"joints": np.zeros((3, 14, 2))})
        assert "holds no struct RELEASE" in refusal()
        scipy.io.savemat(path, {"RELEASE": struct(annolist=1.0, img_train=1.0)})
        assert "is not laid out as MPII's release" in refusal()
        path.unlink()
    with pytest.raises(DatasetError, match="mpii has no split 'test'; expected train"):
        MPIIConverter(twin, "test")
