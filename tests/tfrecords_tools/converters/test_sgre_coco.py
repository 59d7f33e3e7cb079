"""SGRE's COCO: joints, NeuralAnnot's bodies, crowds, wrong sources."""

from __future__ import annotations

import shutil

import photo_twin_checks as checks
import pytest
from people_checks import BodyTruth, check_body, check_body_projects, check_photo

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import sgre
from tfrecords_tools.converters.sgre_coco import SGRECOCOConverter
from tfrecords_tools.errors import DatasetError

_NAME = "sgre_coco"
# Places in J24 of COCO's 17 joints, typed in by hand.
_PLACES = [19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0]


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    sgre.write_coco(str(folder), SynthesisConfig(num_images=3, num_test=0, image_size=80))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp(_NAME) / "source"
    config = SynthesisConfig(num_images=8, num_test=1, image_size=128, seed=4)
    assert sgre.write_coco(str(folder), config) == f"7 images in {folder}"
    return folder


def test_people_are_the_truth(source, tmp_path):
    manifest, found = checks.convert(_NAME, source, tmp_path)
    assert manifest.drops.pop("crowd") == 1
    assert set(manifest.drops) <= {"too little labelled to tell the size"}
    # 1 + 2 + 3 + 1 + 2 + 3 + 1 people, one of them a crowd; every fifth has no body.
    assert len(found) == 12 - sum(manifest.drops.values()) >= 11
    assert manifest.num_with_smpl in (len(found) - 3, len(found) - 2)
    truth, total = BodyTruth(source), 0
    for record, example in found:
        path = f"images/train2017/{record['filename'].decode()}"
        row, told = check_photo(record, example, truth, path, _PLACES)
        total += told
        assert max(record["height"], record["width"]) <= 400 and record["has_3d"] == 0
        if record["has_smpl"]:
            check_body(record, truth, row)
            check_body_projects(record, example, truth, row)
            assert record["gender"] == 0
    assert total > 30


def test_wrong_sources_are_one_line(source, tmp_path):
    with pytest.raises(DatasetError, match=r"^sgre_coco: .*train2017\.json is not there"):
        SGRECOCOConverter(source / "images").fingerprint("train")
    shutil.copytree(source, tmp_path / "copy")
    bodies = tmp_path / "copy" / "annotations" / "MSCOCO_train_SMPL_NeuralAnnot.json"
    for content, message in (
        ("[]", "must hold a JSON object, not a list"),
        ('{"100": ', "is no JSON file or is damaged"),
    ):
        bodies.write_text(content)
        with pytest.raises(DatasetError, match=message) as caught:
            SGRECOCOConverter(tmp_path / "copy").items("train")
        assert "\n" not in str(caught.value)
    bodies.write_text('{"101": {"smpl_param": {"pose": [1, 2]}, "cam_param": {}}}')
    manifest, _ = checks.convert(_NAME, tmp_path / "copy", tmp_path / "out", max_error_fraction=0.2)
    assert manifest.drops["malformed label (pose is not 72 numbers)"] == 1
    with pytest.raises(DatasetError, match="sgre_coco has no split 'val'; expected train"):
        SGRECOCOConverter(source, "val")
