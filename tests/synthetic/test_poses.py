from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.synthetic import joint_limits, motion_clips, poses
from tfrecords_tools.skeletons import SMPL24


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture(scope="module")
def rest_joints(body):
    return body.joint_regressor @ body.template


@pytest.fixture(scope="module")
def motions():
    clips = {n: c.pose_axis_angle for n, c in motion_clips.load_clips().items()}
    train = {n: c for n, c in clips.items() if n not in poses.TEST_CLIPS}
    return poses.gather_motions(train, poses.CLIP_WEIGHTS)


def test_test_clips_exist_and_weights_name_training_clips():
    names = set(motion_clips.load_clips())
    assert set(poses.TEST_CLIPS) < names
    assert set(poses.CLIP_WEIGHTS) <= names - set(poses.TEST_CLIPS)


def test_mirroring_mirrors_the_body(body):
    """Joints of the mirrored pose are the mirrored joints (the mean body is symmetric)."""
    pose = motion_clips.load_clips()["kick"].pose_axis_angle[20].reshape(24, 3)
    _, joints = pose_body(body, pose)
    _, mirrored = pose_body(body, poses.mirror(pose))
    expected = joints[list(SMPL24.flip)] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, expected, atol=3e-3)
    np.testing.assert_array_equal(poses.mirror(poses.mirror(pose)), pose)


def test_blending_goes_along_the_shortest_arc():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 6, 4, 3))
    share = np.array([0.0, 1.0, 0.5, 0.25, 0.9, 0.0])
    mixed = Rotation.from_rotvec(poses.blend(first, second, share).reshape(-1, 3))
    start, end = (Rotation.from_rotvec(p.reshape(-1, 3)) for p in (first, second))
    whole = (start.inv() * end).magnitude()
    done = (start.inv() * mixed).magnitude()
    left = (mixed.inv() * end).magnitude()
    np.testing.assert_allclose(done, np.repeat(share, 4) * whole, atol=1e-7)
    np.testing.assert_allclose(done + left, whole, atol=1e-7)


def test_joints_equal_the_body_models(body, rest_joints, motions):
    sampler = poses.PoseSampler(motions, rest_joints)
    drawn, _ = sampler.sample(np.random.default_rng(0), 3)
    for pose, joints in zip(drawn, sampler.joints(drawn)):
        np.testing.assert_allclose(pose_body(body, pose)[1], joints, atol=1e-5)


def test_samples_are_within_limits_or_recorded_and_do_not_collide(rest_joints, motions):
    sampler = poses.PoseSampler(motions, rest_joints)
    drawn, clips = sampler.sample(np.random.default_rng(1), 400)
    assert drawn.shape == (400, 72) and np.isfinite(drawn).all()
    angles = joint_limits.split_angles(Rotation.from_rotvec(drawn.reshape(-1, 3)))
    outside = np.maximum(joint_limits.LOWEST - angles, angles - joint_limits.HIGHEST)
    assert np.mean(outside.max(axis=-1) > np.radians(5)) < 0.05
    joints = sampler.joints(drawn)
    hits = poses.legs_collide(joints)
    assert hits.mean() < 0.15  # recorded ones, crossed or on the floor
    assert len(set(clips.tolist())) == len(motions.names)


def test_samples_stray_but_stay_natural(rest_joints, motions):
    """Training poses differ from every recorded one; test poses stay close to theirs."""
    recorded = motions.pose_axis_angle.reshape(-1, 24, 3)
    recorded = np.concatenate([recorded, poses.mirror(recorded)])[:, 1:]
    recorded = Rotation.from_rotvec(recorded.reshape(-1, 3)).as_matrix().reshape(-1, 23, 3, 3)

    def distance(variation):
        sampler = poses.PoseSampler(motions, rest_joints, variation)
        drawn, _ = sampler.sample(np.random.default_rng(2), 40)
        matrices = Rotation.from_rotvec(drawn.reshape(-1, 3)).as_matrix().reshape(40, 24, 3, 3)
        joints = [0, 1, 3, 4, 15, 16, 17, 18]  # hips, knees, shoulders, elbows; root left out
        gaps = [((recorded[:, joints] - m[1:][joints]) ** 2).sum((1, 2, 3)).min() for m in matrices]
        return np.sqrt(np.array(gaps) / (2 * len(joints)))

    assert np.median(distance(poses.Variation())) > 0.2
    assert np.median(distance(poses.RECORDED)) < 0.2


def test_a_given_clip_is_used_in_its_order(rest_joints, motions):
    sampler = poses.PoseSampler(motions, rest_joints, poses.Variation(0.0, 0.0, 0.0))
    clip = motions.names.index("getup_facedown")
    drawn, used = sampler.sample(np.random.default_rng(3), 60, clip)
    assert (used == clip).all()
    height = sampler.joints(drawn)[:, 15, 1] - sampler.joints(drawn)[:, 7:9, 1].mean(axis=1)
    assert height[-8:].mean() > height[:8].mean() + 0.5  # who gets up ends up higher


def test_equal_seeds_give_equal_poses(rest_joints, motions):
    sampler = poses.PoseSampler(motions, rest_joints)
    first, _ = sampler.sample(np.random.default_rng(5), 4)
    again, _ = sampler.sample(np.random.default_rng(5), 4)
    other, _ = sampler.sample(np.random.default_rng(6), 4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_arms_in_the_body_are_noticed(rest_joints):
    motions = poses.gather_motions({"t": np.zeros((1, 72))})
    sampler = poses.PoseSampler(motions, rest_joints)
    pose = np.zeros((3, 24, 3))
    pose[1, 16] = np.radians([0, -60, -20])  # upper arm forwards and across
    pose[1, 18] = np.radians([0, -140, 0])  # forearm bent right back into the chest
    pose[2, 16, 2] = np.radians(-75)  # hanging beside the body
    joints = sampler.joints(pose)
    left = (13, 16, 18, 20, 22)
    assert poses.arm_collides(joints, left).tolist() == [False, True, False]
    pose[1, 1, 2] = np.radians(-30)  # left leg through the right one
    assert poses.legs_collide(sampler.joints(pose)).tolist() == [False, True, False]
