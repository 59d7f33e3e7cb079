"""COCO in its true format: years, splits, filters, scale, sides, files in its style."""

from __future__ import annotations

import json

import cv2
import numpy as np
import photo_twin_checks as checks
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import photo_twin
from hmr_tf.synthetic.layouts import coco as layout
from tfrecords_tools.converters.coco import COCOConverter
from tfrecords_tools.errors import DatasetError

_AWKWARD = {
    "crowd",
    "no labelled keypoint",
    "too little labelled to tell the size",
    "at most 60 px high",
}


def write_source(folder):
    """Writes a tiny COCO tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=11, num_test=2, image_size=200))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    write_source(folder)
    return folder


@pytest.fixture(scope="module")
def truth(twin):
    return checks.Truth(twin)


@pytest.fixture(scope="module")
def train(twin, tmp_path_factory):
    return checks.convert("coco", twin, tmp_path_factory.mktemp("records"))


def _person(parsed):
    return int(parsed["subject"]) % 100 - 1


def _file(twin, name):
    return json.loads((twin / "annotations" / name).read_text())


def _edited(twin, folder, edit, name="person_keypoints_train2014.json"):
    """Writes an edited copy of the annotations and returns the options that name it."""
    content = _file(twin, name)
    edit(content)
    (folder / "edited.json").write_text(json.dumps(content))
    return {"annotations": str(folder / "edited.json"), "images": "images/train2014"}


def test_joints_lie_where_the_bodies_are_and_sides_are_right(truth, train):
    manifest, records = train
    assert manifest.num_examples == len(records) > 5
    told = checks.check_records(truth, records, _person, rounding_px=0.5)
    assert told > 20


def test_awkward_people_are_counted(twin, train):
    drops = dict(train[0].drops)
    num_people = len(_file(twin, "person_keypoints_train2014.json")["annotations"])
    assert train[0].num_examples + sum(drops.values()) == num_people
    drops.pop("fewer than 6 visible keypoints", None)
    assert set(drops) == _AWKWARD
    assert drops["crowd"] == drops["no labelled keypoint"] == 1


def test_people_may_measure_150_px_in_small_crops(twin, train, truth, tmp_path):
    manifest, records = checks.convert("coco", twin, tmp_path, options={"person_px": "150"})
    assert manifest.drops == train[0].drops
    assert checks.check_records(truth, records, _person, rounding_px=0.5) > 20
    whole = 0
    for parsed, _ in records:
        height, width = int(parsed["height"]), int(parsed["width"])
        image = cv2.imdecode(np.frombuffer(parsed["image_encoded"], np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (height, width, 3) and max(height, width) <= 400
        points = parsed["keypoints_2d"]
        visible = points[points[:, 2] > 0, :2]
        np.testing.assert_allclose(
            parsed["center"], (visible.min(0) + visible.max(0)) / 2, atol=1e-3
        )
        if points[[0, 5], 2].any():
            whole += 1
            assert np.linalg.norm(np.ptp(visible, axis=0)) == pytest.approx(150, rel=0.02)
    assert whole > 4


def test_labels_that_are_hidden_are_half_sure(twin, train):
    by_id = {
        entry["id"]: np.array(entry["keypoints"]).reshape(17, 3)
        for entry in _file(twin, "person_keypoints_train2014.json")["annotations"]
    }
    hidden = 0
    for parsed, example in train[1]:
        labels = by_id[int(parsed["subject"])]
        # Left and right wrist in COCO, cocoplus and J24.
        for coco, place in ((9, 11), (10, 6), (13, 4), (14, 1)):
            flag = labels[coco, 2]
            assert parsed["keypoints_24_2d"][place, 2] == flag / 2
            assert parsed["keypoints_2d"][place, 2] == (flag > 0)
            stored = example.features.feature["image/visibility"].int64_list.value
            assert stored[place] == flag
            hidden += flag == 1
        # Neck and head are not COCO's to tell; the nose and the left eye are.
        assert not parsed["keypoints_2d"][12:14].any()
        assert parsed["keypoints_2d"][14, 2] == (labels[0, 2] > 0)
        assert parsed["keypoints_2d"][15, 2] == (labels[1, 2] > 0)
    assert hidden > 3


def test_the_years_differ_in_names_alone(twin, train, truth, tmp_path):
    manifest, records = checks.convert("coco", twin, tmp_path, options={"year": "2017"})
    assert manifest.num_examples == train[0].num_examples
    for (new, _), (old, _) in zip(records, train[1]):
        assert old["filename"].decode() == "COCO_train2014_" + new["filename"].decode()
        np.testing.assert_array_equal(new["keypoints_2d"], old["keypoints_2d"])
    assert checks.check_records(truth, records, _person, rounding_px=0.5) > 20


def test_the_val_split_shows_the_other_images(twin, train, tmp_path):
    manifest, records = checks.convert("coco", twin, tmp_path, "val")
    assert 0 < manifest.num_examples <= 6
    names = {parsed["filename"].decode() for parsed, _ in records}
    assert all(name.startswith("COCO_val2014_") for name in names)
    numbers = {parsed["sequence"] for parsed, _ in train[1]}
    assert not numbers & {parsed["sequence"] for parsed, _ in records}


def test_images_stay_as_they_are(twin, truth, train):
    for parsed, _ in train[1]:
        original = twin / "images" / "train2014" / parsed["filename"].decode()
        assert parsed["image_encoded"] == original.read_bytes()
        row = truth.rows[parsed["filename"].decode(), _person(parsed)]
        np.testing.assert_allclose(
            parsed["box_xyxy"], truth.arrays["box_xyxy"][row] + [-0.5, -0.5, 0.5, 0.5], atol=1e-3
        )


def test_another_joint_set_in_cocos_style(twin, truth, tmp_path):
    """Such files exist of AI Challenger: 14 joints, all from COCO's and the neck and crown."""
    rows = [6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15]

    def edit(content):
        content["categories"][0]["keypoints"] = [f"point_{number}" for number in range(14)]
        for entry in content["annotations"]:
            points = np.array(entry["keypoints"]).reshape(17, 3)
            points = np.concatenate([points[rows], np.zeros((2, 3), int)])
            entry["keypoints"] = points.reshape(-1).tolist()

    options = _edited(twin, tmp_path, edit)
    with pytest.raises(DatasetError, match=r"have 14 keypoints .* Name their joint set with"):
        checks.convert("coco", twin, tmp_path / "out", options=options)
    options["skeleton"] = "aic14"
    manifest, records = checks.convert("coco", twin, tmp_path / "out", options=options)
    assert manifest.num_examples > 5
    assert checks.check_records(truth, records, _person, rounding_px=0.5) > 20


def test_damaged_and_missing_images_are_counted(tmp_path, monkeypatch):
    # Large twins have one of each.
    monkeypatch.setattr(photo_twin, "_BROKEN_FROM", 12)
    config = SynthesisConfig(num_images=13, num_test=1, image_size=160)
    layout.write(str(tmp_path / "raw"), config)
    with pytest.raises(DatasetError, match=r"1 corrupt image, .*1 missing image"):
        checks.convert("coco", tmp_path / "raw", tmp_path / "out")
    manifest, _ = checks.convert("coco", tmp_path / "raw", tmp_path / "out", max_error_fraction=0.3)
    assert manifest.drops["corrupt image"] == manifest.drops["missing image"] == 1


def test_malformed_annotations_are_errors(twin, tmp_path):
    def edit(content):
        single = [entry for entry in content["annotations"] if entry["num_keypoints"] > 6]
        single[0]["keypoints"] = single[0]["keypoints"][:-1]
        single[1]["segmentation"] = [["x", "y"]]
        single[2]["bbox"] = [1, 2]

    options = _edited(twin, tmp_path, edit)
    manifest, _ = checks.convert(
        "coco", twin, tmp_path / "out", options=options, max_error_fraction=0.5
    )
    assert manifest.drops["malformed annotation"] == 3


def test_crowded_masks_of_single_people_are_read(twin, train, tmp_path):
    """Some files in COCO's style code every mask by run lengths."""

    def edit(content):
        for entry in content["annotations"]:
            if not entry["iscrowd"]:
                x, y, width, height = (int(value) for value in entry["bbox"])
                size = next(i for i in content["images"] if i["id"] == entry["image_id"])
                counts = [size["height"] * x + y]
                for _ in range(width):
                    counts += [height, size["height"] - height]
                counts[-1] += size["height"] * size["width"] - sum(counts)
                entry["segmentation"] = {"size": [size["height"], size["width"]], "counts": counts}

    manifest, _ = checks.convert(
        "coco", twin, tmp_path / "out", options=_edited(twin, tmp_path, edit)
    )
    assert manifest.drops == train[0].drops


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content.pop("images"), "must hold the lists images and annotations"),
        (lambda content: content["annotations"][0].pop("image_id"), "lacks its number"),
        (lambda content: content["annotations"][0].update(image_id=5), "names one that is not"),
        (
            lambda content: [entry.pop("keypoints") for entry in content["annotations"]],
            "no annotation in .* has keypoints",
        ),
        (
            lambda content: content["categories"][0]["keypoints"].reverse(),
            "in another order than coco17",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(twin, tmp_path, edit, message):
    options = _edited(twin, tmp_path, edit)
    with pytest.raises(DatasetError, match=message) as caught:
        COCOConverter(twin, "", (), options).items("train")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("coco: ")


def test_wrong_sources_are_told_in_one_line(twin, tmp_path):
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations" / "person_keypoints_train2014.json"
    with pytest.raises(DatasetError, match=r"holds no annotations/person_keypoints_train2014.json"):
        COCOConverter(tmp_path).items("train")
    content = (twin / "annotations" / path.name).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"holds none of the image folders images/train2014"):
        COCOConverter(tmp_path).items("train")
    (tmp_path / "train2014").mkdir()
    with pytest.raises(DatasetError, match=r"is no JSON or is cut short .*; download it again"):
        COCOConverter(tmp_path).items("train")
    with pytest.raises(DatasetError, match=r"person_keypoints_val2014.json or .*Check --data_dir"):
        COCOConverter(tmp_path, "val").items("val")
    with pytest.raises(DatasetError, match="year must be 2014 or 2017; received 2015"):
        COCOConverter(tmp_path, "", (), {"year": "2015"})
    with pytest.raises(DatasetError, match="coco: Unknown skeleton 'nobody'"):
        COCOConverter(tmp_path, "", (), {"skeleton": "nobody"})
