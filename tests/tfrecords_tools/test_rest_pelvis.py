"""The rest pelvis of body models, and bodies that change their frame."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body, save_body
from hmr_tf.body.posing import pose_body
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.rest_pelvis import RestPelvis, moved_translation


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture(params=["npz", "pkl"])
def path(request, body, tmp_path):
    path = tmp_path / f"body.{request.param}"
    if request.param == "npz":
        save_body(body, path)
    else:
        content = {
            "J_regressor": scipy.sparse.csc_matrix(body.joint_regressor),
            "v_template": body.template,
            "shapedirs": body.shape_basis,
        }
        path.write_bytes(pickle.dumps(content, protocol=2))
    return str(path)


def test_the_pelvis_is_the_bodys(body, path):
    pelvis = RestPelvis(path)
    for seed in range(3):
        betas = np.random.default_rng(seed).normal(size=10)
        _, joints = pose_body(body, np.zeros(72), betas)
        np.testing.assert_allclose(pelvis.of(betas), joints[0], atol=1e-5)


def test_a_body_moves_with_its_frame(body, path):
    random = np.random.default_rng(4)
    betas, pose = random.normal(size=10), random.normal(scale=0.3, size=72)
    rotation = Rotation.from_rotvec([0.4, -1.2, 0.3])
    shift, translation = np.array([0.3, -0.2, 4.0]), np.array([1.0, 0.5, -0.7])
    vertices, _ = pose_body(body, pose, betas)
    expected = (vertices + translation) @ rotation.as_matrix().T + shift
    moved = pose.copy()
    moved[:3] = (rotation * Rotation.from_rotvec(pose[:3])).as_rotvec()
    vertices, _ = pose_body(body, moved, betas)
    pelvis = RestPelvis(path).of(betas)
    found = vertices + moved_translation(rotation.as_matrix(), shift, translation, pelvis)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"smpl_model must be SMPL's \.pkl or \.npz"):
        RestPelvis(str(tmp_path / "none.pkl"))
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"v_template": np.zeros((3, 3))}, protocol=2))
    with pytest.raises(DatasetError, match="is no body model: it must hold J_regressor"):
        RestPelvis(str(path))
