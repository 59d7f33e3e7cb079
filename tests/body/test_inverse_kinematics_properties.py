"""What must hold of the solvers whatever the numbers: that joints come back, aims, symmetries."""

from __future__ import annotations

import hybrik_formulas as formulas
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body import inverse_kinematics as ik

_FLIP = np.arange(29)
for _left, _right in formulas.SWAPS:
    _FLIP[[_left, _right]] = _right, _left
_REST = formulas.REST[None]
_TRUE = formulas.ROTATIONS[None]
_JOINTS = formulas.forward(_TRUE, _REST)
_TWISTS = formulas.twists_of(_TRUE, _REST)
_TYPES = [(np.float64, 1.0), (np.float32, 1e3)]
_BOTH = pytest.mark.parametrize("method", ik.METHODS)
_RELEASED_ROOTS = {"adaptive": "svd", "naive": "closed_form"}


def _noisy(amplitude_mm):
    return _JOINTS + 1e-3 * amplitude_mm * formulas.PERTURBATION


@_BOTH
@pytest.mark.parametrize("root", ik.ROOTS)
@pytest.mark.parametrize(("dtype", "scale"), _TYPES)
def test_joints_come_back(method, root, dtype, scale):
    rest, rotations, twists = (x.astype(dtype) for x in formulas.random_people(50))
    joints = formulas.forward(rotations, rest)
    found = ik.solve(joints, rest, twists, method, root=root).numpy()
    again = formulas.forward(found, rest)
    again += (joints - again)[:, :1]
    # On float32 the root found in closed form hangs on a lever of 3 cm.
    np.testing.assert_allclose(again, joints, atol=1e-8 * scale)
    np.testing.assert_allclose(found, rotations, atol=1e-7 * scale)
    formulas.assert_rotations(found, 3e-9 * scale)


@_BOTH
@pytest.mark.parametrize("root", ik.ROOTS)
def test_any_joints_give_rotations(method, root):
    rng = np.random.default_rng(3)
    rest = (_REST + rng.normal(scale=0.1, size=(200, 29, 3))).astype(np.float32)
    for scale in (1e-5, 0.01, 100.0):
        joints = rng.normal(scale=scale, size=(200, 29, 3)).astype(np.float32)
        twists = rng.normal(size=(200, 23, 2)).astype(np.float32)
        for spine3 in ik.SPINE3:
            found = ik.solve(joints, rest, twists, method, root=root, spine3=spine3)
            formulas.assert_rotations(found.numpy(), 1e-5)


def test_without_the_switch_only_the_length_of_one_bone_is_missed():
    rest, rotations, twists = formulas.random_people(20)
    rng = np.random.default_rng(4)
    joints = formulas.forward(rotations, rest) + rng.normal(scale=0.02, size=rest.shape)
    found = ik.solve(joints, rest, twists, switch=None).numpy()
    placed = formulas.forward(found, rest)
    goals = joints - joints[:, :1] + rest[:, :1]
    for joint in range(1, 24):
        child = formulas.CHILDREN[joint]
        aim, bone = goals[:, child] - placed[:, joint], placed[:, child] - placed[:, joint]
        np.testing.assert_allclose(np.cross(aim, bone), 0.0, atol=1e-9)
        missed = np.linalg.norm(goals[:, child] - placed[:, child], axis=-1)
        lengths = np.linalg.norm(aim, axis=-1) - np.linalg.norm(bone, axis=-1)
        np.testing.assert_allclose(missed, np.abs(lengths), atol=1e-9)


def test_aiming_makes_up_for_a_wrong_root():
    turn = Rotation.from_rotvec([0.0, 0.1, 0.05]).as_matrix()[None]
    ends = [7, 8, 10, 11, 15, 20, 21]
    errors = {}
    for method in ik.METHODS:
        found = ik.solve(
            _JOINTS, _REST, _TWISTS, method, switch=None, global_orient=turn @ _TRUE[:, 0]
        )
        np.testing.assert_allclose(found[:, 0], turn @ _TRUE[:, 0], atol=1e-12)
        placed = formulas.forward(found.numpy(), _REST)
        errors[method] = np.linalg.norm(placed - _JOINTS, axis=-1)[0, ends].mean()
    assert errors["adaptive"] < 0.5 * errors["naive"]


def test_the_switch_looks_at_one_aim_at_a_time():
    # The shin is given too long, which moves all that hangs on it.
    direction = (_JOINTS[0, 7] - _JOINTS[0, 4]) / np.linalg.norm(_JOINTS[0, 7] - _JOINTS[0, 4])
    joints = np.repeat(_JOINTS, 3, axis=0)
    for row, longer in enumerate((0.014, 0.016)):
        joints[row, [7, 10, 27]] += longer * direction
    rest, twists = np.repeat(_REST, 3, axis=0), np.repeat(_TWISTS, 3, axis=0)
    aimed = ik.solve(joints, rest, twists, switch=None).numpy()
    found = ik.solve(joints, rest, twists).numpy()
    naive = ik.solve(joints, rest, twists, "naive").numpy()
    np.testing.assert_allclose(found[0], aimed[0], atol=1e-12)
    np.testing.assert_allclose(found[1, [7, 10]], naive[1, [7, 10]], atol=1e-12)
    assert np.abs(found[1, [7, 10]] - aimed[1, [7, 10]]).max() > 0.01
    others = [joint for joint in range(24) if joint not in (4, 7, 10)]
    np.testing.assert_allclose(found[1, others], found[0, others], atol=1e-12)
    np.testing.assert_allclose(found[2], _TRUE[0], atol=1e-10)
    # The shin itself points the same way by either aim.
    _, fell_back = formulas.solve(joints, rest, twists)
    assert [np.flatnonzero(row).tolist() for row in fell_back] == [[], [4, 7, 10], []]


@_BOTH
def test_a_turned_and_moved_skeleton_turns_the_root_alone(method):
    joints = _noisy(6)
    turn = Rotation.random(random_state=5).as_matrix()
    root = _RELEASED_ROOTS[method]
    still = ik.solve(joints, _REST, _TWISTS, method, root=root).numpy()
    found = ik.solve(joints @ turn.T + [1.0, -2.0, 5.0], _REST, _TWISTS, method, root=root).numpy()
    np.testing.assert_allclose(found[:, 0], turn @ still[:, 0], atol=1e-9)
    np.testing.assert_allclose(found[:, 1:], still[:, 1:], atol=1e-9)


def test_size_does_not_matter_to_the_naive_solver_only():
    joints, change = _noisy(6), {}
    for method in ik.METHODS:
        found = ik.solve(joints, _REST, _TWISTS, method)
        change[method] = np.abs(ik.solve(1.3 * joints, _REST, _TWISTS, method) - found).max()
    assert change["naive"] < 1e-12
    assert change["adaptive"] == pytest.approx(0.083, abs=0.002)


@_BOTH
@pytest.mark.parametrize("root", ik.ROOTS)
@pytest.mark.parametrize("spine3", ik.SPINE3)
def test_a_mirrored_skeleton_gives_the_mirrored_pose(method, root, spine3):
    mirror = np.diag([-1.0, 1.0, 1.0])
    joints = _noisy(6)
    found = ik.solve(joints, _REST, _TWISTS, method, root=root, spine3=spine3).numpy()
    twists = (_TWISTS * [1.0, -1.0])[:, _FLIP[1:24] - 1]
    mirrored = ik.solve(
        (joints @ mirror)[:, _FLIP], _REST, twists, method, root=root, spine3=spine3
    )
    expected = (mirror @ found @ mirror)[:, _FLIP[:24]]
    np.testing.assert_allclose(mirrored, expected, atol=1e-9)
    axis_angle = Rotation.from_matrix(found[0]).as_rotvec()[_FLIP[:24]] * [1.0, -1.0, -1.0]
    np.testing.assert_allclose(mirrored[0], Rotation.from_rotvec(axis_angle).as_matrix(), atol=1e-9)
    quaternion = Rotation.from_matrix(found[0]).as_quat()[_FLIP[:24]] * [1.0, -1.0, -1.0, 1.0]
    np.testing.assert_allclose(mirrored[0], Rotation.from_quat(quaternion).as_matrix(), atol=1e-9)


@_BOTH
def test_24_joints_take_the_leaves_rotations(method):
    leaves = Rotation.random(5, random_state=6).as_matrix()[None]
    joints, rest = _noisy(6)[:, :24], _REST[:, :24]
    found = ik.solve(joints, rest, _TWISTS, method, leaf_rotations=leaves).numpy()
    np.testing.assert_array_equal(found[:, [10, 11, 15, 22, 23]], leaves)
    others = [joint for joint in range(24) if joint not in ik.LEAF_PARENTS]
    expected = ik.solve(_noisy(6), _REST, _TWISTS, method).numpy()
    np.testing.assert_allclose(found[:, others], expected[:, others], atol=1e-12)
