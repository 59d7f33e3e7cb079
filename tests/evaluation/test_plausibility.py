"""Hand-made poses on either side of the limits."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.evaluation import plausibility
from tfrecords_tools.skeletons import SMPL24

# One bound of each kind of joint: the axis, the angle at which its range ends, left side.
BOUNDS = {
    "smpl_left_hip": [("x", -130), ("x", 35), ("y", 50), ("z", 65), ("z", -35)],
    "left_knee": [("x", 150), ("x", -3), ("z", 8)],
    "left_ankle": [("x", 50), ("x", -30), ("y", -25)],
    "left_shoulder": [("x", 90), ("y", -135), ("y", 50), ("z", 95)],
    "left_elbow": [("y", -150), ("y", 3), ("x", -85)],
    "left_wrist": [("z", 70), ("x", 20)],
    "smpl_left_hand": [("z", 20), ("z", -50)],
    "smpl_left_collar": [("z", 25), ("z", -8)],
    "smpl_spine2": [("x", 35), ("x", -18), ("y", 18)],
    "smpl_neck": [("y", -40), ("z", 25)],
}
CASES = [(joint, axis, end) for joint, ends in BOUNDS.items() for axis, end in ends]


def pose(joint, rotvec_deg):
    rotations = np.tile(np.eye(3), (24, 1, 1))
    rotations[SMPL24.index(joint)] = Rotation.from_rotvec(np.radians(rotvec_deg)).as_matrix()
    return rotations


def turned(joint, axis, degrees):
    return pose(joint, degrees * np.eye(3)["xyz".index(axis)])


@pytest.mark.parametrize(("joint", "axis", "end"), CASES)
def test_each_limit_from_both_sides_and_mirrored(joint, axis, end):
    within, slightly, far = (end + np.sign(end) * by for by in (-2.0, 7.0, 25.0))
    poses = np.stack([turned(joint, axis, angle) for angle in (within, slightly, far)])
    other = SMPL24.joints[SMPL24.flip[SMPL24.index(joint)]]
    # A mirror image turns the other way about y and z.
    sign = 1.0 if axis == "x" else -1.0
    mirrored = np.stack([turned(other, axis, sign * angle) for angle in (within, slightly, far)])
    for rotations, name in ((poses, joint), (mirrored, other)):
        excess = plausibility.limit_excess_deg(rotations)
        assert excess.shape == (3, 24)
        np.testing.assert_allclose(excess[:, SMPL24.index(name)], [0.0, 7.0, 25.0], atol=1e-4)
        assert np.delete(excess, SMPL24.index(name), axis=1).max() < 1e-9
        found = plausibility.measure(rotations)
        assert found["beyond_limits"] == pytest.approx(1 / 3)
        assert found["excess_deg"] == pytest.approx(32 / 3, abs=1e-3)


def test_the_worst_joint_counts_and_the_root_never():
    rotations = pose("left_knee", [-33.0, 0.0, 0.0])
    rotations[SMPL24.index("right_elbow")] = turned("right_elbow", "y", -53.0)[19]
    rotations[0] = Rotation.from_rotvec([np.pi, 0, 0]).as_matrix()
    excess = plausibility.limit_excess_deg(rotations[None])[0]
    assert excess[0] == pytest.approx(0.0, abs=1e-9)
    assert excess[[4, 19]] == pytest.approx([30.0, 50.0], abs=1e-3)
    assert plausibility.measure(rotations[None])["excess_deg"] == pytest.approx(50.0, abs=1e-3)


def test_combined_turns_within_each_range_are_within():
    """A lifted, spread and twisted thigh, the twist first: R = swing * twist."""
    twist, swing = np.radians([[0, 40, 0], [-100, 0, 50]])
    rotations = pose("smpl_left_hip", [0.0, 0.0, 0.0])
    both = Rotation.from_rotvec(swing) * Rotation.from_rotvec(twist)
    rotations[1] = both.as_matrix()
    assert plausibility.limit_excess_deg(rotations[None].astype(np.float32)).max() < 1e-3
