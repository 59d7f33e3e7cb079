"""Joints of a body in the picture, with and without its camera."""

import numpy as np
import tensorflow as tf

from hmr_tf.data import body_places


def _parsed(joints, has_camera, labelled=19):
    rng = np.random.default_rng(1)
    count = len(joints)
    values = {
        "translation": rng.uniform([-0.3, -0.3, 3.0], [0.3, 0.3, 5.0], (count, 3)),
        "intrinsics": np.tile([300.0, 320.0, 100.0, 90.0], (count, 1)),
        "has_translation": np.full(count, has_camera),
        "has_intrinsics": np.ones(count),
        "keypoints_2d": np.zeros((count, 19, 3)),
    }
    values["keypoints_2d"][:, :labelled, :2] = 80 * (joints[:, :labelled, :2] + [0.5, -0.2])
    values["keypoints_2d"][:, :labelled, 2] = 1
    return {key: tf.constant(value, tf.float32) for key, value in values.items()}


def test_by_camera():
    joints = np.random.default_rng(0).normal(size=(3, 19, 3)).astype(np.float32)
    joints[0, 4, 2] = -10.0  # Behind the camera.
    parsed = _parsed(joints, 1.0)
    found = body_places.places_of_joints(parsed, tf.constant(joints), tf.constant(joints)).numpy()
    placed = joints + parsed["translation"].numpy()[:, None]
    expected = placed[..., :2] / placed[..., 2:] * [300, 320] + [100, 90]
    assert found[0, 4].tolist() == [0, 0, 0]
    found[0, 4], expected[0, 4] = 1, 1
    np.testing.assert_allclose(found[..., :2], expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(found[..., 2], 1.0)


def test_by_labels():
    joints = np.random.default_rng(0).normal(size=(3, 19, 3)).astype(np.float32)
    others = joints[:, :7] + np.float32(0.1)
    parsed = _parsed(joints, 0.0)
    found = body_places.places_of_joints(parsed, tf.constant(others), tf.constant(joints)).numpy()
    np.testing.assert_allclose(found[..., :2], 80 * (others[..., :2] + [0.5, -0.2]), atol=1e-3)
    np.testing.assert_array_equal(found[..., 2], 1.0)
    np.testing.assert_array_equal(body_places.has_camera(parsed), 0.0)
    # One label does not say how large the person is.
    alone = _parsed(joints, 0.0, labelled=1)
    found = body_places.places_of_joints(alone, tf.constant(others), tf.constant(joints))
    np.testing.assert_array_equal(found, 0.0)
