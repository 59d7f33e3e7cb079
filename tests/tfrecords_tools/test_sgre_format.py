"""SGRE's labels: converted twins of Human3.6M, malformed labels, damaged files."""

from __future__ import annotations

import json
import shutil

import pytest
from people_checks import (
    BodyTruth,
    check_2d,
    check_3d,
    check_body,
    check_body_projects,
    check_size,
)
from photo_twin_checks import convert

from hmr_tf.body.free_body.loader import PATH as FREE_BODY
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import h36m_labels
from tfrecords_tools.converter import Drop
from tfrecords_tools.converters.h36m import H36MConverter
from tfrecords_tools.errors import DatasetError


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sgre") / "source"
    config = SynthesisConfig(num_images=7, num_test=3, image_size=112, seed=6)
    assert h36m_labels.write_sgre(str(folder), config) == f"7 images in {folder}"
    return folder


@pytest.fixture
def copy(source, tmp_path):
    shutil.copytree(source, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(("split", "count"), [("train", 4), ("test", 3)])
def test_people_are_the_truth(source, tmp_path, split, count):
    assert H36MConverter(source).options["layout"] == "sgre"
    options = {"smpl_model": FREE_BODY}
    manifest, found = convert("h36m", source, tmp_path, split, options)
    assert len(found) == manifest.num_with_3d == count
    # One training frame has no body.
    assert manifest.num_with_smpl == 3 and manifest.drops == {}
    truth = BodyTruth(source)
    for record, example in found:
        name = record["filename"].decode()
        row = truth.rows[f"images/{name[:-11]}/{name}", 0]
        check_3d(record, truth, row)
        check_2d(record, example, truth, row)
        check_size(record)
        if record["has_smpl"]:
            check_body(record, truth, row)
            check_body_projects(record, example, truth, row)
        assert record["frame"] % (64 if split == "test" else 5) == 0
        assert record["sequence"].startswith(record["subject"])
        assert split == "train" or record["sequence"].endswith(b".60457274")


def test_frames_are_picked_by_the_step(copy):
    assert len(H36MConverter(copy, options={"frame_step": "10"}).items("train")) == 2
    assert len(H36MConverter(copy, "test", options={"frame_step": "128"}).items("test")) == 2


def test_test_frames_without_a_body_are_left_out(copy):
    (copy / "annotations" / "Human36M_subject9_smpl_param.json").write_text("{}")
    drops = [i for i in H36MConverter(copy, "test").items("test") if isinstance(i, Drop)]
    assert [(drop.reason, drop.is_error) for drop in drops] == [
        ("test frame without a body", False)
    ] * 2


def test_malformed_labels_are_counted(copy):
    path = copy / "annotations" / "Human36M_subject1_data.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["image_id"] = 999
    content["annotations"][1]["bbox"] = [0, 0, -3, 8]
    path.write_text(json.dumps(content))
    drops = [i for i in H36MConverter(copy).items("train") if isinstance(i, Drop)]
    assert [(drop.reason, drop.is_error) for drop in drops] == [
        ("malformed label (no image of that id)", True),
        ("box without area", False),
    ]
    cameras = copy / "annotations" / "Human36M_subject5_camera.json"
    cameras.write_text(json.dumps({"2": {"R": [[1, 2]], "t": [0, 0, 1]}}))
    items = H36MConverter(copy).items("train")
    reasons = {i.reason for i in items if isinstance(i, Drop)}
    assert "malformed label (R is not 3 x 3 numbers)" in reasons
    joints = copy / "annotations" / "Human36M_subject5_joint_3d.json"
    joints.write_text("{}")
    reasons = {i.reason for i in H36MConverter(copy).items("train") if isinstance(i, Drop)}
    assert "malformed label (no 7.2.0)" in reasons


def test_damaged_and_missing_files_are_one_line(copy):
    path = copy / "annotations" / "Human36M_subject6_joint_3d.json"
    for content, message in (
        ("{", "joint_3d.json is no JSON file or is damaged"),
        ("[]", "joint_3d.json must hold a JSON object, not a list"),
    ):
        path.write_text(content)
        with pytest.raises(DatasetError, match=rf"^h36m: .*{message}") as caught:
            H36MConverter(copy).items("train")
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(DatasetError, match="is not there; the train split needs the subjects S1"):
        H36MConverter(copy).fingerprint("train")
