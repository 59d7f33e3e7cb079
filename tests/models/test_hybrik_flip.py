"""Readings of mirrored images, turned back."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf import outputs
from hmr_tf.body import inverse_kinematics
from hmr_tf.geometry import rotations
from hmr_tf.models import hybrik_flip
from tfrecords_tools import skeletons

_SIZE = 64


def _reading(num_joints=29, seed=0, count=2):
    rng = np.random.default_rng(seed)
    shapes = {
        outputs.JOINTS_UVD: (num_joints, 3),
        outputs.BETAS: (10,),
        outputs.TWIST: (23, 2),
        outputs.CROP_CAMERA: (3,),
        outputs.SIGMA: (num_joints,),
    }
    if num_joints == 24:
        shapes[outputs.LEAF_QUATERNIONS] = (5, 4)
    return {
        key: tf.constant(rng.normal(scale=0.3, size=(count, *shape)), tf.float32)
        for key, shape in shapes.items()
    }


@pytest.mark.parametrize("num_joints", [24, 29])
def test_mirroring_twice_is_nothing(num_joints):
    reading = _reading(num_joints)
    again = hybrik_flip.mirror(hybrik_flip.mirror(reading, _SIZE), _SIZE)
    assert set(again) == set(reading)
    for key, values in reading.items():
        np.testing.assert_allclose(again[key], values, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("num_joints", [24, 29])
def test_a_symmetric_image_has_a_symmetric_mean(num_joints):
    """Its mirror image is read alike, so that the mean of both is its own mirror image."""
    reading = _reading(num_joints)
    mean = hybrik_flip.average(reading, hybrik_flip.mirror(reading, _SIZE))
    again = hybrik_flip.mirror(mean, _SIZE)
    for key in set(mean) - {outputs.LEAF_QUATERNIONS}:  # Of any length and sign.
        np.testing.assert_allclose(again[key], mean[key], atol=1e-6, err_msg=key)


def test_places_are_those_of_the_mirrored_pixels():
    reading = _reading()
    pixels = (reading[outputs.JOINTS_UVD].numpy()[..., :2] + 0.5) * _SIZE
    mirrored = hybrik_flip.mirror(reading, _SIZE)[outputs.JOINTS_UVD].numpy()
    expected = pixels[:, list(skeletons.HYBRIK29.flip)]
    expected[..., 0] = _SIZE - 1 - expected[..., 0]
    np.testing.assert_allclose((mirrored[..., :2] + 0.5) * _SIZE, expected, atol=1e-4)


def test_solved_rotations_are_mirrored():
    """On a skeleton that is its own mirror image."""
    rng = np.random.default_rng(1)
    flip = list(skeletons.HYBRIK29.flip)
    rest = rng.normal(scale=0.3, size=(1, 29, 3))
    rest = 0.5 * (rest + rest[:, flip] * [-1, 1, 1])
    joints = tf.constant(rng.normal(scale=0.3, size=(1, 29, 3)))
    reading = {key: tf.cast(x, tf.float64) for key, x in _reading(count=1).items()}
    twist = reading[outputs.TWIST]
    mirrored = hybrik_flip.mirror(_reading(count=1), _SIZE)[outputs.TWIST]
    plain = inverse_kinematics.solve(joints, rest, twist)
    other = inverse_kinematics.solve(
        tf.gather(joints, flip, axis=1) * [-1.0, 1.0, 1.0], rest, tf.cast(mirrored, tf.float64)
    )
    expected = rotations.mirror_matrix(plain, skeletons.SMPL24.flip)
    np.testing.assert_allclose(other, expected, atol=1e-6)


def test_leaves_are_mirrored_as_rotations():
    reading = _reading(24)
    mirrored = hybrik_flip.mirror(reading, _SIZE)[outputs.LEAF_QUATERNIONS]
    plain = rotations.quaternion_to_matrix(reading[outputs.LEAF_QUATERNIONS])
    expected = rotations.mirror_matrix(
        tf.concat([tf.eye(3, batch_shape=[2, 19]), plain], axis=1),
        [*range(19), *(19 + leaf for leaf in (1, 0, 2, 4, 3))],
    )
    found = rotations.quaternion_to_matrix(mirrored)
    np.testing.assert_allclose(found, expected[:, 19:], atol=1e-6)


def test_the_mean_of_quaternions_ignores_their_signs():
    first, second = _reading(24), _reading(24)
    turn = Rotation.from_rotvec([0.1, 0.2, 0.3])
    plain = first[outputs.LEAF_QUATERNIONS].numpy()
    for index in np.ndindex(2, 5):
        rotation = Rotation.from_quat(np.roll(plain[index], -1)) * turn
        plain[index] = -np.roll(rotation.as_quat(), 1)
    second[outputs.LEAF_QUATERNIONS] = tf.constant(plain)
    mean = hybrik_flip.average(first, second)[outputs.LEAF_QUATERNIONS]
    found = rotations.quaternion_to_matrix(mean).numpy()
    half = Rotation.from_rotvec([0.05, 0.1, 0.15]).as_matrix()
    start = rotations.quaternion_to_matrix(first[outputs.LEAF_QUATERNIONS]).numpy()
    np.testing.assert_allclose(found, start @ half, atol=1e-5)
