"""Twists and swings against SciPy, and where a direction or a length is missing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.geometry import swing_twist

_RNG = np.random.default_rng(0)
_ROTATIONS = Rotation.random(200, random_state=1).as_matrix()
_VECTORS = _RNG.normal(scale=0.3, size=(200, 3))
_UNITS = _VECTORS / np.linalg.norm(_VECTORS, axis=-1, keepdims=True)
_TYPES = [(np.float64, 1e-13), (np.float32, 3e-6)]


def _apply(matrix, vector):
    return np.einsum("...ij,...j->...i", matrix, vector)


def _assert_rotations(matrices, digits):
    matrices = np.asarray(matrices, np.float64)
    squares = matrices @ np.swapaxes(matrices, -1, -2)
    np.testing.assert_allclose(squares, np.broadcast_to(np.eye(3), squares.shape), atol=digits)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0, atol=digits)


@pytest.mark.parametrize(("dtype", "digits"), _TYPES)
def test_a_rotation_is_its_swing_after_its_twist(dtype, digits):
    axis, rotation = _UNITS.astype(dtype), _ROTATIONS.astype(dtype)
    cos_sin = swing_twist.twist_of(rotation, axis)
    assert cos_sin.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(cos_sin, axis=-1), 1.0, atol=digits)
    swing = swing_twist.swing(axis, _apply(rotation, axis))
    twist = swing_twist.twist(axis, cos_sin)
    # Directions are found no better than their swing is far from half a turn.
    np.testing.assert_allclose(swing.numpy() @ twist.numpy(), rotation, atol=100 * digits)
    np.testing.assert_allclose(_apply(twist.numpy(), axis), axis, atol=digits)
    swing_axis = Rotation.from_matrix(swing.numpy()).as_rotvec()
    np.testing.assert_allclose((swing_axis * axis).sum(-1), 0.0, atol=10 * digits)


@pytest.mark.parametrize(("dtype", "digits"), _TYPES)
def test_swing_is_the_smallest_rotation_between_two_vectors(dtype, digits):
    start, end = _VECTORS.astype(dtype), _VECTORS[::-1].astype(dtype)
    swing = swing_twist.swing(start, end).numpy()
    _assert_rotations(swing, digits)
    np.testing.assert_allclose(_apply(swing, _UNITS), _UNITS[::-1], atol=3 * digits)
    angle = np.arccos(np.clip((_UNITS * _UNITS[::-1]).sum(-1), -1, 1))
    found = np.linalg.norm(Rotation.from_matrix(swing).as_rotvec(), axis=-1)
    np.testing.assert_allclose(found, angle, atol=1e-6 if dtype == np.float64 else 2e-3)


def test_the_sign_of_a_twist():
    axis = np.array([0.0, 0.6, 0.8])
    rotation = Rotation.from_rotvec(np.radians(30) * axis).as_matrix()
    np.testing.assert_allclose(swing_twist.twist_of(rotation, axis), (0.8660254, 0.5), atol=1e-7)
    np.testing.assert_allclose(swing_twist.twist(axis, [0.8660254, 0.5]), rotation, atol=1e-7)
    # Only the angle counts, not the length.
    np.testing.assert_allclose(swing_twist.twist(axis, [8.660254, 5.0]), rotation, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nearly_opposite_vectors_still_give_rotations(dtype):
    start = np.repeat(_UNITS[:20], 10, axis=0)
    side = swing_twist.perpendicular(start).numpy()
    angles = np.tile(np.pi - 10.0 ** -np.arange(1, 11), 20)[:, None]
    end = 0.1 * (np.cos(angles) * start + np.sin(angles) * side)
    swing = swing_twist.swing(start.astype(dtype), end.astype(dtype)).numpy()
    _assert_rotations(swing, 1e-14 if dtype == np.float64 else 1e-6)
    # Next to opposite, float32 knows the direction half way to a few digits only.
    digits = 1.1e-4 if dtype == np.float64 else 2e-3
    np.testing.assert_allclose(_apply(swing, start), 10 * end, atol=digits)


def test_opposite_vectors_turn_by_the_given_way():
    swing = swing_twist.swing([0.0, 0.0, 2.0], [0.0, 0.0, -1.0], around=[1.0, 0.0, 0.0])
    np.testing.assert_allclose(swing, np.diag([-1.0, 1.0, -1.0]), atol=1e-7)


def test_what_has_no_direction_turns_nothing():
    identity = np.eye(3)
    for start, end in (([0.1, 0.2, 0.0], [0.0, 0.0, 0.0]), ([0.1, 0.2, 0.0], [0.0, 1e-6, 0.0])):
        np.testing.assert_allclose(swing_twist.swing(start, end), identity, atol=1e-6)
    axis = [0.6, 0.8, 0.0]
    for angle in ([0.0, 0.0], [1e-9, -1e-9]):
        np.testing.assert_allclose(swing_twist.twist(axis, angle), identity, atol=1e-6)
    _assert_rotations(swing_twist.swing(np.zeros(3), [0.0, 0.0, 1.0]), 1e-6)
    # A direction turned right around has any twist.
    turned = Rotation.from_rotvec([0.0, 0.0, np.pi]).as_matrix()
    np.testing.assert_allclose(swing_twist.twist_of(turned, axis), (1.0, 0.0), atol=1e-7)


def test_perpendicular():
    units = np.concatenate([_UNITS, np.eye(3), -np.eye(3)])
    found = swing_twist.perpendicular(units).numpy()
    np.testing.assert_allclose((found * units).sum(-1), 0.0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, atol=1e-15)


def test_leading_dimensions():
    start, end = _VECTORS.reshape(4, 50, 3), _VECTORS[::-1].reshape(4, 50, 3)
    swing = tf.function(swing_twist.swing)(start, end)
    assert swing.shape == (4, 50, 3, 3)
    np.testing.assert_allclose(swing[1, 2], swing_twist.swing(start[1, 2], end[1, 2]), atol=1e-15)
    assert swing_twist.twist_of(swing, _UNITS.reshape(4, 50, 3)).shape == (4, 50, 2)


_EDGES = {
    "parallel": ([0.0, 0.3, 0.0], [0.0, 0.1, 0.0]),
    "opposite": ([0.0, 0.3, 0.0], [0.0, -0.1, 0.0]),
    "no end": ([0.0, 0.3, 0.0], [0.0, 0.0, 0.0]),
    "hardly an end": ([0.0, 0.3, 0.0], [1e-7, 0.0, 0.0]),
    "no start": ([0.0, 0.0, 0.0], [0.0, 0.1, 0.0]),
    "nothing": ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", _EDGES)
@pytest.mark.parametrize("cos_sin", [(0.6, 0.8), (0.0, 0.0), (1e-12, 0.0)])
def test_gradients_are_finite_and_bounded(name, cos_sin):
    given = [tf.constant(x) for x in (*_EDGES[name], cos_sin)]
    weights = tf.constant(_ROTATIONS[0], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        axis = swing_twist.unit(given[0], (0.0, 1.0, 0.0))
        matrix = swing_twist.swing(given[0], given[1]) @ swing_twist.twist(axis, given[2])
        loss = tf.reduce_sum(matrix * weights)
        loss += tf.reduce_sum(swing_twist.twist_of(matrix, axis))
    for gradient in tape.gradient(loss, given):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() < 1e3


def test_gradients_are_those_of_finite_differences():
    given = [tf.constant(x, tf.float64) for x in (_VECTORS[0], _VECTORS[1], [0.6, 0.8])]
    weights = tf.constant(_ROTATIONS[0])

    def loss(start, end, cos_sin):
        axis = swing_twist.unit(start, (0.0, 1.0, 0.0))
        matrix = swing_twist.swing(start, end) @ swing_twist.twist(axis, cos_sin)
        return tf.reduce_sum(matrix * weights)

    expected, found = tf.test.compute_gradient(loss, given, delta=1e-6)
    for one, other in zip(expected, found):
        np.testing.assert_allclose(one, other, atol=1e-8)
