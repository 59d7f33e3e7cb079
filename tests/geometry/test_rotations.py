"""Rotation forms against SciPy, the printed values, and their singular points."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.geometry import rotations
from tfrecords_tools import skeletons


def random_axis_angle(shape, largest=3.1, seed=0):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(*shape, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    return (axis * rng.uniform(0.0, largest, size=(*shape, 1))).astype(np.float32)


def scipy_matrix(axis_angle):
    flat = Rotation.from_rotvec(np.reshape(axis_angle, (-1, 3)).astype(np.float64)).as_matrix()
    return flat.reshape(*np.shape(axis_angle)[:-1], 3, 3)


def value_and_gradient(function, x, weights_seed=1):
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        weights = np.random.default_rng(weights_seed).normal(size=y.shape)
        loss = tf.reduce_sum(y * tf.constant(weights, tf.float32))
    return y.numpy(), tape.gradient(loss, x).numpy(), weights


@pytest.mark.parametrize(
    ("axis_angle", "rows"),
    [
        (
            (0.3, -0.2, 0.1),
            (
                (0.975290, -0.127335, -0.180541),
                (0.068031, 0.950581, -0.302933),
                (0.210192, 0.283165, 0.935755),
            ),
        ),
        (
            (1.0, 1.0, 1.0),
            (
                (0.2262957, -0.1830079, 0.9567122),
                (0.9567122, 0.2262957, -0.1830079),
                (-0.1830079, 0.9567122, 0.2262957),
            ),
        ),
        ((np.pi, 0.0, 0.0), np.diag((1.0, -1.0, -1.0))),
    ],
)
def test_rodrigues_printed_values(axis_angle, rows):
    matrix = rotations.axis_angle_to_matrix(tf.constant(axis_angle, tf.float32))
    np.testing.assert_allclose(matrix, rows, atol=1e-6)


def test_zero_is_the_exact_identity_with_the_true_gradient():
    matrix, gradient, weights = value_and_gradient(rotations.axis_angle_to_matrix, np.zeros(3))
    np.testing.assert_array_equal(matrix, np.eye(3))
    # d R / d x at 0 is the cross-product matrix.
    w = weights
    expected = [w[2, 1] - w[1, 2], w[0, 2] - w[2, 0], w[1, 0] - w[0, 1]]
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_the_shift_of_the_norm_has_no_singular_point_of_its_own():
    matrix, gradient, _ = value_and_gradient(rotations.axis_angle_to_matrix, np.full(3, -1e-8))
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-7)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(), (5,), (2, 24), (2, 3, 4)])
def test_axis_angle_to_matrix_against_scipy(shape):
    axis_angle = random_axis_angle(shape, largest=9.0)
    matrix = rotations.axis_angle_to_matrix(axis_angle)
    assert matrix.shape == (*shape, 3, 3)
    np.testing.assert_allclose(matrix, scipy_matrix(axis_angle), atol=2e-6)


@pytest.mark.parametrize("shape", [(), (50,), (2, 24)])
def test_matrix_to_axis_angle_against_scipy(shape):
    axis_angle = random_axis_angle(shape)
    got = rotations.matrix_to_axis_angle(scipy_matrix(axis_angle).astype(np.float32))
    assert got.shape == (*shape, 3)
    np.testing.assert_allclose(got, axis_angle, atol=2e-5)


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1e-5, 1e-4, 1e-3, 1e-2, 0.1])
def test_logarithm_of_small_rotations(size):
    axis_angle = size * np.array([[0.6, -0.8, 0.0], [0.0, 0.0, 1.0], [-0.36, 0.48, 0.8]])
    matrix = rotations.axis_angle_to_matrix(tf.constant(axis_angle, tf.float32))
    np.testing.assert_allclose(
        rotations.matrix_to_axis_angle(matrix), axis_angle, rtol=2e-6, atol=1e-12
    )


@pytest.mark.parametrize("short_of_pi", [0.0, 1e-6, 1e-4, 1e-3, 1e-2])
def test_logarithm_near_half_a_turn(short_of_pi):
    axes = np.array(
        [[1, 0, 0], [0, -1, 0], [0, 0, 1], [0.6, 0.8, 0], [0.48, -0.6, 0.64], [1e-3, 0, 1]]
    )
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    axis_angle = (np.pi - short_of_pi) * axes
    matrix = scipy_matrix(axis_angle).astype(np.float32)
    got, gradient, _ = value_and_gradient(rotations.matrix_to_axis_angle, matrix)
    np.testing.assert_allclose(scipy_matrix(got), matrix, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), np.pi - short_of_pi, atol=2e-6)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() < 20.0
    if short_of_pi >= 1e-4:
        np.testing.assert_allclose(got, axis_angle, atol=1e-5)


def test_logarithm_of_the_exact_half_turns():
    signs = ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))
    matrices = np.array([np.diag(row) for row in signs], np.float32)
    got, gradient, _ = value_and_gradient(rotations.matrix_to_axis_angle, matrices)
    np.testing.assert_allclose(np.abs(got), np.pi * np.eye(3), atol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-3, 0.5, 2.0, 3.0, np.pi - 1e-3])
def test_gradient_of_the_round_trip_is_the_identity(angle):
    """log(exp(x)) = x, so its Jacobian is I, at the singular points' doorsteps too."""
    axis_angle = tf.constant([[angle * 0.48, angle * 0.6, angle * 0.64]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(axis_angle)
        again = rotations.matrix_to_axis_angle(rotations.axis_angle_to_matrix(axis_angle))
    jacobian = tf.squeeze(tape.jacobian(again, axis_angle)).numpy()
    np.testing.assert_allclose(jacobian, np.eye(3), atol=2e-3)


def test_logarithm_gradient_at_the_identity():
    _, gradient, w = value_and_gradient(rotations.matrix_to_axis_angle, np.eye(3))
    # The logarithm's differential at I takes dR to its skew part.
    skew = np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]]) / 2.0
    np.testing.assert_allclose(gradient - gradient.T, 2 * skew, atol=1e-5)


def test_quaternions_against_scipy():
    axis_angle = random_axis_angle((200,))
    matrix = scipy_matrix(axis_angle)
    expected = Rotation.from_matrix(matrix).as_quat()[:, [3, 0, 1, 2]]
    expected *= np.where(expected[:, :1] < 0, -1.0, 1.0)
    to_quaternion = rotations.matrix_to_quaternion(matrix.astype(np.float32)).numpy()
    np.testing.assert_allclose(to_quaternion, expected, atol=2e-6)
    np.testing.assert_allclose(rotations.axis_angle_to_quaternion(axis_angle), expected, atol=2e-6)
    scaled = (-3.0 * expected).astype(np.float32)
    np.testing.assert_allclose(rotations.quaternion_to_matrix(scaled), matrix, atol=2e-6)
    negative = (-expected).astype(np.float32)
    np.testing.assert_allclose(rotations.quaternion_to_axis_angle(negative), axis_angle, atol=2e-5)


def test_every_branch_of_the_quaternion():
    for axis in range(3):
        axis_angle = np.zeros(3)
        axis_angle[axis] = 3.0
        got = rotations.matrix_to_quaternion(scipy_matrix(axis_angle).astype(np.float32)).numpy()
        expected = [np.cos(1.5), *(np.sin(1.5) * np.eye(3)[axis])]
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_axis_angle_to_quaternion_gradient_at_zero():
    quaternion, gradient, w = value_and_gradient(rotations.axis_angle_to_quaternion, np.zeros(3))
    np.testing.assert_array_equal(quaternion, [1, 0, 0, 0])
    np.testing.assert_allclose(gradient, 0.5 * w[1:], rtol=1e-6)


def test_6d_printed_value():
    numbers = tf.constant([1, 2, 3, 4, 5, 6], tf.float32)
    expected = (
        (0.169031, 0.897085, -0.408248),
        (0.507093, 0.276027, 0.816497),
        (0.845154, -0.345033, -0.408248),
    )
    np.testing.assert_allclose(rotations.rotation_6d_to_matrix(numbers), expected, atol=1e-6)
    columns = tf.constant([1, 3, 5, 2, 4, 6], tf.float32)
    contiguous = rotations.rotation_6d_to_matrix(columns, layout="contiguous")
    np.testing.assert_allclose(contiguous, expected, atol=1e-6)


@pytest.mark.parametrize("layout", ["interleaved", "contiguous"])
@pytest.mark.parametrize("shape", [(), (7,), (2, 24)])
def test_6d_round_trip(layout, shape):
    matrix = scipy_matrix(random_axis_angle(shape)).astype(np.float32)
    numbers = rotations.matrix_to_rotation_6d(matrix, layout)
    assert numbers.shape == (*shape, 6)
    order = [0, 3, 1, 4, 2, 5] if layout == "interleaved" else range(6)
    by_hand = np.concatenate([matrix[..., 0], matrix[..., 1]], axis=-1)[..., list(order)]
    np.testing.assert_array_equal(numbers, by_hand)
    np.testing.assert_allclose(rotations.rotation_6d_to_matrix(numbers, layout), matrix, atol=1e-6)


def test_6d_of_zeros_is_finite():
    _, gradient, _ = value_and_gradient(rotations.rotation_6d_to_matrix, np.zeros((2, 6)))
    assert np.isfinite(gradient).all()


def test_mirror_is_its_own_inverse_and_agrees_between_forms():
    flip = skeletons.SMPL24.flip
    pose = random_axis_angle((4, 24))
    mirrored = rotations.mirror_axis_angle(pose, flip)
    flat = rotations.mirror_axis_angle(pose.reshape(4, 72), flip)
    np.testing.assert_array_equal(flat, np.reshape(mirrored, (4, 72)))
    np.testing.assert_array_equal(rotations.mirror_axis_angle(mirrored, flip), pose)
    # R' = S R S with the joints' sides changed, S = diag(-1, 1, 1).
    mirror = np.diag([-1.0, 1.0, 1.0])
    expected = mirror @ scipy_matrix(pose)[:, list(flip)] @ mirror
    np.testing.assert_allclose(scipy_matrix(mirrored), expected, atol=1e-6)
    matrices = rotations.mirror_matrix(scipy_matrix(pose).astype(np.float32), flip)
    np.testing.assert_allclose(matrices, expected, atol=1e-6)


def test_mirror_by_hand():
    pose = np.zeros((24, 3), np.float32)
    pose[0], pose[1] = (np.pi, 0.1, 0.2), (1.0, 2.0, 3.0)
    mirrored = rotations.mirror_axis_angle(pose, skeletons.SMPL24.flip).numpy()
    np.testing.assert_allclose(mirrored[0], (np.pi, -0.1, -0.2))  # The global rotation too.
    np.testing.assert_allclose(mirrored[2], (1.0, -2.0, -3.0))
    np.testing.assert_array_equal(mirrored[1], np.zeros(3))


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (rotations.axis_angle_to_matrix, (2, 4)),
        (rotations.axis_angle_to_quaternion, (4,)),
        (rotations.matrix_to_axis_angle, (3,)),
        (rotations.matrix_to_rotation_6d, (3, 4)),
        (rotations.rotation_6d_to_matrix, (2, 3)),
        (rotations.quaternion_to_matrix, (3,)),
        (rotations.quaternion_to_axis_angle, (3,)),
    ],
)
def test_wrong_shapes_are_named(function, shape):
    with pytest.raises(ValueError, match=r"must be \[\.\.\., .*received"):
        function(np.zeros(shape, np.float32))


def test_wrong_layout_is_named():
    with pytest.raises(ValueError, match="interleaved, contiguous; received 'rows'"):
        rotations.rotation_6d_to_matrix(np.zeros(6, np.float32), layout="rows")


def test_unknown_batch_size():
    spec = tf.TensorSpec([None, 24, 3])
    function = tf.function(rotations.axis_angle_to_matrix, input_signature=[spec])
    assert function.get_concrete_function().output_shapes.as_list() == [None, 24, 3, 3]
    assert function(np.zeros((0, 24, 3), np.float32)).shape == (0, 24, 3, 3)
