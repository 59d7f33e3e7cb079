"""SGRE's MPII: joints by name, NeuralAnnot's bodies, wrong sources."""

from __future__ import annotations

import json

import photo_twin_checks as checks
import pytest
from people_checks import BodyTruth, check_body, check_body_projects, check_photo

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import sgre
from tfrecords_tools.converters.sgre_mpii import SGREMPIIConverter
from tfrecords_tools.errors import DatasetError

_NAME = "sgre_mpii"
# Places in J24 of MPII's 16 joints, typed in by hand.
_PLACES = [0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11]


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    sgre.write_mpii(str(folder), SynthesisConfig(num_images=3, num_test=0, image_size=80))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp(_NAME) / "source"
    config = SynthesisConfig(num_images=5, num_test=1, image_size=128, seed=4)
    assert sgre.write_mpii(str(folder), config) == f"4 images in {folder}"
    return folder


def test_people_are_the_truth(source, tmp_path):
    manifest, found = checks.convert(_NAME, source, tmp_path)
    truth = BodyTruth(source)
    labels = json.loads((source / "annotations" / "train.json").read_text())
    assert len(labels["annotations"]) == 7 == len(found) + sum(manifest.drops.values())
    assert set(manifest.drops) <= {"too little labelled to tell the size"}
    bodies = total = 0
    for record, example in found:
        path = f"images/{record['filename'].decode()}"
        row, told = check_photo(record, example, truth, path, _PLACES)
        total += told
        assert max(record["height"], record["width"]) <= 600 and record["has_3d"] == 0
        if record["has_smpl"]:
            bodies += 1
            check_body(record, truth, row)
            check_body_projects(record, example, truth, row)
    assert total > 15
    assert bodies == manifest.num_with_smpl >= len(found) - 2


def test_wrong_sources_are_one_line(source, tmp_path):
    with pytest.raises(DatasetError, match=r"^sgre_mpii: .*train\.json is not there"):
        SGREMPIIConverter(source / "images").fingerprint("train")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "MPII_train_SMPL_NeuralAnnot.json").write_text("{}")
    path = tmp_path / "annotations" / "train.json"
    path.write_bytes((source / "annotations" / "train.json").read_bytes()[:500])
    with pytest.raises(DatasetError, match="is no JSON file or is damaged"):
        SGREMPIIConverter(tmp_path).items("train")
    coco = {
        "images": [{"id": 1, "file_name": "images/a.jpg", "width": 9, "height": 9}],
        "annotations": [{"id": 2, "image_id": 1, "bbox": [0, 0, 5, 5], "keypoints": [1] * 51}],
    }
    path.write_text(json.dumps(coco))
    with pytest.raises(DatasetError, match=r"1 malformed label \(keypoints is not 16 x 3 numbers"):
        checks.convert(_NAME, tmp_path, tmp_path / "out")
