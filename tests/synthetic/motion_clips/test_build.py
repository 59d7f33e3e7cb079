"""Turning the source figure's rows into SMPL poses."""

import glob
import os

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.errors import HmrError
from hmr_tf.synthetic.motion_clips import build, load_clips

# The source's convention, restated: x forward, y up, z right.
FORWARD, UP, RIGHT = np.eye(3)


def _to_left_up_forward(vector):
    return np.array([-vector[2], vector[1], vector[0]])


def _rest_row():
    row = np.zeros(44)
    row[[4, 8, 12, 16, 21, 25, 30, 35, 39]] = 1.0  # Unit quaternions, w first.
    return row


def _set_quaternion(row, column, rotation):
    x, y, z, w = rotation.as_quat()
    row[column : column + 4] = w, x, y, z


def test_rest_row_is_a_standing_person_with_hanging_arms():
    pose = build.rows_to_pose(_rest_row()[None])[0].reshape(24, 3)
    expected = np.zeros((24, 3))
    expected[16, 2] = -np.pi / 2
    expected[17, 2] = np.pi / 2
    np.testing.assert_allclose(pose, expected, atol=1e-6)


@pytest.mark.parametrize("axis", [FORWARD, UP, RIGHT])
@pytest.mark.parametrize(("column", "joint"), [(4, 0), (16, 2), (21, 8), (30, 1), (35, 7)])
def test_ball_joints_turn_about_the_same_axis_in_space(axis, column, joint):
    row = _rest_row()
    _set_quaternion(row, column, Rotation.from_rotvec(0.7 * axis))
    pose = build.rows_to_pose(row[None])[0].reshape(24, 3)
    np.testing.assert_allclose(pose[joint], 0.7 * _to_left_up_forward(axis), atol=1e-6)


def test_spine_and_neck_share_their_source():
    row = _rest_row()
    _set_quaternion(row, 8, Rotation.from_rotvec(0.9 * UP))
    _set_quaternion(row, 12, Rotation.from_rotvec(0.4 * RIGHT))
    pose = build.rows_to_pose(row[None])[0].reshape(24, 3)
    np.testing.assert_allclose(pose[[3, 6, 9]], np.tile([0, 0.3, 0], (3, 1)), atol=1e-6)
    np.testing.assert_allclose(pose[[12, 15]], np.tile([-0.2, 0, 0], (2, 1)), atol=1e-6)


def test_arm_follows_the_source_arm_in_space():
    """A hanging source arm, moved by its joints, points where SMPL's arm points."""
    generator = np.random.default_rng(0)
    for shoulder_column, elbow_column, shoulder, elbow, side in (
        (25, 29, 17, 19, -1.0),
        (39, 43, 16, 18, 1.0),
    ):
        rotation = Rotation.from_rotvec(generator.normal(size=3))
        angle = 1.1
        row = _rest_row()
        _set_quaternion(row, shoulder_column, rotation)
        row[elbow_column] = angle
        pose = build.rows_to_pose(row[None])[0].reshape(24, 3)

        source_upper_arm = rotation.apply(-UP)
        source_forearm = (rotation * Rotation.from_rotvec(angle * RIGHT)).apply(-UP)
        smpl_shoulder = Rotation.from_rotvec(pose[shoulder])
        smpl_elbow = Rotation.from_rotvec(pose[elbow])
        outwards = np.array([side, 0.0, 0.0])
        np.testing.assert_allclose(
            smpl_shoulder.apply(outwards), _to_left_up_forward(source_upper_arm), atol=1e-6
        )
        np.testing.assert_allclose(
            (smpl_shoulder * smpl_elbow).apply(outwards),
            _to_left_up_forward(source_forearm),
            atol=1e-6,
        )


def test_wrong_rows_are_refused():
    with pytest.raises(ValueError, match=r"rows must be \[frames, 44\]; received \[2, 43\]"):
        build.rows_to_pose(np.zeros((2, 43)))


def test_wrong_wheel_is_refused(tmp_path):
    wheel = tmp_path / "pybullet.whl"
    wheel.write_bytes(b"not a wheel")
    with pytest.raises(HmrError, match="not the expected wheel"):
        build.build(str(wheel))


@pytest.mark.skipif(
    "HMR_TF_PYBULLET_WHEEL" not in os.environ,
    reason="set HMR_TF_PYBULLET_WHEEL to the pybullet 3.2.7 wheel",
)
def test_rebuilding_gives_the_shipped_clips():
    (wheel,) = glob.glob(os.environ["HMR_TF_PYBULLET_WHEEL"])
    arrays = build.build(wheel)
    shipped = load_clips()
    for key in ("pose_axis_angle", "translation", "seconds"):
        stacked = np.concatenate([getattr(clip, key) for clip in shipped.values()])
        np.testing.assert_allclose(arrays[key], stacked, atol=1e-6)
