"""SGRE's checkpoints give its release's outputs.

`goldens/sgre.npz` was made once by running github.com/kennethwdk/SGRE at 72b22ff with PyTorch 2.13
and torchgeometry 0.1.2 (its masks negated as today's PyTorch demands) in inference: its network
filled with `sgre_files.tensors`, on the body of `hybrik_files.body_arrays` and
`sgre_files.extra_regressor`, shown `sgre_files.image` and `sgre_files.pose_2d`; joints are from the
pelvis, vertices every 53rd, not translated.
"""

import pathlib
import shutil

import hybrik_files
import numpy as np
import published_files
import pytest
import sgre_files
import tensorflow as tf
import torch_files

from hmr_tf import outputs
from hmr_tf.body import model_file
from hmr_tf.errors import CheckpointError, ConfigError
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.models.sgre import FOCAL
from hmr_tf.weights import FORMATS

_GOLDENS = pathlib.Path(__file__).parents[1] / "goldens" / "sgre.npz"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sgre")
    np.savez(folder / "SMPL.npz", **hybrik_files.body_arrays())
    body = model_file.load_body(folder / "SMPL.npz")
    body = body.with_regressor("extra", sgre_files.extra_regressor(), "smpl")
    tensors = {**sgre_files.tensors(), **sgre_files.body_buffers()}
    tree = {
        "epoch": 10,
        "network": {f"module.{name}": tensor for name, tensor in tensors.items()},
        "optimizer": {"state": {0: {"exp_avg": np.zeros(3, np.float32)}}},
    }
    path = folder / "snapshot_10.pth.tar"
    torch_files.write_torch(path, tree, is_zip=True)
    yield published_files.Imported("sgre", [path], folder, body)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def estimate(imported):
    images, pose = tf.constant(sgre_files.image()), tf.constant(sgre_files.pose_2d())
    return imported.model(images, pose_2d=pose, with_vertices=True)


def test_estimate(estimate):
    goldens = np.load(_GOLDENS)
    camera = camera_lib.camera_to_translation(estimate[outputs.CAMERA], FOCAL, 1.0)
    joints = estimate[outputs.BODY_JOINTS_3D]
    found = {
        **estimate,
        "translation": camera,
        "joint_cam": joints - joints[:, :1],
        "vertices": estimate[outputs.VERTICES][:, ::53],
    }
    tolerances = {
        outputs.JOINTS_UVD: 1e-5,
        outputs.JOINT_SCORES: 1e-5,
        outputs.GLOBAL_ROTATIONS: 1e-4,
        outputs.ROTATIONS: 1e-4,
        outputs.BETAS: 1e-4,
        "translation": 1e-4,
        outputs.BODY_JOINTS_2D: 1e-4,
        "joint_cam": 1e-4,
        outputs.VERTICES: 1e-4,
    }
    assert set(tolerances) == set(goldens)
    for key, tolerance in tolerances.items():
        np.testing.assert_allclose(found[key][0], goldens[key], rtol=0, atol=tolerance, err_msg=key)


def test_every_tensor_is_reported(imported):
    names = set(sgre_files.shapes())
    # As many as the release's files hold.
    assert len(names) + len(sgre_files.body_buffers()) == 1423
    used = {name for name in names if not name.endswith("num_batches_tracked")}
    assert set(imported.report["used"]) == used and imported.report["missing"] == []
    unused = imported.report["unused"]
    assert "dropped" in unused["human_model_layer.th_weights"]
    assert unused["optimizer.state.0.exp_avg"] == "optimizer state"
    # The body of the file is the one given.
    assert not [line for line in imported.lines if line.startswith("note")]


def test_number_of_parameters(imported):
    model = imported.model
    counts = {
        "backbone": (model.encoder.trainable_variables, 23_508_032),
        "pose2feat": (model.guided.fusion.trainable_variables, 54_336),
        "position_net": (model.position_net.trainable_variables, 491_760),
        "graph": (model.graph.trainable_variables, 5_957_760),
        "shape": (model.heads["betas"].trainable_variables, 19_210),
        "camera": (model.heads["camera"].trainable_variables, 5_763),
        "root and branches": (model.chain.trainable_variables, 11_526 + 12_099_978),
        "all": (model.generator_variables, 42_148_365),
    }
    for part, (variables, expected) in counts.items():
        assert sum(int(np.prod(x.shape)) for x in variables) == expected, part


def test_files_of_something_else_are_refused(imported):
    shapes = sgre_files.shapes()
    shapes["rotation_net.pose_branch.7.0.weight"] = (128, 3968)
    message = imported.refusal(shapes)
    assert "'rotation_net.pose_branch.7.0.weight' should have the shape [128, 3974]" in message
    shapes = {**sgre_files.shapes(), "rotation_net.pose_branch.23.0.weight": (128, 3974)}
    assert "has no place" in imported.refusal(shapes)
    with pytest.raises(CheckpointError, match="its layer3 has 0 basic units"):
        FORMATS.get("sgre").config(published_files.ShapesOnly({"conv1.weight": (64, 3, 7, 7)}))


def test_the_release_s_model_must_be_given_a_pose(imported):
    with pytest.raises(ConfigError, match="give pose_2d"):
        imported.model(tf.zeros([1, 256, 256, 3]))
