"""SPIN's checkpoint gives SPIN's outputs (`published_outputs`), in either of torch's formats."""

import shutil

import filler
import numpy as np
import published_files
import published_outputs
import published_shapes
import pytest
import torch_files

from hmr_tf.errors import BodyError
from hmr_tf.weights import FORMATS, importer

_SHAPES = {
    **published_shapes.torch_resnet_shapes(),
    **published_shapes.spin_regressor_shapes(),
}


@pytest.fixture(scope="module")
def images():
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return filler.image() * deviation + mean  # The network takes this back.


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spin")
    tensors = published_shapes.torch_tensors(_SHAPES)
    tree = {
        "model": tensors,
        "optimizer": {"state": {"0": {"step": 3, "exp_avg": tensors["bn1.bias"]}}},
        "epoch": 50,
        "dataset_perm": [3, 1, 2],
    }
    torch_files.write_torch(folder / "model_checkpoint.pt", tree, is_zip=False)
    body = published_files.smpl_body(folder)
    yield published_files.Imported("spin", [folder / "model_checkpoint.pt"], folder, body)
    shutil.rmtree(folder)


def test_features(imported, images):
    imported.check_features(images, published_outputs.SPIN)


def test_estimate(imported, images):
    imported.check_estimate(images, published_outputs.SPIN)


def test_every_tensor_is_reported(imported):
    used = {name for name in _SHAPES if not name.endswith("num_batches_tracked")}
    assert set(imported.report["used"]) == used and imported.report["missing"] == []
    unused = imported.report["unused"]
    assert unused.pop("optimizer.state.0.exp_avg") == "optimizer state"
    assert set(unused) == set(_SHAPES) - used and set(unused.values()) == {"counters"}


def test_other_networks_are_refused_by_their_first_mismatch(imported):
    deeper = published_shapes.torch_resnet_shapes((3, 4, 23, 3))
    regressor = published_shapes.spin_regressor_shapes()
    message = imported.refusal({**deeper, **regressor})
    assert "'layer3.6.conv1.weight' [256, 1024, 1, 1] has no place" in message
    basic = published_shapes.torch_resnet_shapes(expansion=1)
    message = imported.refusal({**basic, **regressor})
    assert "'layer1.0.downsample.0.weight' [256, 64, 1, 1] is missing" in message or (
        "'layer1.0.conv1.weight' should have the shape [64, 64, 1, 1]" in message
    )
    message = imported.refusal({**_SHAPES, "fc1.weight": (1024, 2133)})
    assert "'fc1.weight' should have the shape [1024, 2205]; it has [1024, 2133]" in message


def test_keypoints_are_those_that_the_body_has(imported, tmp_path):
    body = published_files.smpl_body(tmp_path)
    published = FORMATS.get("spin")
    assert imported.model.config.keypoints == importer.check_body(published, body) == "cocoplus"
    without = published_files.without_regressors(body)
    with_h36m = without.with_regressor("h36m", np.full([17, 40], 1 / 40), "smpl")
    assert importer.check_body(published, with_h36m) == "h36m"
    with pytest.raises(BodyError, match=r"needs a keypoint regressor cocoplus or .*it has: none"):
        importer.check_body(published, without)
