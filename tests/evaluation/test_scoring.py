"""Truth fed back scores 0; shifted, turned, scaled or mirrored it scores what theory says."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import outputs
from hmr_tf.body import posing
from hmr_tf.evaluation import scoring
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocols import PROTOCOLS
from tfrecords_tools import skeletons

_3D = [name for name in PROTOCOLS.names if PROTOCOLS.get(name).needs_joints]
_TURN = Rotation.from_rotvec([0.3, -0.8, 0.5])
_COUNT = 4


def _bodies(protocol, seed=0):
    """Returns bodies of the protocol's joint set, `[B, J, 3]` m."""
    count = skeletons.get(protocol.joints).num_joints
    rng = np.random.default_rng(seed)
    return rng.normal(size=(_COUNT, count, 3)) * [0.2, 0.5, 0.15] + [0.5, -0.2, 4.0]


def _numbers(protocol, pred, gt, is_known=None, **batch):
    known = np.ones(len(gt), bool) if is_known is None else is_known
    camera = {
        "center": np.zeros((len(gt), 2), np.float32),
        "intrinsics": np.ones((len(gt), 4), np.float32),
        "has_intrinsics": np.zeros(len(gt), np.float32),
        **batch,
    }
    found = scoring.joint_numbers(
        tf.constant(pred, tf.float32), tf.constant(gt, tf.float32), tf.constant(known), protocol,
        {name: tf.constant(values) for name, values in camera.items()},
    )  # fmt: skip
    return {name: values.numpy() for name, values in found.items()}


def _root(protocol, points):
    return points[:, list(protocol.root)].mean(axis=1, keepdims=True)


@pytest.mark.parametrize("name", _3D)
def test_truth_fed_back_or_moved_scores_zero(name):
    protocol = PROTOCOLS.get(name)
    gt = _bodies(protocol)
    for pred in (gt, gt + np.array([0.3, 0.1, -2.0])):
        found = _numbers(protocol, pred, gt)
        for source, values in found.items():
            np.testing.assert_allclose(values, 0.0, atol=2e-3, err_msg=source)
        assert found["joint_errors_mm"].shape == (_COUNT, protocol.num_pck_joints)
        for metric in set(protocol.metrics) & {"pck_150", "pa_pck_150"}:
            assert MEASURES[metric].value(found) == 100
        # Nothing is nearer than 0 mm, so one of 31 thresholds has nobody.
        for metric in set(protocol.metrics) & {"auc_150", "pa_auc_150"}:
            assert MEASURES[metric].value(found) == pytest.approx(100 * 30 / 31)


@pytest.mark.parametrize("name", _3D)
def test_turned_truth_errs_by_the_chord_of_the_turn(name):
    protocol = PROTOCOLS.get(name)
    gt = _bodies(protocol)
    centred = (gt - _root(protocol, gt))[:, : protocol.num_joints]
    pred = np.einsum("ij,bkj->bki", _TURN.as_matrix(), gt)
    chord = np.linalg.norm(
        np.einsum("ij,bkj->bki", _TURN.as_matrix() - np.eye(3), centred), axis=-1
    )
    found = _numbers(protocol, pred, gt)
    np.testing.assert_allclose(found["mpjpe_mm"], 1000 * chord.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found["pa_mpjpe_mm"], 0.0, atol=5e-3)
    kept = found["joint_errors_mm"]
    np.testing.assert_allclose(
        kept, 1000 * chord[:, : protocol.num_pck_joints], rtol=1e-3, atol=0.01
    )
    if "pck_150" in protocol.metrics:
        assert MEASURES["pck_150"].value(found) == pytest.approx(100 * np.mean(kept < 150))


@pytest.mark.parametrize("name", _3D)
def test_scaled_truth_errs_by_its_distance_to_the_root(name):
    protocol = PROTOCOLS.get(name)
    gt = _bodies(protocol)
    centred = (gt - _root(protocol, gt))[:, : protocol.num_joints]
    expected = 100 * np.linalg.norm(centred, axis=-1).mean(axis=1)
    if protocol.fits_bones:
        expected = 0.0
    found = _numbers(protocol, 1.1 * gt, gt)
    np.testing.assert_allclose(found["mpjpe_mm"], expected, rtol=1e-3, atol=5e-3)
    np.testing.assert_allclose(found["pa_mpjpe_mm"], 0.0, atol=5e-3)


@pytest.mark.parametrize("name", _3D)
def test_mirrored_truth_is_not_forgiven(name):
    protocol = PROTOCOLS.get(name)
    gt = _bodies(protocol)
    pred = gt * [-1.0, 1.0, 1.0]
    found = _numbers(protocol, pred, gt)
    centred = (gt - _root(protocol, gt))[:, : protocol.num_joints]
    expected = 2000 * np.abs(centred[..., 0]).mean(axis=1)
    np.testing.assert_allclose(found["mpjpe_mm"], expected, rtol=1e-4)
    fitted = (gt - _root(protocol, gt))[:, : protocol.num_fitted or protocol.num_joints]
    for row in range(_COUNT):
        x, y = (points - points.mean(axis=0) for points in (fitted[row] * [-1, 1, 1], fitted[row]))
        turned = Rotation.align_vectors(y, x)[0].apply(x)
        turned *= (turned * y).sum() / (x * x).sum()
        expected = 1000 * np.linalg.norm(turned - y, axis=-1)[: protocol.num_joints].mean()
        assert found["pa_mpjpe_mm"][row] == pytest.approx(expected, rel=1e-3)
        assert expected > 30
    flat = _bodies(protocol) * [1.0, 1.0, 0.0]
    # A flat body's mirror image is the body turned round.
    found = _numbers(protocol, flat * [-1.0, 1.0, 1.0], flat)
    np.testing.assert_allclose(found["pa_mpjpe_mm"], 0.0, atol=5e-3)


def test_unknown_truth_is_nan():
    protocol = PROTOCOLS.get("mpi_inf_3dhp")
    gt = _bodies(protocol)
    found = _numbers(protocol, gt, gt, np.arange(_COUNT) != 2)
    for values in found.values():
        assert np.isnan(values[2]).all() and np.isfinite(np.delete(values, 2, axis=0)).all()


def test_rooted_joints_of_others_are_taken_as_they_are():
    protocol = PROTOCOLS.get("pw3d")
    gt = _bodies(protocol)
    rooted = (gt - _root(protocol, gt))[:, :14]
    np.testing.assert_allclose(_numbers(protocol, rooted, gt)["mpjpe_mm"], 0.0, atol=2e-3)
    moved = rooted + np.array([0.03, 0.0, 0.04])
    np.testing.assert_allclose(_numbers(protocol, moved, gt)["mpjpe_mm"], 50.0, rtol=1e-4)


def test_the_estimate_turns_to_the_ray_where_the_camera_is_known():
    protocol = PROTOCOLS.get("mpi_inf_3dhp_hmr")
    gt = _bodies(protocol)
    center, intrinsics = np.float32([[900, 300]]), np.float32([[1000, 1000, 500, 500]])
    ray = np.array([0.4, -0.2, 1.0]) / np.linalg.norm([0.4, -0.2, 1.0])
    angle = np.arccos(ray[2])
    axis = np.cross([0, 0, 1], ray)
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    pred = np.einsum("ji,bkj->bki", turn, gt)
    batch = {
        "center": np.repeat(center, _COUNT, 0),
        "intrinsics": np.repeat(intrinsics, _COUNT, 0),
        "has_intrinsics": np.float32([1, 1, 1, 0]),
    }
    found = _numbers(protocol, pred, gt, **batch)["mpjpe_mm"]
    np.testing.assert_allclose(found[:3], 0.0, atol=5e-3)
    assert found[3] > 50


def _labels_2d(seed=0):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.8, 0.8, (_COUNT, 19, 2)).astype(np.float32)
    points[:, 9], points[:, 2] = [0.1, -0.3], [0.1, 0.1]  # Left shoulder, right hip: 0.4 apart.
    points[:, 12], points[:, 13] = [0.0, -0.4], [0.0, -0.5]  # Neck, head top: 0.1 apart.
    return points, np.ones((_COUNT, 19), np.float32)


def _errors_2d(pred, gt, visibility, window=200.0):
    batch = {
        "keypoints_2d": tf.constant(gt),
        "visibility": tf.constant(visibility),
        "window": tf.fill([len(gt)], window),
    }
    found = scoring.errors_2d(tf.constant(pred, tf.float32), batch)
    return {name: values.numpy() for name, values in found.items()}


def test_2d_truth_scores_zero_and_shifts_by_the_length():
    gt, visibility = _labels_2d()
    for values in _errors_2d(gt, gt, visibility).values():
        np.testing.assert_allclose(values, 0.0, atol=1e-6)
    found = _errors_2d(gt + np.float32([0.03, 0.04]), gt, visibility)
    np.testing.assert_allclose(found["keypoints_2d_px"], 5.0, rtol=1e-4)
    np.testing.assert_allclose(found["errors_in_torsos"], 0.05 / 0.4, rtol=1e-4)
    np.testing.assert_allclose(found["errors_in_heads"], 0.5, rtol=1e-4)
    extent = np.ptp(gt[:, :14], axis=1).max(axis=-1)
    np.testing.assert_allclose(
        found["errors_in_boxes"], np.tile(0.05 / (1.2 * extent)[:, None], 14), rtol=1e-4
    )
    assert MEASURES["pck_torso_0.2"].value(found) == 100
    nearly = _errors_2d(gt + np.float32([0.0, 0.0799]), gt, visibility)
    beyond = _errors_2d(gt + np.float32([0.0, 0.0801]), gt, visibility)
    assert MEASURES["pck_torso_0.2"].value(nearly) == 100
    assert MEASURES["pck_torso_0.2"].value(beyond) == 0


def test_2d_points_that_are_not_visible_do_not_count():
    gt, visibility = _labels_2d()
    visibility[0, 5] = 0
    visibility[1, 9] = 0  # Then the other diagonal of the torso is the length.
    visibility[2, [9, 8]] = 0
    visibility[3] = 0
    found = _errors_2d(gt + np.float32([0.0, 0.04]), gt, visibility)
    torsos = found["errors_in_torsos"]
    assert np.isnan(torsos[0, 5]) and np.isfinite(np.delete(torsos[0], 5)).all()
    other = np.linalg.norm(gt[1, 8] - gt[1, 3])
    np.testing.assert_allclose(np.delete(torsos[1], 9), 0.04 / other, rtol=1e-3)
    assert np.isnan(torsos[2:]).all() and np.isnan(found["keypoints_2d_px"][3])
    assert np.isfinite(found["errors_in_heads"][2, 0])
    # One visible joint has an error in px, but no box.
    visibility[3, 0] = 1
    found = _errors_2d(gt + np.float32([0.0, 0.04]), gt, visibility)
    assert found["keypoints_2d_px"][3] == pytest.approx(4.0, rel=1e-3)
    assert np.isnan(found["errors_in_boxes"][3]).all()


def _people(seed=0):
    rng = np.random.default_rng(seed)
    pose = rng.normal(scale=0.4, size=(3, 72)).astype(np.float32)
    betas = rng.normal(size=(3, 10)).astype(np.float32)
    batch = {
        "pose_axis_angle": pose,
        "betas": betas,
        "has_smpl": np.ones(3, np.float32),
        "gender": np.int32([1, 2, 0]),
        "joints_3d": np.zeros((3, 14, 3), np.float32),
        "joints_24_3d": np.zeros((3, 24, 4), np.float32),
        "has_3d": np.zeros(3, np.float32),
    }
    rotations = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(3, 24, 3, 3)
    estimate = {outputs.ROTATIONS: rotations.astype(np.float32), outputs.BETAS: betas}
    return (
        {key: tf.constant(value) for key, value in batch.items()},
        {key: tf.constant(value) for key, value in estimate.items()},
    )


def _gendered():
    import dataclasses

    body = toy_body()
    return body, {
        "male": dataclasses.replace(body, template=1.1 * body.template),
        "female": dataclasses.replace(body, template=0.9 * body.template),
    }


@pytest.mark.parametrize("name", ["pw3d", "pw3d_vibe", "pw3d_mmhuman3d", "synthetic"])
def test_smpl_truth_of_the_estimates_own_body_scores_zero(name):
    batch, estimate = _people()
    scorer = scoring.Scorer(PROTOCOLS.get(name), toy_body())
    for source, values in scorer.errors(estimate, batch).items():
        np.testing.assert_allclose(values, 0.0, atol=5e-3, err_msg=source)


def test_true_meshes_are_of_the_persons_gender():
    batch, estimate = _people()
    body, gendered = _gendered()
    bodies = [gendered["male"], gendered["female"], body]
    poses = batch["pose_axis_angle"].numpy(), batch["betas"].numpy()
    true = [posing.pose_body(one, *row)[0] for one, row in zip(bodies, zip(*poses))]
    mine = [posing.pose_body(body, *row)[0] for row in zip(*poses)]
    expected = [1000 * np.linalg.norm(a - b, axis=1).mean() for a, b in zip(mine, true)]
    scorer = scoring.Scorer(PROTOCOLS.get("pw3d"), body, gendered)
    assert scorer.genders == ("neutral", "male", "female")
    found = scorer.errors(estimate, batch)
    np.testing.assert_allclose(found["pve_mm"], expected, rtol=1e-3, atol=5e-3)
    order = list(skeletons.mapping(skeletons.H36M17, skeletons.J17))
    regressor = body.regressor("h36m")[order]
    both = [[(regressor @ v) - (regressor @ v)[14] for v in part] for part in (mine, true)]
    expected = [1000 * np.linalg.norm((a - b)[:14], axis=1).mean() for a, b in zip(*both)]
    np.testing.assert_allclose(found["mpjpe_mm"], expected, rtol=1e-3, atol=5e-3)
    # mmhuman3d poses the estimate, too, with the true gender's body; VIBE knows no genders.
    for name in ("pw3d_mmhuman3d", "pw3d_vibe"):
        scorer = scoring.Scorer(PROTOCOLS.get(name), body, gendered)
        np.testing.assert_allclose(scorer.errors(estimate, batch)["pve_mm"], 0.0, atol=5e-3)


def test_an_estimate_without_a_body_has_no_mesh():
    batch, _ = _people()
    scorer = scoring.Scorer(PROTOCOLS.get("pw3d"), toy_body())
    found = scorer.errors({scoring.PROTOCOL_JOINTS: tf.zeros([3, 14, 3])}, batch)
    assert np.isnan(found["pve_mm"]).all() and np.isfinite(found["mpjpe_mm"]).all()


def test_joints_that_are_fitted_need_not_be_averaged():
    """HybrIK fits 17 on Human3.6M and 14 on 3DPW, and averages 14."""
    protocol, other = PROTOCOLS.get("h36m_hybrik"), PROTOCOLS.get("pw3d_hybrik")
    gt = _bodies(protocol)
    pred = gt + np.random.default_rng(1).normal(0, 0.05, gt.shape)
    pred[:, 14:] += 0.3  # Pelvis, spine and jaw.
    found = _numbers(protocol, pred, gt)["pa_mpjpe_mm"]
    assert np.all(found > 1.5 * _numbers(other, pred, gt)["pa_mpjpe_mm"])
    assert _numbers(protocol, pred, gt)["pa_joint_errors_mm"].shape == (_COUNT, 14)
    # Fourteen rooted joints of others cannot be fitted as seventeen.
    rooted = (pred - _root(protocol, pred))[:, :14]
    found = _numbers(protocol, rooted, gt)
    assert np.isnan(found["pa_mpjpe_mm"]).all() and np.isfinite(found["mpjpe_mm"]).all()


def test_hybrik_joins_meshes_and_compares_smpl_joints():
    batch, estimate = _people()
    turn = Rotation.from_rotvec([0.0, 0.4, 0.0]).as_matrix().astype(np.float32)
    rotations = estimate[outputs.ROTATIONS].numpy()
    rotations[:, 0] = turn @ rotations[:, 0]
    located = np.random.default_rng(2).normal(size=(3, 29, 3)).astype(np.float32)
    estimate = {
        **estimate,
        outputs.ROTATIONS: tf.constant(rotations),
        outputs.HEATMAP_JOINTS_3D: tf.constant(located),
    }
    body = toy_body()
    found = scoring.Scorer(PROTOCOLS.get("pw3d_hybrik"), body).errors(estimate, batch)
    found = {name: values.numpy() for name, values in found.items()}
    pelvis = body.regressor("h36m")[:1]
    for row, (pose, betas) in enumerate(zip(batch["pose_axis_angle"], batch["betas"])):
        vertices, joints = posing.pose_body(body, pose.numpy(), betas.numpy())
        turned, moved = posing.pose_body(body, rotations[row], betas.numpy())
        meshes = [mesh - pelvis @ mesh for mesh in (vertices, turned)]
        expected = 1000 * np.linalg.norm(meshes[0] - meshes[1], axis=1).mean()
        assert found["pve_mm"][row] == pytest.approx(expected, rel=1e-3)
        gt = joints - joints[0]
        for source, points in (("smpl", moved), ("located", located[row, :24])):
            expected = 1000 * np.linalg.norm(points - points[0] - gt, axis=1).mean()
            assert found[f"{source}_mpjpe_mm"][row] == pytest.approx(expected, rel=1e-3)


def test_what_was_not_located_is_not_measured():
    batch, estimate = _people()
    found = scoring.Scorer(PROTOCOLS.get("h36m_hybrik"), toy_body()).errors(estimate, batch)
    assert "located_mpjpe_mm" not in found
    np.testing.assert_allclose(found["smpl_mpjpe_mm"], 0.0, atol=2e-3)
