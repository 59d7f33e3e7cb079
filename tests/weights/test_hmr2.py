"""The TF 2 port's checkpoint gives the port's outputs (`published_outputs`)."""

import shutil

import filler
import numpy as np
import published_files
import published_outputs
import published_shapes
import pytest

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture(scope="module")
def images():
    return 0.5 * (filler.image() + 1.0)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hmr2")
    values = published_shapes.tf1_tensors(published_shapes.hmr_shapes())
    tensors = {key: values[name] for key, name in published_shapes.hmr2_keys().items()}
    body = published_files.smpl_body(folder)
    tensors["generator/smpl/vertices_template"] = body.template
    tensors["generator/smpl/joint_regressor"] = np.zeros([40, 21], np.float32)
    tensors["generator_opt/beta_1"] = np.float32(0.9)
    published_files.write_object_graph(folder / "ckpt-56", tensors)
    yield published_files.Imported("hmr2", [folder / "ckpt-56.index"], folder, body)
    shutil.rmtree(folder)


def test_features(imported, images):
    imported.check_features(images, published_outputs.HMR2)


def test_estimate(imported, images):
    imported.check_estimate(images, published_outputs.HMR2)


def test_critics(imported):
    imported.check_critics(published_outputs.HMR2)


def test_every_tensor_is_reported(imported):
    keys = {f"{key}{_VALUE}" for key in published_shapes.hmr2_keys()}
    assert set(imported.report["used"]) == keys and imported.report["missing"] == []
    assert {k: v.split(",")[0] for k, v in imported.report["unused"].items()} == {
        "_CHECKPOINTABLE_OBJECT_GRAPH": "counters",
        f"generator_opt/beta_1{_VALUE}": "optimizer state",
        f"generator/smpl/joint_regressor{_VALUE}": "the body's arrays",
        f"generator/smpl/vertices_template{_VALUE}": "the body's arrays",
    }
    assert imported.lines[0] == "339 tensors used"
    assert not any(line.startswith("note") for line in imported.lines)


def test_other_networks_are_refused_by_their_first_mismatch(imported):
    hmr = published_shapes.hmr_shapes()
    shapes = {f"{k}{_VALUE}": hmr[name] for k, name in published_shapes.hmr2_keys().items()}
    layer = "generator/resnet50V2/layer_with_weights-"
    swapped = {**shapes, f"{layer}6/kernel{_VALUE}": (1, 1, 256, 64)}
    message = f"'{layer}6/kernel{_VALUE}' should have the shape [1, 1, 64, 256]; it has"
    assert message in imported.refusal(swapped)
    deeper = {**shapes, f"{layer}102/gamma{_VALUE}": (2048,)}
    assert f"'{layer}102/gamma{_VALUE}' [2048] has no place" in imported.refusal(deeper)
    assert f"'{layer}0/kernel{_VALUE}' [7, 7, 3, 64] is missing" in imported.refusal(hmr)
