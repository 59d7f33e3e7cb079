"""The pelvis' rotation against the printed formulas, and what each way can and cannot see."""

from __future__ import annotations

import hybrik_formulas as formulas
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body import pelvis_orientation

_RNG = np.random.default_rng(0)
_TURNS = Rotation.random(100, random_state=1).as_matrix()
_REST = np.tile(formulas.REST, (100, 1, 1))
_JOINTS = np.einsum("nij,nkj->nki", _TURNS, _REST) + _RNG.normal(size=(100, 1, 3))


def _bones(joints):
    return joints - joints[:, list(formulas.PARENTS)]


@pytest.mark.parametrize("name", pelvis_orientation.SOLVERS)
@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-12), (np.float32, 5e-5)])
def test_a_turned_body_is_turned(name, dtype, digits):
    found = pelvis_orientation.SOLVERS[name](_JOINTS.astype(dtype), _REST.astype(dtype))
    np.testing.assert_allclose(found, _TURNS, atol=digits)


@pytest.mark.parametrize("name", pelvis_orientation.SOLVERS)
def test_against_the_formulas(name):
    joints = _JOINTS + _RNG.normal(scale=0.02, size=_JOINTS.shape)
    solve = {"svd": formulas.kabsch, "closed_form": formulas.in_closed_form}[name]
    expected = solve(_bones(_REST), _bones(joints), formulas.TINY)
    found = pelvis_orientation.SOLVERS[name](joints, _REST)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_a_mirrored_body_gives_a_rotation_by_svd_and_is_not_seen_in_closed_form():
    mirrored = _JOINTS.copy()
    mirrored[:, [1, 2]] = _JOINTS[:, [2, 1]]
    found = pelvis_orientation.by_svd(mirrored, _REST).numpy()
    np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=1e-12)
    assert np.abs(found - _TURNS).max(axis=(1, 2)).min() > 0.1
    unseen = pelvis_orientation.in_closed_form(mirrored, _REST)
    np.testing.assert_allclose(unseen, _TURNS, atol=1e-10)


def test_fit_does_not_depend_on_the_order_of_bones():
    bones, rest_bones = _JOINTS[:, 1:4] - _JOINTS[:, :1], _REST[:, 1:4] - _REST[:, :1]
    bones = bones + _RNG.normal(scale=0.02, size=bones.shape)
    expected = pelvis_orientation.fit_bones(rest_bones, bones)
    found = pelvis_orientation.fit_bones(rest_bones[:, [2, 0, 1]], bones[:, [2, 0, 1]])
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", pelvis_orientation.SOLVERS)
@pytest.mark.parametrize("size", [0.0, 1e-6])
def test_joints_at_one_point_turn_nothing(name, size):
    joints = np.ones((2, 29, 3)) + size * formulas.REST[None]
    found = pelvis_orientation.SOLVERS[name](joints, _REST[:2])
    np.testing.assert_allclose(found, np.tile(np.eye(3), (2, 1, 1)), atol=1e-12)


def test_hips_turned_right_around_turn_about_the_spine():
    spine = formulas.REST[3] - formulas.REST[0]
    turn = Rotation.from_rotvec(np.pi * spine / np.linalg.norm(spine)).as_matrix()
    joints = (formulas.REST - formulas.REST[0]) @ turn.T
    found = pelvis_orientation.in_closed_form(joints[None], _REST[:1])
    np.testing.assert_allclose(found[0], turn, atol=2e-4)


def test_bones_on_a_line_give_rotations():
    joints = np.zeros((2, 29, 3))
    joints[0, 1:4] = [[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [0.2, 0.0, 0.0]]
    joints[1, 1] = [0.0, 0.1, 0.0]
    for solve in pelvis_orientation.SOLVERS.values():
        found = solve(joints, _REST[:2]).numpy()
        np.testing.assert_allclose(found @ found.transpose(0, 2, 1), [np.eye(3)] * 2, atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=1e-12)
