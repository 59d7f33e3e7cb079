"""SGRE's 3DPW: OpenPose's joints, bodies of the camera frame, splits, wrong sources."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from people_checks import BodyTruth, check_body, check_body_projects
from photo_twin_checks import convert, to_source

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import sgre
from tfrecords_tools.converters.sgre_pw3d import SGREPW3DConverter
from tfrecords_tools.errors import DatasetError

_NAME = "sgre_pw3d"
# Places in J24 of OpenPose's 18 joints, typed in by hand.
_PLACES = [19, 12, 8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 21, 20, 23, 22]


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    sgre.write_pw3d(str(folder), SynthesisConfig(num_images=3, num_test=3, image_size=80, seed=2))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp(_NAME) / "source"
    config = SynthesisConfig(num_images=7, num_test=4, image_size=112, seed=2)
    assert sgre.write_pw3d(str(folder), config) == f"7 images in {folder}"
    return folder


@pytest.mark.parametrize(("split", "count"), [("train", 5), ("validation", 3), ("test", 3)])
def test_people_are_the_truth(source, tmp_path, split, count):
    manifest, found = convert(_NAME, source, tmp_path, split)
    assert manifest.drops.pop("person without 2D joints") == 1
    assert set(manifest.drops) <= {"too little labelled to tell the size"}
    assert len(found) == manifest.num_with_smpl == count - sum(manifest.drops.values()) > 0
    truth = BodyTruth(source)
    for record, example in found:
        path = f"imageFiles/{record['sequence'].decode()}/{record['filename'].decode()}"
        rows = [truth.rows[path, number] for number in (0, 1)]
        gaps = [_turn(record, truth, row) for row in rows]
        row = rows[int(np.argmin(gaps))]
        check_body(record, truth, row)
        check_body_projects(record, example, truth, row)
        gender = {"male": 1, "female": 2}[str(truth.arrays["gender"][row])]
        assert record["gender"] == gender and record["has_3d"] == 0
        # Joints of a low score are somewhere else, and not taken.
        points = record["keypoints_24_2d"]
        visible = np.flatnonzero(points[:, 2] > 0)
        assert set(visible) <= set(_PLACES) and (points[visible, 2] >= 0.3).all()
        expected = truth.arrays["joints_24_3d"][row] + truth.arrays["translation"][row]
        expected = truth.project(row, expected.astype(np.float64))
        seen = to_source(points[:, :2], example)
        np.testing.assert_allclose(seen[visible], expected[visible], atol=0.02)
        np.testing.assert_array_equal(record["keypoints_2d"][:13, 2], points[:13, 2] > 0)
        assert record["frame"] == int(path[-9:-4])


def _turn(record, truth, row):
    return np.abs(record["betas"] - truth.arrays["betas"][row]).max()


def test_the_first_split_is_the_test(source):
    assert SGREPW3DConverter(source).split == "test"


def test_wrong_sources_are_one_line(source, tmp_path):
    with pytest.raises(DatasetError, match=r"^sgre_pw3d: .*3DPW_latest_test\.json is not there"):
        SGREPW3DConverter(source / "imageFiles").fingerprint("test")
    path = tmp_path / "3DPW_latest_test.json"
    shutil.copy(source / path.name, path)
    content = json.loads(path.read_text())
    content["annotations"][0]["openpose_result"] = [1.0, 2.0]
    content["annotations"][1]["smpl_param"]["pose"][3] = float("nan")
    content["images"][1]["sequence"] = ".."
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="samples are damaged") as caught:
        convert(_NAME, tmp_path, tmp_path / "out", "test")
    for reason in (
        "1 label that is not finite",
        "1 malformed label (openpose_result is not 18 x 3 numbers)",
        "malformed label (file_name leads out of the folder)",
    ):
        assert reason in str(caught.value)
