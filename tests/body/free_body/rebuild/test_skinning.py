"""Linear and dual-quaternion skinning."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.free_body.rebuild import skinning


@pytest.fixture
def posed():
    generator = np.random.default_rng(0)
    joints = generator.normal(size=(24, 3))
    rotations = Rotation.from_rotvec(generator.normal(size=(24, 3))).as_matrix()
    return joints, rotations, *skinning.bone_transforms(joints, rotations)


def test_bones_follow_the_tree(posed):
    """Walks from the left hand to the root by hand."""
    joints, rotations, turns, shifts = posed
    point = np.array([0.3, -0.2, 0.5])
    moved = point
    for joint in (22, 20, 18, 16, 13, 9, 6, 3, 0):
        moved = rotations[joint] @ (moved - joints[joint]) + joints[joint]
    np.testing.assert_allclose(turns[22] @ point + shifts[22], moved, atol=1e-12)


def test_one_bone_moves_rigidly_in_both(posed):
    _, _, turns, shifts = posed
    vertices = np.random.default_rng(1).normal(size=(24, 3))
    weights = np.eye(24)
    matrices, translations = skinning.linear_blend(weights, turns, shifts)
    linear = np.einsum("vab,vb->va", matrices, vertices) + translations
    np.testing.assert_allclose(
        linear, np.einsum("vab,vb->va", turns, vertices) + shifts, atol=1e-12
    )
    dual = skinning.dual_quaternion_blend(vertices, weights, turns, shifts)
    np.testing.assert_allclose(dual, linear, atol=1e-12)


@pytest.mark.parametrize("angle", [0.5, 2.0, 3.0, -3.0])
def test_half_way_between_two_turns_is_the_half_turn(angle):
    """Two bones about one axis: dual quaternions keep the distance to it, matrices shrink it."""
    turns = np.tile(np.eye(3), (24, 1, 1))
    turns[1] = Rotation.from_rotvec([0, 0, angle]).as_matrix()
    weights = np.zeros((1, 24))
    weights[0, :2] = 0.5
    vertex = np.array([[1.0, 0.0, 0.3]])
    dual = skinning.dual_quaternion_blend(vertex, weights, turns, np.zeros((24, 3)))
    expected = [np.cos(angle / 2), np.sin(angle / 2), 0.3]
    np.testing.assert_allclose(dual[0], expected, atol=1e-12)
    matrices, _ = skinning.linear_blend(weights, turns, np.zeros((24, 3)))
    assert np.linalg.norm((matrices[0] @ vertex[0])[:2]) == pytest.approx(np.cos(angle / 2))


def test_translations_blend():
    shifts = np.zeros((24, 3))
    shifts[1] = [2.0, 0.0, 4.0]
    weights = np.zeros((1, 24))
    weights[0, :2] = [0.75, 0.25]
    turns = np.tile(np.eye(3), (24, 1, 1))
    moved = skinning.dual_quaternion_blend(np.ones((1, 3)), weights, turns, shifts)
    np.testing.assert_allclose(moved, [[1.5, 1.0, 2.0]])
