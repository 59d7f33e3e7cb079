"""Forward kinematics by level against a walk joint by joint, and the printed values."""

import filler
import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.geometry.kinematics import KinematicTree, forward_kinematics
from hmr_tf.geometry.rotations import axis_angle_to_matrix
from tfrecords_tools import skeletons

_TREE = KinematicTree(toy_body.PARENTS)


def random_inputs(shape, num_joints=24):
    rng = np.random.default_rng(0)
    count = int(np.prod(shape)) * num_joints
    rotations = Rotation.random(count, random_state=1).as_matrix()
    return (
        rotations.reshape(*shape, num_joints, 3, 3).astype(np.float32),
        rng.normal(size=(*shape, num_joints, 3)).astype(np.float32),
    )


def walk(rotations, joints, parents):
    """4x4 transforms multiplied joint by joint, float64."""
    transforms = []
    for joint, parent in enumerate(parents):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        transforms.append(local if parent < 0 else transforms[parent] @ local)
    stacked = np.stack(transforms)
    return stacked[:, :3, :3], stacked[:, :3, 3]


def test_smpl_takes_nine_levels():
    assert toy_body.PARENTS == tuple(skeletons.SMPL_PARENTS)
    assert len(_TREE.levels) == 9
    assert sorted(j for level in _TREE.levels for j in level) == list(range(24))
    assert _TREE.levels[0] == (0,) and _TREE.levels[-1] == (22, 23)


@pytest.mark.parametrize(
    "parents",
    [
        toy_body.PARENTS,
        (-1, 0, 1, 2, 0, 1, 4, 0),  # Numbered depth first: levels are not in the order of joints.
        (-1,),
        (-1, 0, 1, 2, 3),
    ],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_against_a_walk_joint_by_joint(parents, shape):
    rotations, joints = random_inputs(shape, len(parents))
    turned, posed = forward_kinematics(rotations, joints, KinematicTree(parents))
    assert turned.shape == rotations.shape and posed.shape == joints.shape
    for index in np.ndindex(*shape):
        expected = walk(rotations[index], joints[index], parents)
        np.testing.assert_allclose(turned[index], expected[0], atol=2e-6)
        np.testing.assert_allclose(posed[index], expected[1], atol=2e-5)


@pytest.mark.parametrize(
    ("rotate_base", "sums", "joint_23"),
    [
        (False, (-73.55893, 7.600965), (-1.848978, -1.733139, -1.450966)),
        (True, (-28.564888, -20.157864), (-1.848978, 0.532516, -0.421814)),
    ],
)
def test_printed_values_of_rotate_base(rotate_base, sums, joint_23):
    pose, _, _ = toy_body.filler_inputs()
    rotations = axis_angle_to_matrix(pose.reshape(2, 24, 3))
    joints = filler.signed("rb/J", (2, 24, 3)).astype(np.float32)
    _, posed = forward_kinematics(rotations, joints, _TREE, rotate_base=rotate_base)
    np.testing.assert_allclose(tf.reduce_sum(posed, [1, 2]), sums, atol=1e-4)
    np.testing.assert_allclose(posed[0, 23], joint_23, atol=1e-5)


def test_gradient_matches_finite_differences():
    parents = (-1, 0, 1, 1, 0)
    rotations, joints = random_inputs((2,), len(parents))
    tree = KinematicTree(parents)
    weights = np.random.default_rng(3).normal(size=joints.shape)
    variables = [tf.constant(rotations), tf.constant(joints)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        posed = forward_kinematics(*variables, tree)[1]
        loss = tf.reduce_sum(posed * tf.constant(weights, tf.float32))
    gradients = tape.gradient(loss, variables)

    def loss_at(rotations, joints):
        posed = [walk(r, j, parents)[1] for r, j in zip(rotations, joints)]
        return np.sum(np.stack(posed) * weights)

    base = [rotations.astype(np.float64), joints.astype(np.float64)]
    for which, gradient in enumerate(gradients):
        for flat in range(0, gradient.numpy().size, 7):
            index = np.unravel_index(flat, gradient.shape)
            up, down = [v.copy() for v in base], [v.copy() for v in base]
            up[which][index] += 1e-5
            down[which][index] -= 1e-5
            slope = (loss_at(*up) - loss_at(*down)) / 2e-5
            assert gradient.numpy()[index] == pytest.approx(slope, abs=1e-4)


@pytest.mark.parametrize("parents", [(), (0, 0), (-1, 2, 1), (-1, -1), (-1, 1)])
def test_what_is_no_tree_is_refused(parents):
    with pytest.raises(ValueError, match="parents must start with -1"):
        KinematicTree(parents)


def test_wrong_shapes_are_named():
    rotations, joints = random_inputs((2,))
    with pytest.raises(ValueError, match=r"rotations must be \[\.\.\., 24, 3, 3\]; received"):
        forward_kinematics(rotations[:, 1:], joints, _TREE)
    with pytest.raises(ValueError, match=r"joints must be \[\.\.\., 24, 3\]; received"):
        forward_kinematics(rotations, joints[..., :2], _TREE)
