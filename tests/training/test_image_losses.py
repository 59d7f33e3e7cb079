"""Tests of hmr_tf/training/image_losses.py."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body.posing import pose_body
from hmr_tf.body.smpl import SMPL
from hmr_tf.config import LossConfig
from hmr_tf.geometry.camera import weak_perspective
from hmr_tf.training import image_losses

BODY = toy_body.toy_body()
# mmhuman3d's, with SPIN's camera beside them.
LATER = LossConfig(
    keypoints_2d_weight=10.0,
    keypoints_2d_loss="smooth_l1",
    joints_3d_weight=100.0,
    joints_3d_loss="smooth_l1",
    smpl_weight=0.0,
    pose_weight=3.0,
    betas_weight=0.02,
    vertices_weight=2.0,
    camera_weight=60.0,
)


@pytest.fixture(scope="module")
def truth():
    """Three images: all labels, 3D joints, only keypoints."""
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.4, (3, 72))
    matrices = [Rotation.from_rotvec(one.reshape(24, 3)).as_matrix() for one in (pose + 0.1)]
    values = {
        "estimate": {
            "keypoints_2d": rng.uniform(-1, 1, (3, 19, 2)),
            "joints_3d": rng.normal(0, 0.4, (3, 19, 3)),
            "rotations": np.stack(matrices),
            "betas": rng.normal(size=(3, 10)),
            "camera": rng.uniform(-0.1, 0.9, (3, 3)),
        },
        "batch": {
            "keypoints_2d": rng.uniform(-1, 1, (3, 19, 2)),
            "visibility": rng.random((3, 19)) > 0.4,
            "joints_3d": rng.normal(0, 0.4, (3, 14, 3)),
            "has_3d": np.array([1, 1, 0]),
            "pose_axis_angle": pose,
            "betas": rng.normal(size=(3, 10)),
            "has_smpl": np.array([1, 0, 0]),
        },
    }
    return {
        name: {key: np.asarray(value, np.float32) for key, value in part.items()}
        for name, part in values.items()
    }


class _Model:
    """What losses ask of a model."""

    def __init__(self, body=None):
        self.body = body
        self.mean = {"rotations": np.eye(3, dtype=np.float32)[np.newaxis, np.newaxis]}

    def project(self, points, camera):
        return weak_perspective(points, camera)


def _terms(losses, truth, body=None):
    tensors = {
        name: {key: tf.constant(value) for key, value in part.items()}
        for name, part in truth.items()
    }
    made = image_losses.terms(losses, tensors["estimate"], tensors["batch"], _Model(body))
    return {name: loss.mean() for name, loss in made.items()}


def test_names_follow_the_settings():
    assert image_losses.names(LossConfig()) == ("keypoints_2d", "joints_3d", "smpl")
    assert image_losses.names(LossConfig(use_3d_labels=False)) == ("keypoints_2d",)
    expected = ("keypoints_2d", "joints_3d", "smpl", "pose", "betas", "vertices", "camera")
    assert image_losses.names(LATER) == expected
    without = dataclasses.replace(LATER, use_3d_labels=False)
    assert image_losses.names(without) == ("keypoints_2d", "camera")
    heatmaps = LossConfig(heatmap_weight=1.0, depth_weight=1.0)
    assert image_losses.need_heatmaps(heatmaps) == ("heatmap", "depth")
    without = dataclasses.replace(heatmaps, use_3d_labels=False)
    assert image_losses.need_heatmaps(without) == ("heatmap",)
    assert image_losses.need_heatmaps(LATER) == ()


# What finds out where people are and which way they face.
RIGID = LossConfig(use_3d_labels=False, mean_pose_weight=200.0)


@pytest.mark.parametrize("losses", [LossConfig(), LATER, LossConfig(use_3d_labels=False), RIGID])
def test_every_name_has_its_term(losses, truth):
    terms = _terms(losses, truth, SMPL(BODY))
    assert tuple(terms) == image_losses.names(losses)
    assert all(float(term) > 0 for term in terms.values())


def _smooth(d):
    return np.where(np.abs(d) < 1, d * d / 2, np.abs(d) - 0.5)


def test_later_loss_against_numpy(truth):
    """The whole sum by the formulas of mmhuman3d, and SPIN's of the camera."""
    estimate, batch = truth["estimate"], truth["batch"]
    seen = batch["visibility"] > 0
    total = 10 * _smooth(estimate["keypoints_2d"] - batch["keypoints_2d"])[seen].mean()
    pred, gt = estimate["joints_3d"][:2, :14], batch["joints_3d"][:2]
    pred, gt = (x - x[:, 2:4].mean(axis=1, keepdims=True) for x in (pred, gt))
    total += 100 * _smooth(pred - gt).mean()
    gt_rotations = Rotation.from_rotvec(batch["pose_axis_angle"][0].reshape(24, 3)).as_matrix()
    total += 3 * np.mean((estimate["rotations"][0] - gt_rotations) ** 2)
    total += 0.02 * np.mean((estimate["betas"][0] - batch["betas"][0]) ** 2)
    pred_mesh, _ = pose_body(BODY, estimate["rotations"][0], estimate["betas"][0])
    gt_mesh, _ = pose_body(BODY, gt_rotations, batch["betas"][0])
    total += 2 * np.abs(pred_mesh - gt_mesh).mean()
    total += 60 * np.mean(np.exp(-10 * estimate["camera"][:, 0].astype(np.float64)) ** 2)
    terms = _terms(LATER, truth, SMPL(BODY))
    assert float(image_losses.weighted(LATER, terms)) == pytest.approx(total, rel=1e-4)


def test_original_loss_against_numpy(truth):
    estimate, batch = truth["estimate"], truth["batch"]
    seen = batch["visibility"] > 0
    total = 60 * np.abs(estimate["keypoints_2d"] - batch["keypoints_2d"])[seen].mean()
    pred, gt = estimate["joints_3d"][:2, :14], batch["joints_3d"][:2]
    pred, gt = (x - x[:, 2:4].mean(axis=1, keepdims=True) for x in (pred, gt))
    total += 60 * 0.5 * np.mean((pred - gt) ** 2)
    gt_rotations = Rotation.from_rotvec(batch["pose_axis_angle"][0].reshape(24, 3)).as_matrix()
    squares = np.sum((estimate["rotations"][0] - gt_rotations) ** 2)
    squares += np.sum((estimate["betas"][0] - batch["betas"][0]) ** 2)
    total += 60 * 0.5 * squares / 226
    terms = _terms(LossConfig(), truth)  # no mesh is asked for
    assert float(image_losses.weighted(LossConfig(), terms)) == pytest.approx(total, rel=1e-5)


def test_joint_error_is_of_labelled_people_and_has_no_gradient():
    gt = np.random.default_rng(0).normal(size=(3, 14, 3)).astype(np.float32)
    moved = np.concatenate([gt + 1.0, np.zeros((3, 5, 3), np.float32)], axis=1)  # No face.
    moved[:, 1] += np.float32([0.0, 0.03, 0.04])
    moved[2] *= 9.0
    batch = {"joints_3d": tf.constant(gt), "has_3d": tf.constant([1.0, 1.0, 0.0])}
    pred = tf.Variable(moved)
    with tf.GradientTape() as tape:
        loss = image_losses.joint_error(pred, batch)
    assert float(loss.mean()) == pytest.approx(50.0 / 14, rel=1e-4)
    assert float(loss.count) == 2.0 and tape.gradient(loss.total, pred) is None
