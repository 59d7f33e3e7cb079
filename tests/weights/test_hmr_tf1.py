"""The original release's checkpoint gives the original's outputs (`published_outputs`)."""

import shutil

import filler
import numpy as np
import published_files
import published_outputs
import published_shapes
import pytest

from hmr_tf.errors import BodyError
from hmr_tf.weights import importer


@pytest.fixture(scope="module")
def images():
    return 0.5 * (filler.image() + 1.0)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hmr_tf1")
    tensors = published_shapes.tf1_tensors(published_shapes.hmr_shapes())
    tensors["mean_param/Adam"] = tensors["mean_param"]
    tensors["beta1_power"] = np.float32(0.9)
    tensors["global_step"] = np.int64(667589)
    tensors["cocoplus_regressor"] = np.zeros([40, 19], np.float32)
    body = published_files.smpl_body(folder)
    tensors["v_template"] = body.template + np.float32(0.002)
    published_files.write_tf1(folder / "model.ckpt-667589", tensors)
    sources = [folder / "model.ckpt-667589"]
    yield published_files.Imported("hmr_tf1", sources, folder, body)
    shutil.rmtree(folder)


def test_features(imported, images):
    imported.check_features(images, published_outputs.HMR_TF1)


def test_estimate(imported, images):
    imported.check_estimate(images, published_outputs.HMR_TF1)


def test_critics(imported):
    imported.check_critics(published_outputs.HMR_TF1)


def test_every_tensor_is_reported(imported):
    report = imported.report
    assert set(report["used"]) == set(published_shapes.hmr_shapes())
    assert report["missing"] == []
    assert {k: v.split(",")[0] for k, v in report["unused"].items()} == {
        "beta1_power": "optimizer state",
        "cocoplus_regressor": "the body's arrays",
        "global_step": "counters",
        "mean_param/Adam": "optimizer state",
        "v_template": "the body's arrays",
    }
    assert imported.lines[0] == "339 tensors used"
    assert any("dropped" in line and "v_template" in line for line in imported.lines)
    assert "it has vertices up to 2.0 mm elsewhere" in imported.lines[-1]


def test_other_networks_are_refused_by_their_first_mismatch(imported):
    shapes = published_shapes.hmr_shapes()
    kernel = "resnet_v2_50/block2/unit_1/bottleneck_v2/conv1/weights"
    narrow = {**shapes, kernel: (1, 1, 256, 64), "3D_module/fc1/weights": (2, 2)}
    message = f"FILE is not THIS: '{kernel}' should have the shape [1, 1, 256, 128]; it has"
    assert imported.refusal(narrow).startswith(message)
    deeper = {**shapes, "resnet_v2_50/block3/unit_7/bottleneck_v2/conv1/weights": (1, 1, 1024, 256)}
    assert "unit_7/bottleneck_v2/conv1/weights' [1, 1, 1024, 256] has no" in imported.refusal(
        deeper
    )
    encoder = published_shapes.slim_resnet_shapes()
    assert "'3D_module/fc1/weights' [2133, 1024] is missing" in imported.refusal(encoder)


def test_a_stripped_checkpoint_lists_its_missing_critics(imported, tmp_path):
    stripped = {k: v for k, v in published_shapes.hmr_shapes().items() if not k.startswith("D/")}
    published_files.write_tf1(tmp_path / "x", published_shapes.tf1_tensors(stripped))
    body = published_files.smpl_body(tmp_path)
    lines = importer.import_weights("hmr_tf1", [str(tmp_path / "x")], tmp_path / "out", body)
    assert lines[0] == f"{len(stripped)} tensors used"
    (line,) = [x for x in lines if x.startswith("missing")]
    assert "D/D_alljoints_fc1/biases" in line and line.endswith(" more")
    with pytest.raises(BodyError, match=r"original HMR is made for.*'smpl' body.*'free_body'"):
        body = published_files.model_file.load_body("free_body")
        importer.import_weights("hmr_tf1", [str(tmp_path / "x")], tmp_path / "other", body)
