"""What the importer refuses before it writes anything, and what it writes of an encoder."""

import json

import published_shapes
import pytest
import torch_files
from published_files import smpl_body

from hmr_tf.body import model_file
from hmr_tf.errors import BodyError, CheckpointError, ConfigError
from hmr_tf.weights import importer, initial_weights


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    shapes = published_shapes.torch_resnet_shapes((2, 2, 2, 2), 1)
    tensors = published_shapes.torch_tensors(shapes)
    torch_files.write_torch(path, tensors, is_zip=True)
    return path


def test_encoders(resnet18, tmp_path):
    out = tmp_path / "out"
    lines = importer.import_weights("torchvision_resnet", [str(resnet18)], out)
    report = json.loads((out / importer.REPORT_FILE).read_text())
    assert report["format"] == "torchvision_resnet" and report["source"] == [str(resnet18)]
    assert lines[0] == f"{len(report['used'])} tensors used" == "100 tensors used"
    assert set(report["unused"].values()) == {"counters"} and report["missing"] == []
    assert initial_weights.has_encoder(out)
    with pytest.raises(CheckpointError, match="already holds weights; give another folder"):
        importer.import_weights("torchvision_resnet", [str(resnet18)], out)


def test_bodies_are_checked_before_any_file_is_read(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BodyError, match="SPIN needs a body of kind 'smpl'; none is given"):
        importer.import_weights("spin", ["missing"], out)
    with pytest.raises(BodyError, match="SPIN is made for the vertices of a 'smpl' body"):
        importer.import_weights("spin", ["missing"], out, model_file.load_body("free_body"))
    assert not out.exists()


def test_refusals_leave_nothing_behind(resnet18, tmp_path):
    out, body = tmp_path / "out", smpl_body(tmp_path)
    with pytest.raises(ConfigError, match="Unknown weight format 'caffe'; expected one of"):
        importer.import_weights("caffe", ["missing"], out)
    with pytest.raises(CheckpointError, match="There is no file 'missing'"):
        importer.import_weights("spin", ["missing"], out, body)
    with pytest.raises(CheckpointError, match="is not a checkpoint of SPIN") as error:
        importer.import_weights("spin", [str(resnet18)], out, body)
    assert "\n" not in str(error.value)
    assert not out.exists()
