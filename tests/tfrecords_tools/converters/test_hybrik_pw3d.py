"""HybrIK's 3DPW: both splits of the twin, bodies with and without a place, wrong sources."""

from __future__ import annotations

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
from hmr_tf.synthetic.layouts import hybrik
from tfrecords_tools.converters.hybrik_pw3d import HybrIKPW3DConverter
from tfrecords_tools.errors import DatasetError

_NAME = "hybrik_pw3d"


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    hybrik.write_pw3d(str(folder), SynthesisConfig(num_images=3, num_test=1, image_size=64))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp(_NAME) / "source"
    config = SynthesisConfig(num_images=5, num_test=2, image_size=96, seed=2)
    assert hybrik.write_pw3d(str(folder), config) == f"5 images in {folder}"
    return folder


@pytest.mark.parametrize("model", ["", FREE_BODY])
@pytest.mark.parametrize(("split", "count"), [("train", 5), ("test", 3)])
def test_people_are_the_truth(source, tmp_path, split, count, model):
    manifest, found = convert(_NAME, source, tmp_path, split, {"smpl_model": model})
    assert len(found) == manifest.num_with_3d == manifest.num_with_smpl == count
    assert manifest.drops == {"box under 5 px": 1}
    truth = BodyTruth(source)
    seen = set()
    for record, example in found:
        path = f"imageFiles/{record['sequence'].decode()}/{record['filename'].decode()}"
        # The first person of an image comes first.
        row = truth.rows[path, int(path in seen)]
        seen.add(path)
        check_3d(record, truth, row)
        check_2d(record, example, truth, row)
        check_body(record, truth, row, has_place=bool(model))
        if model:
            check_body_projects(record, example, truth, row)
        check_size(record)
        assert record["gender"] == -1 and record["frame"] == int(path[-9:-4])


def test_wrong_sources_are_one_line(source, tmp_path):
    with pytest.raises(DatasetError, match=r"must hold one file 3DPW_train_\*\.json; there is non"):
        HybrIKPW3DConverter(source / "imageFiles").fingerprint("train")
    for content, message in (
        (b"not a model", "not a readable pickle"),
        (b"", "not a readable pickle"),
    ):
        (tmp_path / "model.pkl").write_bytes(content)
        options = {"smpl_model": str(tmp_path / "model.pkl")}
        with pytest.raises(DatasetError, match=message) as caught:
            HybrIKPW3DConverter(source, options=options).items("train")
        assert "\n" not in str(caught.value)
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "3DPW_test_new.json").write_text('{"images": {}}')
    with pytest.raises(DatasetError, match="must hold lists 'images' and 'annotations'"):
        HybrIKPW3DConverter(tmp_path, "test").items("test")
