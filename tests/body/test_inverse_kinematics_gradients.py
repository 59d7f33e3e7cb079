"""Gradients of the solvers: right where they are smooth, finite and bounded where they are not."""

from __future__ import annotations

import hybrik_formulas as formulas
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.body import inverse_kinematics as ik
from hmr_tf.body import model_file

_REST = formulas.REST[None]
_TRUE = formulas.ROTATIONS[None]
_JOINTS = formulas.forward(_TRUE, _REST)
_TWISTS = formulas.twists_of(_TRUE, _REST)
_WEIGHTS = np.random.default_rng(0).normal(size=(1, 24, 3, 3))
_BOUND = 1e4


@pytest.fixture(scope="module")
def body():
    return model_file.load_body("free_body")


def _moved(joint, place):
    """Returns the rest pose with a joint, and all that hangs on it, moved to a place."""
    joints = _REST.copy()
    hanging = {joint}
    for child in range(joint, 29):
        if formulas.PARENTS[child] in hanging:
            hanging.add(child)
    joints[0, sorted(hanging)] += place - _REST[0, joint]
    return joints


def _flat_hips():
    joints = _REST.copy()
    joints[..., 2] = 0.0
    return joints


def _even_hips():
    """Three bones at right angles and of one length: all directions alike."""
    joints = _REST.copy()
    joints[0, 1:4] = joints[0, 0] + 0.1 * np.eye(3)
    return joints


_SKELETONS = {
    "rest pose": _REST,
    "one place": np.zeros_like(_REST),
    "nearly one place": 1e-7 * _JOINTS,
    "knee in the hip": _moved(4, _REST[0, 1]),
    "knee hardly out of the hip": _moved(4, _REST[0, 1] + [0, 1e-7, 0]),
    "shin turned around": _moved(7, 2 * _REST[0, 4] - _REST[0, 7]),
    "shin nearly turned around": _moved(7, 2 * _REST[0, 4] - _REST[0, 7] + [1e-5, 0, 0]),
    "spine turned around": _moved(3, 2 * _REST[0, 0] - _REST[0, 3]),
    "finger in the hand": _moved(25, _REST[0, 22]),
    "root in a plane": _flat_hips(),
    "root without a main direction": _even_hips(),
    "mirrored": _REST * [-1.0, 1.0, 1.0],
}


def _gradients(joints, rest, twists, sources, **options):
    """Returns gradients of a weighted sum of all rotations."""
    with tf.GradientTape() as tape:
        tape.watch(sources)
        given = joints(), rest(), twists()
        found = ik.solve(*given, **options)
        loss = tf.reduce_sum(found * tf.cast(_WEIGHTS, found.dtype))
    return tape.gradient(loss, sources)


@pytest.mark.parametrize("name", _SKELETONS)
@pytest.mark.parametrize("options", [
    {"method": "adaptive"},
    {"method": "adaptive", "switch": None},
    {"method": "adaptive", "switch": None, "spine3": "kabsch"},
    {"method": "naive", "root": "closed_form"},
    {"method": "adaptive", "root": "closed_form"},
])  # fmt: skip
@pytest.mark.parametrize("twist_size", [1.0, 0.0])
def test_finite_and_bounded(body, name, options, twist_size):
    # In the rest pose of the body itself bones are parallel exactly.
    rest = ik.rest_skeleton(body, tf.zeros([1, 10])) if name == "rest pose" else _REST
    joints = tf.constant(rest if name == "rest pose" else _SKELETONS[name], tf.float32)
    twists = tf.constant(twist_size * _TWISTS, tf.float32)
    betas, rest = tf.zeros([1, 10]), tf.constant(rest, tf.float32)
    if name == "rest pose":
        found = _gradients(
            lambda: joints,
            lambda: ik.rest_skeleton(body, betas),
            lambda: twists,
            [joints, betas, twists],
            **options,
        )
    else:
        found = _gradients(
            lambda: joints, lambda: rest, lambda: twists, [joints, rest, twists], **options
        )
    for gradient in found:
        assert np.isfinite(gradient).all() and np.abs(gradient).max() < _BOUND


@pytest.mark.parametrize("options", [
    {"method": "naive", "root": "closed_form"},
    {"method": "adaptive", "root": "closed_form"},
])  # fmt: skip
def test_against_finite_differences(options):
    joints = _JOINTS + 0.002 * formulas.PERTURBATION  # Small enough that no joint falls back.
    given = [joints, _REST, _TWISTS]
    sources = [tf.constant(x, tf.float64) for x in given]
    found = _gradients(*(lambda x=x: x for x in sources), sources, **options)
    rng = np.random.default_rng(1)

    def loss(step, ways):
        moved = (x + step * way for x, way in zip(given, ways))
        return float(tf.reduce_sum(ik.solve(*moved, **options) * _WEIGHTS))

    for number in range(9):
        # Along one of the three at a time.
        ways = [rng.normal(size=x.shape) * (index == number % 3) for index, x in enumerate(given)]
        slope = (loss(1e-6, ways) - loss(-1e-6, ways)) / 2e-6
        expected = sum(float(np.sum(way * one)) for way, one in zip(ways, found))
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_joints_held_constant_leave_shape_and_twists_to_learn(body):
    joints, twists = (tf.constant(x, tf.float32) for x in (_JOINTS, _TWISTS))
    betas = tf.zeros([1, 10])
    to_joints, to_betas, to_twists = _gradients(
        lambda: tf.stop_gradient(joints),
        lambda: ik.rest_skeleton(body, betas),
        lambda: twists,
        [joints, betas, twists],
        method="naive",
    )
    assert to_joints is None
    assert np.abs(to_betas).max() > 1e-3
    assert (np.abs(to_twists).max(axis=-1) > 1e-3).all()
    (to_joints,) = _gradients(
        lambda: joints, lambda: tf.constant(_REST, tf.float32), lambda: twists, [joints]
    )
    assert np.abs(to_joints).max() > 1e-2


def test_a_mask_of_zero_hides_everything():
    joints = tf.zeros([2, 29, 3])
    with tf.GradientTape() as tape:
        tape.watch(joints)
        found = ik.solve(joints, np.repeat(_REST, 2, 0), np.zeros((2, 23, 2)), switch=None)
        loss = tf.reduce_sum(tf.square(found) * tf.constant([0.0, 1.0])[:, None, None, None])
    gradient = tape.gradient(loss, joints).numpy()
    assert not gradient[0].any() and np.isfinite(gradient).all()
