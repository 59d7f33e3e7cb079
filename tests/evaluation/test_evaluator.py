"""The evaluator on hand-made batches with a small real model."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf.body import posing
from hmr_tf.config import HMRConfig
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.evaluation import evaluator
from hmr_tf.evaluation.protocols import SYNTHETIC
from hmr_tf.models.hmr import HMR

SIZE = 32
MEAN = (np.concatenate([[np.pi, 0, 0], np.full(69, 0.05)]), np.full(10, 0.1))


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    config = HMRConfig(encoder="resnet_small_v2", image_size=SIZE, hidden_units=16)
    model = HMR(config, toy_body(), MEAN)
    # Outputs begin near zero; larger ones make people differ.
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(5 * layer.kernel)
    return model


def _truth(body, pose, betas):
    vertices, _ = posing.pose_body(body, pose, betas)
    return vertices, body.regressor("cocoplus") @ vertices


def _batch(model, count, seed=0, **changes):
    rng = np.random.default_rng(seed)
    pose = rng.normal(scale=0.3, size=(count, 72)).astype(np.float32)
    betas = rng.normal(size=(count, 10)).astype(np.float32)
    joints = np.stack([_truth(model.body_model, *row)[1] for row in zip(pose, betas)])
    batch = {
        "image": rng.random((count, SIZE, SIZE, 3)).astype(np.float32),
        "keypoints_2d": rng.normal(scale=0.3, size=(count, 19, 2)).astype(np.float32),
        "visibility": np.ones((count, 19), np.float32),
        "joints_3d": joints[:, :14].astype(np.float32),
        "has_3d": np.ones(count, np.float32),
        "pose_axis_angle": pose,
        "betas": betas,
        "has_smpl": np.ones(count, np.float32),
        "window": rng.uniform(100, 300, count).astype(np.float32),
        "center": np.full((count, 2), 100, np.float32),
        "joints_24_3d": np.zeros((count, 24, 4), np.float32),
        "gender": np.zeros(count, np.int32),
        "intrinsics": np.zeros((count, 4), np.float32),
        "has_intrinsics": np.zeros(count, np.float32),
        "translation": np.zeros((count, 3), np.float32),
        "has_translation": np.zeros(count, np.float32),
        "filename": np.array([f"im{k}.jpg".encode() for k in range(count)]),
    }
    return {key: tf.constant(value) for key, value in {**batch, **changes}.items()}


def _by_hand(model, estimate, batch):
    """The four metrics in NumPy and SciPy, person by person."""
    rows = []
    for k in range(len(batch["image"])):
        pred = estimate["joints_3d"][k].numpy()[:14]
        gt = batch["joints_3d"][k].numpy()
        rooted = [x - (x[2] + x[3]) / 2 for x in (pred, gt)]
        centred = [x - x.mean(0) for x in (pred, gt)]
        turn = Rotation.align_vectors(centred[1], centred[0])[0]
        turned = turn.apply(centred[0])
        turned *= (turned * centred[1]).sum() / (turned**2).sum()
        vertices, _ = _truth(
            model.body_model, batch["pose_axis_angle"][k].numpy(), batch["betas"][k].numpy()
        )
        offset = estimate["keypoints_2d"][k].numpy() - batch["keypoints_2d"][k].numpy()
        seen = batch["visibility"][k].numpy() > 0
        rows.append(
            (
                1000 * np.linalg.norm(rooted[0] - rooted[1], axis=1).mean(),
                1000 * np.linalg.norm(turned - centred[1], axis=1).mean(),
                1000 * np.linalg.norm(estimate["vertices"][k] - vertices, axis=1).mean(),
                np.linalg.norm(offset, axis=1)[seen].mean() * float(batch["window"][k]) / 2,
            )
        )
    return dict(zip(SYNTHETIC.metrics, np.array(rows).T))


def test_numbers_equal_those_worked_out_by_hand(model):
    visibility = np.ones((5, 19), np.float32)
    visibility[2, ::2] = 0
    batches = [_batch(model, 5, 0, visibility=visibility), _batch(model, 2, 1)]
    result = evaluator.evaluate(model, batches, SYNTHETIC)
    expected = [
        _by_hand(model, model(batch["image"], with_vertices=True), batch) for batch in batches
    ]
    for name in SYNTHETIC.metrics:
        by_hand = np.concatenate([part[name] for part in expected])
        np.testing.assert_allclose(result.errors[name], by_hand, rtol=1e-3, err_msg=name)
    report = result.report()
    assert report["num_people"] == 7
    assert report["metrics"]["mpjpe_mm"] == pytest.approx(result.errors["mpjpe_mm"].mean())
    expected_ratio = report["metrics"]["pve_mm"] / report["baseline"]["pve_mm"]
    assert report["ratio"]["pve_mm"] == pytest.approx(expected_ratio)


def test_the_baseline_is_the_mean_body_for_everyone(model):
    batch = _batch(model, 3)
    result = evaluator.evaluate(model, [batch], SYNTHETIC)
    vertices, joints = _truth(model.body_model, MEAN[0].astype(np.float32), MEAN[1])
    mean = {
        "joints_3d": tf.constant(np.repeat(joints[None], 3, 0)),
        "vertices": tf.constant(np.repeat(vertices[None], 3, 0)),
        "keypoints_2d": tf.constant(np.repeat(0.9 * joints[None, :, :2], 3, 0)),
    }
    for name, by_hand in _by_hand(model, mean, batch).items():
        np.testing.assert_allclose(result.baseline[name], by_hand, rtol=1e-3, err_msg=name)


def test_a_mean_may_be_given(model):
    other = (np.concatenate([[np.pi, 0, 0], np.full(69, -0.1)]), np.zeros(10))
    estimate = evaluator.mean_estimate(model, other)
    _, joints = _truth(model.body_model, other[0].astype(np.float32), other[1])
    np.testing.assert_allclose(estimate["joints_3d"][0], joints, atol=1e-5)


def test_the_truth_scores_zero(model):
    """The mean fed back as truth: its own errors vanish."""
    _, joints = _truth(model.body_model, MEAN[0].astype(np.float32), MEAN[1])
    changes = {
        "pose_axis_angle": np.repeat(MEAN[0][None], 2, 0).astype(np.float32),
        "betas": np.repeat(MEAN[1][None], 2, 0).astype(np.float32),
        "joints_3d": np.repeat(joints[None, :14], 2, 0).astype(np.float32),
        "keypoints_2d": np.repeat(0.9 * joints[None, :, :2], 2, 0).astype(np.float32),
    }
    result = evaluator.evaluate(model, [_batch(model, 2, **changes)], SYNTHETIC)
    for name, values in result.baseline.items():
        np.testing.assert_allclose(values, 0, atol=0.02, err_msg=name)


def test_people_without_truth_do_not_count(model):
    """The first knows joints alone, the second SMPL parameters alone, the third neither."""
    has_3d, has_smpl = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    full = evaluator.evaluate(model, [_batch(model, 3)], SYNTHETIC)
    batch = _batch(model, 3, has_3d=has_3d, has_smpl=has_smpl)
    batch["joints_3d"] *= has_3d[:, None, None]
    result = evaluator.evaluate(model, [batch], SYNTHETIC)
    np.testing.assert_array_equal(np.isfinite(result.errors["mpjpe_mm"]), [True, True, False])
    np.testing.assert_array_equal(np.isfinite(result.errors["pve_mm"]), has_smpl > 0)
    # The second person's joints are regressed.
    both = full.errors["mpjpe_mm"][:2], result.errors["mpjpe_mm"][:2]
    np.testing.assert_allclose(*both, rtol=1e-4)
    report = result.report()
    assert report["num_measured"] == {
        "mpjpe_mm": 2,
        "pa_mpjpe_mm": 2,
        "pve_mm": 1,
        "keypoints_2d_px": 3,
    }
    assert result.means() == report["metrics"]
    assert all(np.isfinite(value) for value in report["metrics"].values())


def test_limit_and_progress(model):
    batches = (_batch(model, 4, seed) for seed in range(100))
    seen = []
    result = evaluator.evaluate(model, batches, SYNTHETIC, limit=6, on_progress=seen.append)
    assert result.num_people == 6 and seen == [4, 2]
    assert len(next(batches)["image"]) == 4  # No more was read than needed.


def test_examples_are_kept(model):
    result = evaluator.evaluate(model, [_batch(model, 5)], SYNTHETIC)
    best = result.examples.pick()["best"][0]
    assert best.error == pytest.approx(result.errors["mpjpe_mm"].min())
    assert result.names.index(best.name) == int(result.errors["mpjpe_mm"].argmin())


def test_unusable_records_are_one_line(model):
    with pytest.raises(DataError, match="no people"):
        evaluator.evaluate(model, [], SYNTHETIC)
    nothing = np.zeros(2, np.float32)
    with pytest.raises(DataError, match=r"smpl_truth\.npz"):
        evaluator.evaluate(model, [_batch(model, 2, has_smpl=nothing)], SYNTHETIC)


def test_a_body_without_the_protocols_joints_is_one_line(model):
    lacking = dataclasses.replace(model.body_model, keypoint_regressors={})
    with pytest.raises(ConfigError, match="--joint_regressor"):
        evaluator.check_body(lacking, SYNTHETIC)
