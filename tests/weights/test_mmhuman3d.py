"""mmhuman3d's checkpoints give its outputs (`published_outputs`), with critics and without."""

import shutil

import filler
import numpy as np
import published_files
import published_outputs
import published_shapes
import pytest
import torch_files

_GENERATOR = {
    **{f"backbone.{k}": v for k, v in published_shapes.torch_resnet_shapes().items()},
    **{f"head.{k}": v for k, v in published_shapes.spin_regressor_shapes().items()},
}
_CRITICS = {f"disc.{k}": v for k, v in published_shapes.torch_critics_shapes().items()}


@pytest.fixture(scope="module")
def images():
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return filler.image() * deviation + mean  # The network takes this back.


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mmhuman3d")
    shapes = {k.partition(".")[2]: v for k, v in {**_GENERATOR, **_CRITICS}.items()}
    values = published_shapes.torch_tensors(shapes)
    tensors = {name: values[name.partition(".")[2]] for name in {**_GENERATOR, **_CRITICS}}
    body = published_files.smpl_body(folder)
    tensors["body_model_train.v_template"] = np.zeros([6890, 3], np.float32)
    tree = {"meta": {"epoch": 100, "time": "now"}, "state_dict": tensors}
    torch_files.write_torch(folder / "hmr.pth", tree, is_zip=True)
    yield published_files.Imported("mmhuman3d", [folder / "hmr.pth"], folder, body)
    shutil.rmtree(folder)


def test_features(imported, images):
    imported.check_features(images, published_outputs.MMHUMAN3D)


def test_estimate(imported, images):
    imported.check_estimate(images, published_outputs.MMHUMAN3D)


def test_critics(imported):
    imported.check_critics(published_outputs.MMHUMAN3D)


def test_every_tensor_is_reported(imported):
    used = {x for x in {**_GENERATOR, **_CRITICS} if not x.endswith("num_batches_tracked")}
    assert set(imported.report["used"]) == used and imported.report["missing"] == []
    assert "dropped" in imported.report["unused"]["body_model_train.v_template"]
    assert "6890 vertices, not 40" in imported.lines[-1]


def test_spin_s_configuration_has_no_critics(imported):
    """Its checkpoint is one without them: nothing else differs, and they are listed."""
    with pytest.raises(AssertionError, match="was read"):  # Refused by nothing.
        imported.refusal(_GENERATOR)


def test_other_networks_are_refused_by_their_first_mismatch(imported):
    message = imported.refusal({**_GENERATOR, "neck.conv.weight": (1,)})
    assert "'neck.conv.weight' [1] has no place" in message
    name = "disc.full_pose_discriminator.fc_blocks.regressor_fc_0.weight"
    message = imported.refusal({**_GENERATOR, **_CRITICS, name: (1024, 735)})
    assert f"'{name}' should have the shape [1024, 736]; it has [1024, 735]" in message
