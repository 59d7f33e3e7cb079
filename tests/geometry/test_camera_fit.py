import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.geometry import camera_fit

FOCAL = 1000.0 / 256.0


def _seen(joints, scale, shift, focal):
    """Projects by hand: u / scale - tx = x - u z / focal, solved for u."""
    wanted = joints[..., :2] + shift[:, None]
    return wanted / (1.0 / scale[:, None, None] + joints[..., 2:] / focal)


def _people(rng, count=5):
    joints = rng.normal(0, 0.4, (count, 29, 3))
    return joints - joints[:, :1], rng.uniform(0.4, 1.5, count), rng.normal(0, 0.2, (count, 2))


@pytest.mark.parametrize("focal", [FOCAL, np.inf])
def test_camera_is_found_again(focal):
    joints, scale, shift = _people(np.random.default_rng(0))
    places = _seen(joints, scale, shift, focal)
    weights = np.ones((5, 29))
    weights[:, 7:] = 0.0
    places[:, 9:] = 100.0  # Not used.
    arguments = [tf.constant(x, tf.float64) for x in (places, joints, weights)]
    found = camera_fit.solve_camera(*arguments, focal=focal)
    np.testing.assert_allclose(found[0], scale, atol=1e-6)
    np.testing.assert_allclose(found[1], shift, atol=1e-6)
    assert np.all(found[2])
    single = camera_fit.solve_camera(*(tf.cast(x, tf.float32) for x in arguments), focal=focal)
    np.testing.assert_allclose(single[0], scale, rtol=1e-4)
    np.testing.assert_allclose(single[1], shift, atol=1e-4)


def test_answer_is_the_least_squares_one():
    rng = np.random.default_rng(1)
    joints, scale, shift = _people(rng, 1)
    places = _seen(joints, scale, shift, FOCAL) + rng.normal(0, 0.01, (1, 29, 2))
    rows, right = [], []
    for axis in range(2):
        for u, joint in zip(places[0], joints[0]):
            rows.append([u[axis], -1.0 * (axis == 0), -1.0 * (axis == 1)])
            right.append(joint[axis] - u[axis] * joint[2] / FOCAL)
    inverse, *expected = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    weights = np.ones((1, 29))
    found = camera_fit.solve_camera(*map(tf.constant, (places, joints, weights)), focal=FOCAL)
    np.testing.assert_allclose(found[0], [1.0 / inverse], rtol=1e-9)
    np.testing.assert_allclose(found[1], [expected], atol=1e-9)


@pytest.mark.parametrize("case", ["no joint", "one joint", "one place", "from behind"])
def test_no_camera(case):
    joints, scale, shift = _people(np.random.default_rng(2), 1)
    places, weights = _seen(joints, scale, shift, FOCAL), np.ones((1, 29))
    if case == "no joint":
        weights[:] = 0
    elif case == "one joint":
        weights[:, 1:] = 0
    elif case == "one place":
        places[:] = 0.1
    else:
        places = -places
    arguments = [tf.constant(x, tf.float32) for x in (places, joints, weights)]
    scale, shift, is_known = camera_fit.solve_camera(*arguments, focal=FOCAL)
    assert not np.any(is_known)
    np.testing.assert_array_equal(scale, [0.0])
    np.testing.assert_array_equal(shift, [[0.0, 0.0]])
