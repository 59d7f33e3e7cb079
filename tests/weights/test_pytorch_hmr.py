"""pytorch_HMR's checkpoints give its outputs (`published_outputs`): blue first, turned about."""

import shutil

import filler
import numpy as np
import published_files
import published_outputs
import published_shapes
import pytest
import torch_files
from toy_body import filler_inputs

from hmr_tf.geometry import rotations

_ENCODER = published_shapes.torch_resnet_shapes()
_REGRESSOR = published_shapes.pytorch_hmr_regressor_shapes()
_CRITICS = published_shapes.torch_critics_shapes()
_MEAN = "regressor.mean_theta"


@pytest.fixture(scope="module")
def images():
    return 0.5 * (filler.image() + 1.0)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pytorch_hmr")
    tensors = published_shapes.torch_tensors(_ENCODER)
    generator = {f"module.encoder.{name}": value for name, value in tensors.items()}
    for name, value in published_shapes.torch_tensors(_REGRESSOR).items():
        generator[f"module.{name}"] = value
    generator[f"module.{_MEAN}"] = np.tile(filler.tf1_weight("mean_param/biases", (1, 85)), (4, 1))
    tensors = published_shapes.torch_tensors(_CRITICS)
    critics = {f"module.{name}": value for name, value in tensors.items()}
    sources = [folder / "1_generator.pkl", folder / "1_discriminator.pkl"]
    for path, tree in zip(sources, (generator, critics)):
        torch_files.write_torch(path, tree, is_zip=False)
    body = published_files.smpl_body(folder)
    yield published_files.Imported("pytorch_hmr", sources, folder, body)
    shutil.rmtree(folder)


def test_features(imported, images):
    imported.check_features(images, published_outputs.PYTORCH_HMR)


def test_estimate(imported, images):
    # The reference gives rotations before it turns the body; ours are those that pose it.
    golden = dict(published_outputs.PYTORCH_HMR)
    golden["rotation_0"] = (np.reshape(golden["rotation_0"], (3, 3)) * [1, -1, -1]).ravel()
    imported.check_estimate(images, golden)
    pose = imported.model.stages(images)[-1]["pose"]
    before = rotations.axis_angle_to_matrix(pose.numpy().reshape(24, 3))[0]
    expected = published_outputs.PYTORCH_HMR["rotation_0"]
    np.testing.assert_allclose(np.ravel(before), expected, atol=1e-4)


def test_critics(imported):
    pose, betas, _ = filler_inputs()
    matrices = rotations.axis_angle_to_matrix(pose.reshape(2, 24, 3))[:, 1:]
    found = imported.model.discriminator({"rotations": matrices, "betas": betas}).numpy()
    for place, expected in published_outputs.PYTORCH_HMR["critics"].items():
        assert found[place] == pytest.approx(expected, abs=1e-4), place


def test_every_tensor_is_reported(imported):
    names = {f"encoder.{x}" for x in _ENCODER if not x.endswith("num_batches_tracked")}
    names |= {*_REGRESSOR, *_CRITICS, _MEAN}
    assert set(imported.report["used"]) == names and imported.report["missing"] == []


def test_other_encoders_are_refused(imported):
    shapes = {"encoder.layer.0.conv.weight": (1,), **_REGRESSOR, _MEAN: (4, 85)}
    message = imported.refusal(shapes)
    assert "'encoder.conv1.weight' [64, 3, 7, 7] is missing" in message
    whole = {f"encoder.{k}": v for k, v in _ENCODER.items()}
    message = imported.refusal({**whole, **_REGRESSOR, _MEAN: (4, 82)})
    assert f"'{_MEAN}' should have the shape [4, 85]; it has [4, 82]" in message
