"""Global rotations against the printed poses, SciPy and forward kinematics."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.geometry import rotations as rotations_lib
from hmr_tf.geometry.global_rotations import global_to_local, local_to_global
from hmr_tf.geometry.kinematics import KinematicTree, forward_kinematics
from tfrecords_tools.skeletons import SMPL_PARENTS

TREE = KinematicTree(SMPL_PARENTS)


def _random_pose(count=4, seed=0):
    vectors = np.random.default_rng(seed).normal(scale=0.8, size=(count * 24, 3))
    return Rotation.from_rotvec(vectors).as_matrix().reshape(count, 24, 3, 3).astype(np.float32)


def test_printed_pose():
    joints = np.arange(24)
    pose = np.stack([0.1 * (joints % 5), -0.07 * (joints % 7), 0.05 * (joints % 3)], axis=-1)
    matrices = rotations_lib.axis_angle_to_matrix(tf.constant(pose, tf.float32))
    found = local_to_global(matrices, TREE).numpy()
    fifteen = [
        [0.4301295, -0.4517393, -0.7816119],
        [-0.5156286, 0.5877406, -0.6234459],
        [0.7410213, 0.6711850, 0.0198749],
    ]
    last = [
        [0.2618646, -0.9609082, 0.0898708],
        [-0.7454180, -0.2605256, -0.6135739],
        [0.6130037, 0.0936821, -0.7845029],
    ]
    np.testing.assert_allclose(found[15], fifteen, atol=1e-4)
    np.testing.assert_allclose(found[23], last, atol=1e-4)


def test_printed_6d_vectors():
    """The interleaved layout, whose vectors are the columns of the matrix."""
    printed = {
        (1, 0, 0, 1, 0, 0): (np.eye(3), (0, 0, 0)),
        (1, 2, 3, 4, 5, 6): (
            [
                [0.1690308, 0.8970854, -0.4082484],
                [0.5070925, 0.2760268, 0.8164966],
                [0.8451542, -0.3450321, -0.4082482],
            ],
            (-1.373906, -1.482578, -0.461300),
        ),
        (0.3, -0.5, 0.8, 0.1, -0.2, 0.9): (
            [
                [0.3418817, -0.4048647, 0.8480574],
                [0.9116846, 0.3617662, -0.1948240],
                [-0.2279211, 0.8397677, 0.4927901],
            ],
            (0.765377, 0.795994, 0.973965),
        ),
    }
    for numbers, (matrix, axis_angle) in printed.items():
        found = rotations_lib.rotation_6d_to_matrix(tf.constant(numbers, tf.float32))
        np.testing.assert_allclose(found, matrix, atol=1e-5)
        found = rotations_lib.matrix_to_axis_angle(found)
        np.testing.assert_allclose(found, axis_angle, atol=1e-5)


def test_composes_as_scipy_does():
    local = _random_pose()
    found = local_to_global(local, TREE)
    expected = [Rotation.from_matrix(local[:, 0])]
    for joint in range(1, 24):
        expected.append(expected[SMPL_PARENTS[joint]] * Rotation.from_matrix(local[:, joint]))
    expected = np.stack([x.as_matrix() for x in expected], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found[2], local_to_global(local[2], TREE), atol=1e-6)


def test_round_trips():
    pose = _random_pose()
    np.testing.assert_allclose(global_to_local(local_to_global(pose, TREE), TREE), pose, atol=1e-5)
    np.testing.assert_allclose(local_to_global(global_to_local(pose, TREE), TREE), pose, atol=1e-5)
    small = Rotation.from_rotvec(np.random.default_rng(1).uniform(-1.7, 1.7, (24, 3)))
    local = small.as_matrix().astype(np.float32)
    back = global_to_local(local_to_global(local, TREE), TREE)
    found = rotations_lib.matrix_to_axis_angle(back)
    np.testing.assert_allclose(found, small.as_rotvec(), atol=1e-4)


@pytest.mark.parametrize("space", ["global", "local"])
def test_an_error_of_a_global_rotation_does_not_add_up(space):
    """The paper's point: what hangs on the joint moves rigidly, and is not turned."""
    joint, below = 16, [18, 20, 22]
    rest = np.random.default_rng(2).normal(scale=0.3, size=(24, 3)).astype(np.float32)
    truth = local_to_global(_random_pose(1), TREE).numpy()[0]
    error = Rotation.from_rotvec(np.radians(30) * np.array([0.6, 0.0, 0.8])).as_matrix()
    disturbed = truth.copy()
    if space == "global":
        disturbed[joint] = error @ truth[joint]
        disturbed = global_to_local(disturbed, TREE).numpy()
    else:
        disturbed = global_to_local(truth, TREE).numpy()
        disturbed[joint] = error @ disturbed[joint]
    truth_local = global_to_local(truth, TREE)
    before, joints_before = forward_kinematics(truth_local, rest, TREE)
    after, joints_after = forward_kinematics(disturbed, rest, TREE)
    turned = np.abs(after - before).max(axis=(1, 2)) > 1e-5
    if space == "local":
        assert np.flatnonzero(turned).tolist() == [joint, *below]
        return
    assert np.flatnonzero(turned).tolist() == [joint]
    shift = (error - np.eye(3)) @ truth[joint] @ (rest[18] - rest[16])
    np.testing.assert_allclose(
        joints_after.numpy()[below] - joints_before.numpy()[below], [shift] * 3, atol=1e-5
    )


def test_gradients_are_finite_where_children_equal_their_parents():
    """As with branches that begin at zero: every local rotation is exactly the identity."""
    start = tf.tile([[[1.0, 0.0, 0.0, -1.0, 0.0, 0.0]]], [2, 24, 1])
    with tf.GradientTape() as tape:
        tape.watch(start)
        local = global_to_local(rotations_lib.rotation_6d_to_matrix(start), TREE)
        loss = tf.reduce_sum(tf.square(rotations_lib.matrix_to_axis_angle(local) - 0.1))
    np.testing.assert_allclose(local[:, 1:], np.tile(np.eye(3), (2, 23, 1, 1)), atol=1e-6)
    gradient = tape.gradient(loss, start).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
