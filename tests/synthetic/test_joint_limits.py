from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.synthetic import joint_limits, motion_clips
from tfrecords_tools.skeletons import SMPL24


def pose_with(joint, rotvec_deg):
    pose = np.zeros((24, 3))
    pose[SMPL24.index(joint)] = np.radians(rotvec_deg)
    return Rotation.from_rotvec(pose)


def test_splitting_and_joining_are_inverse():
    rotations = Rotation.random(24 * 50, random_state=0)
    angles = joint_limits.split_angles(rotations)
    assert angles.shape == (50, 24, 3)
    back = joint_limits.join_angles(angles)
    assert (rotations * back.inv()).magnitude().max() < 1e-6


def test_twist_and_swing_are_what_they_say():
    """A twist moves no point of the bone; what is left over turns about an axis across it."""
    rotations = Rotation.random(24 * 20, random_state=1)
    angles = joint_limits.split_angles(rotations)
    axes = np.eye(3)[joint_limits.TWIST_AXES]
    only_twist = np.where(axes > 0, angles, 0.0)
    twist = joint_limits.join_angles(only_twist)
    np.testing.assert_allclose(
        twist.apply(np.tile(axes, (20, 1))), np.tile(axes, (20, 1)), atol=1e-9
    )
    swing = (rotations * twist.inv()).as_rotvec().reshape(20, 24, 3)
    np.testing.assert_allclose((swing * axes).sum(-1), 0.0, atol=1e-6)


def test_limits_are_mirrored():
    flip = list(SMPL24.flip)
    low, high = joint_limits.LOWEST[flip].copy(), joint_limits.HIGHEST[flip].copy()
    low[:, 1:], high[:, 1:] = -high[:, 1:], -low[:, 1:]
    np.testing.assert_allclose(low, joint_limits.LOWEST)
    np.testing.assert_allclose(high, joint_limits.HIGHEST)
    assert (joint_limits.LOWEST <= 0).all() and (joint_limits.HIGHEST >= 0).all()


def test_knees_and_elbows_bend_one_way():
    straight = Rotation.from_rotvec(np.zeros((24, 3)))
    for joint, bend, index in (
        ("left_knee", [100, 0, 0], 0),
        ("right_knee", [100, 0, 0], 0),
        ("left_elbow", [0, -100, 0], 1),
        ("right_elbow", [0, 100, 0], 1),
    ):
        number = SMPL24.index(joint)
        right = pose_with(joint, bend)
        kept = joint_limits.limit(right, straight).as_rotvec()[number]
        np.testing.assert_allclose(np.degrees(kept), bend, atol=1e-6)
        wrong = pose_with(joint, -np.array(bend))
        kept = joint_limits.limit(wrong, straight).as_rotvec()[number]
        assert abs(np.degrees(kept[index])) < 4


def test_recorded_poses_are_never_changed():
    clip = motion_clips.load_clips()["spinkick"].pose_axis_angle
    rotations = Rotation.from_rotvec(clip.reshape(-1, 3))
    kept = joint_limits.limit(rotations, rotations)
    assert (kept * rotations.inv()).magnitude().max() < 1e-5


def test_the_root_is_free():
    turned = pose_with("smpl_pelvis", [170, 0, 0])
    kept = joint_limits.limit(turned, Rotation.from_rotvec(np.zeros((24, 3))))
    assert (kept * turned.inv()).magnitude().max() < 1e-6


def test_most_recorded_frames_lie_within_the_table():
    poses = np.concatenate([c.pose_axis_angle for c in motion_clips.load_clips().values()])
    angles = joint_limits.split_angles(Rotation.from_rotvec(poses.reshape(-1, 3)))
    outside = np.maximum(joint_limits.LOWEST - angles, angles - joint_limits.HIGHEST).max(axis=-1)
    share = np.mean(outside > np.radians(5), axis=0)
    ankles = [SMPL24.index("left_ankle"), SMPL24.index("right_ankle")]
    assert np.delete(share, ankles).max() < 0.05
    assert share[ankles].max() < 0.2  # the retargeted figure's ankles overshoot
