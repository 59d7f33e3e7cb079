"""SGRE's losses against the sheet's numbers and NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from scipy.stats import entropy, norm

from hmr_tf.geometry.global_rotations import global_to_local
from hmr_tf.models.rotation_chain import TREE
from hmr_tf.training import sgre_losses

SMPL_TERMS = ("smpl_joint_img", "smpl_pose", "smpl_shape", "smpl_joint_cam")


def _example(count=1):
    """An estimate that is right in everything, and its labels."""
    rng = np.random.default_rng(0)
    uvd = rng.uniform(-0.4, 0.4, (count, 30, 3))
    joints = rng.normal(size=(count, 30, 3))
    turned = Rotation.from_rotvec(rng.normal(scale=0.5, size=(24 * count, 3)))
    turned = turned.as_matrix().reshape(count, 24, 3, 3).astype(np.float32)
    local = global_to_local(turned, TREE).numpy()
    pose = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(count, 72)
    estimate = {
        "joints_uvd": uvd,
        "body_joints_3d": joints,
        "body_joints_2d": 2 * uvd[..., :2],
        "global_rotations": turned,
        "rotations": local,
        "betas": np.zeros((count, 10)),
    }
    batch = {
        "label_uvd": uvd,
        "label_uvd_weights": np.ones((count, 30, 3)),
        "body_uvd": uvd,
        "body_uvd_weights": np.ones((count, 30)),
        "label_joints": joints - joints[:, :1],
        "label_joints_weights": np.ones((count, 30)),
        "body_joints": joints - joints[:, :1],
        "has_body": np.ones(count),
        "body_betas": np.zeros((count, 10)),
        "pose_axis_angle": pose,
    }
    return [{k: np.array(v, np.float32) for k, v in x.items()} for x in (estimate, batch)]


def _means(estimate, batch, estimation="sequential"):
    tensors = [{k: tf.constant(v) for k, v in x.items()} for x in (estimate, batch)]
    return {k: float(v.mean()) for k, v in sgre_losses.terms(*tensors, estimation).items()}


def test_right_estimates_cost_nothing():
    for estimation in ("sequential", "direct"):
        found = _means(*_example(3), estimation)
        assert set(found) == set(sgre_losses.NAMES)
        assert max(found.values()) < 1e-5


def test_printed_joint_error():
    """One valid joint, one cell of the release's eight away in x."""
    estimate, batch = _example()
    batch["label_uvd_weights"][:] = 0.0
    batch["label_uvd_weights"][0, 4] = 1.0
    estimate["joints_uvd"][0, 4, 0] += 1 / 8
    estimate["joints_uvd"][0, 5:] += 0.3
    found = _means(estimate, batch)
    assert found["body_joint_img"] == pytest.approx(0.0111111, abs=1e-6)
    estimate["body_joints_2d"][0, 4, 1] += 2 / 8
    assert _means(estimate, batch)["body_joint_proj"] == pytest.approx(1 / 60, abs=1e-6)


@pytest.mark.parametrize("axis", np.eye(3))
def test_printed_rotation_error(axis):
    estimate, batch = _example()
    turn = Rotation.from_rotvec(axis * np.pi / 2).as_matrix()
    estimate["global_rotations"][0, 16] = turn @ estimate["global_rotations"][0, 16]
    assert _means(estimate, batch)["smpl_pose"] == pytest.approx(0.0185185, abs=1e-6)
    # A model of local rotations is compared with local rotations.
    estimate["rotations"][0, 3] = turn @ estimate["rotations"][0, 3]
    assert _means(estimate, batch, "direct")["smpl_pose"] == pytest.approx(0.0185185, abs=1e-6)


def test_what_has_no_label_counts_as_right():
    estimate, batch = _example(2)
    for key in estimate:
        estimate[key] += np.float32(0.1)
    estimate["joints_uvd"][1] = np.nan
    estimate["betas"][1] = np.nan
    batch["has_body"][1] = 0
    batch["body_uvd_weights"][1] = 0
    batch["label_uvd_weights"][1] = 0
    batch["label_uvd_weights"][0, :, 2] = 0  # No depth.
    found = _means(estimate, batch)
    assert found["smpl_shape"] == pytest.approx(0.05, rel=1e-4)
    assert found["smpl_joint_img"] == pytest.approx(0.4, rel=1e-4)
    assert found["body_joint_img"] == pytest.approx(8 * 0.1 * 0.5 * 2 / 3, rel=1e-4)
    # Both are moved as a whole.
    assert found["smpl_joint_cam"] == pytest.approx(0.0, abs=1e-6)
    batch["has_body"][:] = 0
    batch["body_uvd_weights"][:] = 0
    found = _means(estimate, batch)
    assert [found[name] for name in SMPL_TERMS] == [0.0] * 4


def test_places_of_labels_without_depth():
    estimate, batch = _example()
    estimate["body_joints_3d"][0, 1:] += np.float32([0.0, 0.0, 0.3])
    batch["label_joints_weights"][0, 10:] = 0
    found = _means(estimate, batch)
    assert found["body_joint_cam"] == pytest.approx(0.3 * 9 / 90, rel=1e-4)
    assert found["smpl_joint_cam"] == pytest.approx(0.3 * 29 / 90, rel=1e-4)


def test_marginals_of_the_volumes():
    """A uniform volume is as wrong as it can be unsure, a right and sure one only as wide."""
    estimate, batch = _example()
    batch["body_uvd_weights"][0, 7:] = 0
    estimate["heatmap_marginals"] = np.full((1, 30, 3, 8), 1 / 8, np.float32)
    assert _means(estimate, batch)["marginal"] == pytest.approx(np.log(8.0), rel=1e-5)
    cells = 8 * (batch["body_uvd"] + 0.5)
    drawn = norm.pdf(np.arange(8), cells[..., None], 0.7)
    drawn /= drawn.sum(-1, keepdims=True)
    estimate["heatmap_marginals"] = drawn.astype(np.float32)
    expected = entropy(drawn[0, :7], axis=-1).mean()
    assert _means(estimate, batch)["marginal"] == pytest.approx(expected, rel=1e-4)
