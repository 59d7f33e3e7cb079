"""HybrIK's labels: converted twins of Human3.6M, malformed labels, damaged files."""

from __future__ import annotations

import json
import shutil

import numpy as np
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
from tfrecords_tools import hybrik_format
from tfrecords_tools.converter import Drop
from tfrecords_tools.converters.h36m import H36MConverter
from tfrecords_tools.errors import DatasetError

_TRAIN = "annotations/Sample_5_train_Human36M_smpl_leaf_twist_protocol_2.json"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hybrik") / "source"
    config = SynthesisConfig(num_images=6, num_test=2, image_size=112, seed=5)
    assert h36m_labels.write_hybrik(str(folder), config) == f"6 images in {folder}"
    return folder


@pytest.fixture
def copy(source, tmp_path):
    shutil.copytree(source, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(("split", "count"), [("train", 4), ("test", 2)])
def test_people_are_the_truth(source, tmp_path, split, count):
    assert H36MConverter(source).options["layout"] == "hybrik"
    options = {"smpl_model": FREE_BODY}
    manifest, found = convert("h36m", source, tmp_path, split, options)
    assert len(found) == manifest.num_with_3d == manifest.num_with_smpl == count
    shifted = {"sequence of S9 with shifted labels": 1} if split == "test" else {}
    assert manifest.drops == shifted
    truth = BodyTruth(source)
    for record, example in found:
        name = record["filename"].decode()
        row = truth.rows[f"images/{name[:-11]}/{name}", 0]
        check_3d(record, truth, row)
        check_2d(record, example, truth, row)
        check_body(record, truth, row)
        check_body_projects(record, example, truth, row)
        check_size(record)
        assert record["gender"] == 0 and record["has_box"] == 1
        assert name.startswith(f"s_{int(record['subject'][1:]):02d}_")


def test_without_the_model_the_translation_is_the_pelvis(source, tmp_path):
    _, found = convert("h36m", source, tmp_path)
    truth = BodyTruth(source)
    for record, _ in found:
        name = record["filename"].decode()
        row = truth.rows[f"images/{name[:-11]}/{name}", 0]
        check_3d(record, truth, row)
        check_body(record, truth, row, has_place=False)
        np.testing.assert_allclose(record["joints_24_3d"][14, :3], 0.0, atol=1e-6)


def test_the_file_may_be_chosen(copy):
    other = copy / "annotations" / "Sample_trainmin_train_Human36M_smpl_protocol_2.json"
    shutil.copy(copy / _TRAIN, other)
    with pytest.raises(DatasetError, match=r"there are .*trainmin.*; choose with --option labels"):
        H36MConverter(copy).items("train")
    chosen = H36MConverter(copy, options={"labels": other.name})
    assert len(chosen.items("train")) == 4
    with pytest.raises(DatasetError, match="check --option labels"):
        H36MConverter(copy, options={"labels": "none.json"}).items("train")


def test_malformed_labels_are_counted(copy):
    content = json.loads((copy / _TRAIN).read_text())
    rows = content["annotations"]
    del rows[0]["betas"]
    rows[1]["h36m_joints"] = rows[1]["h36m_joints"][:-1]
    rows[2]["bbox"] = [5, 5, 0, 10]
    content["images"][3]["file_name"] = "../../secret.jpg"
    (copy / _TRAIN).write_text(json.dumps(content))
    names = [image["file_name"] for image in content["images"]]
    found = list(hybrik_format.read_h36m(str(copy / _TRAIN), str(copy / "images"), None))
    assert found == [
        Drop("malformed label (no betas)", True, names[0]),
        Drop("malformed label (h36m_joints is not 17 x 3 numbers)", True, names[1]),
        Drop("box without area", False, names[2]),
        Drop("malformed label (file_name leads out of the folder)", True, names[3]),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [1, 2', "is no JSON file or is damaged"),
        (b"\xff\xfe\x00", "is no JSON file or is damaged"),
        (b"[" * 100_000, "is no JSON file or is damaged"),
        (b"[1, 2]", "must hold lists 'images' and 'annotations'; it holds a list"),
        (b'{"images": [], "categories": []}', "it holds images, categories"),
        (b'{"images": [{}], "annotations": []}', "must be equally long; they are 1 and 0"),
    ],
)
def test_damaged_files_are_one_line(copy, content, message):
    (copy / _TRAIN).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"^h36m: .*{message}") as caught:
        H36MConverter(copy).items("train")
    assert "\n" not in str(caught.value)


def test_people_behind_the_camera_have_no_keypoints():
    joints = np.ones((28, 3)) * [0.1, 0.2, -1000.0]
    joints[4] = [0.0, 0.0, 2000.0]
    record = {
        "file_name": "S3/Seq1/imageSequence/img_3_000017.jpg",
        "width": 100,
        "height": 100,
        "bbox": [1, 2, 30, 40],
        "keypoints_cam": joints.tolist(),
        "cam_param": {"intrinsic_param": [[9, 0, 5, 0], [0, 8, 4, 0], [0, 0, 1, 0]]},
    }
    person = hybrik_format._3dhp_person(record, {}, "images")
    assert np.flatnonzero(person.points_2d[:, 2]).tolist() == [4]
    np.testing.assert_allclose(person.points_2d[4], [5, 4, 1])
    assert (person.subject, person.sequence, person.frame) == (
        *("S3", "S3/Seq1/imageSequence"),
        17,
    )
