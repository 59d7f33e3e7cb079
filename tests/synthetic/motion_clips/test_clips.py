"""The motion clips that ship with the package."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.synthetic import motion_clips

FRAMES = {
    "backflip": 29,
    "cartwheel": 164,
    "crawl": 177,
    "dance_a": 98,
    "dance_b": 153,
    "getup_facedown": 183,
    "getup_faceup": 227,
    "jump": 107,
    "kick": 47,
    "punch": 65,
    "roll": 121,
    "run": 25,
    "spin": 107,
    "spinkick": 78,
    "walk": 39,
}
MIRROR = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]


@pytest.fixture(scope="module")
def clips():
    return motion_clips.load_clips()


def test_names_and_lengths(clips):
    assert {name: len(clip.seconds) for name, clip in clips.items()} == FRAMES
    for clip in clips.values():
        assert clip.pose_axis_angle.shape == (len(clip.seconds), 72)
        assert clip.translation.shape == (len(clip.seconds), 3)
        for array in (clip.pose_axis_angle, clip.translation, clip.seconds):
            assert array.dtype == np.float32
            assert np.isfinite(array).all()


def test_walk_is_upright_and_goes_forward(clips):
    walk = clips["walk"]
    up = Rotation.from_rotvec(walk.pose_axis_angle[:, :3]).apply([0.0, 1.0, 0.0])
    assert up[:, 1].min() > np.cos(np.radians(15))
    travel = walk.translation[-1] - walk.translation[0]
    assert travel[2] > 1.0
    assert abs(travel[0]) < 0.3
    assert 0.7 < walk.translation[:, 1].mean() < 1.0
    assert 1.0 < walk.seconds.sum() < 2.0


def test_arms_hang_and_swing_against_the_legs_while_walking(clips):
    pose = clips["walk"].pose_axis_angle.reshape(-1, 24, 3)
    directions = {}
    for joint, rest in ((1, [0, -1, 0]), (2, [0, -1, 0]), (16, [1, 0, 0]), (17, [-1, 0, 0])):
        directions[joint] = Rotation.from_rotvec(pose[:, joint]).apply(rest)
    assert directions[16][:, 1].max() < -0.8  # Upper arms point down all the time.
    assert directions[17][:, 1].max() < -0.8
    # A person swings the right arm forward with the left leg.
    forward = {joint: direction[:, 2] for joint, direction in directions.items()}
    assert np.corrcoef(forward[1], forward[17])[0, 1] > 0.6
    assert np.corrcoef(forward[2], forward[16])[0, 1] > 0.6
    assert np.corrcoef(forward[1], forward[2])[0, 1] < -0.6


def test_hinges_bend_the_human_way(clips):
    for name, clip in clips.items():
        pose = clip.pose_axis_angle.reshape(-1, 24, 3)
        # Knees turn about +x only: the shin goes backwards. Capture noise overshoots a little.
        assert np.abs(pose[:, [4, 5], 1:]).max() == 0.0, name
        assert pose[:, [4, 5], 0].min() > -0.25, name
        # Elbows turn about the vertical of the T-pose: the forearms come forward.
        assert np.abs(pose[:, [18, 19]][..., [0, 2]]).max() < 1e-6, name
        assert pose[:, 18, 1].max() < 0.1, name
        assert pose[:, 19, 1].min() > -0.1, name


def test_joints_without_a_source_stay_at_rest(clips):
    for clip in clips.values():
        pose = clip.pose_axis_angle.reshape(-1, 24, 3)
        assert not pose[:, [10, 11, 13, 14, 20, 21, 22, 23]].any()
        np.testing.assert_array_equal(pose[:, 3], pose[:, 9])
        np.testing.assert_array_equal(pose[:, 12], pose[:, 15])


def test_somersaults_turn_the_body_over(clips):
    for name in ("backflip", "cartwheel", "roll"):
        up = Rotation.from_rotvec(clips[name].pose_axis_angle[:, :3]).apply([0.0, 1.0, 0.0])
        assert up[:, 1].min() < -0.8, name
