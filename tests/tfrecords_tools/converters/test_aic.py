"""AI Challenger in its true format: names with dates, flags, filters, sides."""

from __future__ import annotations

import json

import numpy as np
import photo_twin_checks as checks
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import aic as layout
from tfrecords_tools.converters.aic import AICConverter
from tfrecords_tools.errors import DatasetError

_TRAIN = "ai_challenger_keypoint_train_20170909"
_LABELS = "keypoint_train_annotations_20170909.json"
_IMAGES = "keypoint_train_images_20170902"


def write_source(folder):
    """Writes a tiny AIC tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=11, num_test=2, image_size=160))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aic")
    write_source(folder)
    return folder


@pytest.fixture(scope="module")
def truth(twin):
    return checks.Truth(twin)


@pytest.fixture(scope="module")
def train(twin, tmp_path_factory):
    return checks.convert("aic", twin, tmp_path_factory.mktemp("records"))


def _person(parsed):
    return int(parsed["subject"].decode()[len("human") :]) - 1


def _annotations(twin):
    return json.loads((twin / _TRAIN / _LABELS).read_text())


def test_joints_lie_where_the_bodies_are_and_sides_are_right(truth, train):
    manifest, records = train
    assert manifest.num_examples == len(records) > 5
    assert checks.check_records(truth, records, _person, rounding_px=0.5) > 25
    for parsed, _ in records:
        assert not parsed["keypoints_2d"][14:].any()
    assert np.mean([parsed["keypoints_2d"][12:14, 2] for parsed, _ in records]) > 0.7


def test_everybody_may_be_kept(twin, truth, train, tmp_path):
    """Without the rule about neighbours the crowd is there, too."""
    options = {"max_overlap": "1", "min_points": "1"}
    manifest, records = checks.convert("aic", twin, tmp_path, options=options)
    assert manifest.num_examples > train[0].num_examples + 2
    assert checks.check_records(truth, records, _person, rounding_px=0.5) > 50
    assert "close to other people" not in manifest.drops
    assert train[0].drops["close to other people"] >= 2


def test_flags_become_confidences(twin, train):
    by_image = {entry["image_id"]: entry for entry in _annotations(twin)}
    counts = np.zeros(4, int)
    for parsed, _ in train[1]:
        entry = by_image[parsed["filename"].decode()[: -len(".jpg")]]
        labels = np.array(entry["keypoint_annotations"][parsed["subject"].decode()])
        flags = labels.reshape(14, 3)[:, 2]
        # Right shoulder, left wrist, left ankle, head top, neck in AIC and in J24.
        for aic, place in ((0, 8), (5, 11), (11, 5), (12, 13), (13, 12)):
            expected = {1: 1.0, 2: 0.5, 3: 0.0}[flags[aic]]
            assert parsed["keypoints_24_2d"][place, 2] == expected
            assert parsed["keypoints_2d"][place, 2] == (expected > 0)
            counts[flags[aic]] += 1
    assert (counts[1:] > 0).all()


def test_boxes_follow_into_the_crop(truth, train):
    for parsed, example in train[1]:
        row = truth.rows[parsed["filename"].decode(), _person(parsed)]
        seen = checks.to_source(parsed["box_xyxy"].reshape(2, 2), example).reshape(4)
        np.testing.assert_allclose(seen, truth.arrays["box_xyxy"][row], atol=0.02)


def test_awkward_people_are_counted(twin, train):
    drops = dict(train[0].drops)
    num_people = sum(len(entry["keypoint_annotations"]) for entry in _annotations(twin))
    assert sum(drops.values()) + train[0].num_examples == num_people
    assert drops.pop("no labelled keypoint") == 1
    assert drops.pop("close to other people") >= 2
    assert drops.pop("fewer than 5 labelled keypoints") >= 1  # Only the face is labelled.
    drops.pop("too little labelled to tell the size", None)
    assert not drops


def test_the_validation_split_is_apart(twin, train, tmp_path):
    manifest, records = checks.convert("aic", twin, tmp_path, "val")
    assert 0 < manifest.num_examples <= 4
    names = {parsed["filename"] for parsed, _ in records}
    assert not names & {parsed["filename"] for parsed, _ in train[1]}


def test_malformed_people_are_errors(twin, tmp_path):
    content = _annotations(twin)
    content[0]["keypoint_annotations"]["human1"][2] = 7
    content[8]["keypoint_annotations"]["human1"].pop()
    content[7]["human_annotations"] = {"human1": ["x"]}
    (tmp_path / "edited.json").write_text(json.dumps(content))
    options = {"annotations": str(tmp_path / "edited.json")}
    manifest, records = checks.convert(
        "aic", twin, tmp_path / "out", options=options, max_error_fraction=0.5
    )
    assert manifest.drops["malformed annotation"] == 2
    # A person without a box is still a person.
    assert manifest.num_examples == len(records) > 2
    assert any(not parsed["has_box"] for parsed, _ in records)


def test_intersection_over_union_by_hand(twin, tmp_path):
    """Two boxes of 10 x 10 that share 4 x 5 overlap by 20 / 180."""
    entry = _annotations(twin)[0]
    points = entry["keypoint_annotations"]["human1"]
    entry["keypoint_annotations"] = {"human1": points, "human2": points}
    entry["human_annotations"] = {"human1": [0, 0, 10, 10], "human2": [6, 5, 16, 15]}
    (tmp_path / "two.json").write_text(json.dumps([entry]))
    for limit, kept in (("0.112", 2), ("0.111", 0)):
        options = {"annotations": str(tmp_path / "two.json"), "max_overlap": limit}
        (photo,) = AICConverter(twin, "", (), options).items("train")
        assert sum(hasattr(person, "points_2d") for person in photo.people) == kept


def test_flat_trees_of_other_dates_are_found(twin, tmp_path):
    """pytorch_HMR has both side by side, with another date."""
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "keypoint_train_annotations_20170902.json").write_bytes(
        (twin / _TRAIN / _LABELS).read_bytes()
    )
    (folder / _IMAGES).symlink_to(twin / _TRAIN / _IMAGES)
    assert len(AICConverter(folder).items("train")) == 9
    (folder / "keypoint_train_annotations_20170909.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"there are keypoint_train_.*choose by --option"):
        AICConverter(folder).items("train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"image_id": "a"', "is no JSON or is cut short"),
        ('[{"image_id": "a"}]', "must hold a list of images with image_id and keypoint_ann"),
        ('{"images": [], "annotations": []}', "--dataset coco --option skeleton=aic14 reads"),
        ('[{"image_id": "a", "keypoint_annotations": [1]}]', "not laid out as AIC's"),
    ],
)
def test_wrong_files_are_told_in_one_line(twin, tmp_path, content, message):
    (tmp_path / "edited.json").write_text(content)
    options = {"annotations": str(tmp_path / "edited.json")}
    with pytest.raises(DatasetError, match=message) as caught:
        AICConverter(twin, "", (), options).items("train")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("aic: ")


def test_wrong_folders_and_splits_are_told(twin, tmp_path):
    with pytest.raises(DatasetError, match=r"holds no \*keypoint_train\*annotations\*.json"):
        AICConverter(tmp_path).items("train")
    with pytest.raises(DatasetError, match=r"holds no \*keypoint_validation\*.*--split"):
        AICConverter(twin / _TRAIN, "val").items("val")
    with pytest.raises(DatasetError, match="is not there; check --option images"):
        AICConverter(twin, "", (), {"images": "nowhere"}).items("train")
