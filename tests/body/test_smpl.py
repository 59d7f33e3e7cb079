"""The SMPL layer against the printed values and the NumPy reference, and as a Keras layer."""

import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body.posing import pose_body
from hmr_tf.body.smpl import SMPL
from hmr_tf.errors import BodyError
from hmr_tf.geometry.camera import weak_perspective
from hmr_tf.geometry.rotations import axis_angle_to_matrix


def random_inputs(batch, num_betas=10, seed=0):
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(0.7 * rng.normal(size=(24 * batch, 3))).as_matrix()
    return (
        rotations.reshape(batch, 24, 3, 3).astype(np.float32),
        rng.normal(size=(batch, num_betas)).astype(np.float32),
    )


def test_printed_values():
    pose, betas, camera = toy_body.filler_inputs()
    rotations = axis_angle_to_matrix(pose.reshape(2, 24, 3))
    row = ((0.932629, -0.228505, 0.279266), (0.306182, 0.910667, -0.277377))
    np.testing.assert_allclose(rotations[0, 1, :2], row, atol=1e-6)
    np.testing.assert_array_equal(rotations[1, 2], np.eye(3))
    layer = SMPL(toy_body.filler_body())
    posed = layer(rotations, betas)
    vertices, joints = posed["vertices"], posed["smpl_joints_3d"]
    keypoints = layer.keypoints(vertices)
    points = weak_perspective(keypoints, camera)

    def assert_sums(tensor, expected):
        np.testing.assert_allclose(tf.reduce_sum(tensor, [1, 2]), expected, atol=1e-4)

    assert_sums(vertices, (-9.446072, -0.817660))
    assert_sums(tf.square(vertices), (27.138088, 18.742764))
    np.testing.assert_allclose(vertices[0, 0], (-0.422448, -0.837955, 0.342730), atol=1e-6)
    np.testing.assert_allclose(vertices[1, 39], (0.347525, 0.420976, 0.777738), atol=1e-6)
    assert_sums(keypoints, (-4.450346, -0.067258))
    np.testing.assert_allclose(keypoints[0, 0], (-0.072453, -0.211826, -0.026074), atol=1e-6)
    np.testing.assert_allclose(keypoints[1, 18], (0.141231, -0.044457, 0.119932), atol=1e-6)
    assert_sums(joints, (-5.160449, -0.604149))
    np.testing.assert_allclose(joints[0, 23], (0.013520, -0.188958, -0.049081), atol=1e-6)
    np.testing.assert_allclose(joints[1, 0], (-0.019561, -0.095349, -0.023936), atol=1e-6)
    assert_sums(points, (-5.051561, 4.764445))
    np.testing.assert_allclose(points[0, 0], (0.024792, -0.370644), atol=1e-6)
    np.testing.assert_allclose(points[1, 18], (0.100354, 0.281097), atol=1e-6)


@pytest.mark.parametrize("num_betas", [1, 10, 16])
def test_against_the_numpy_reference(num_betas):
    body = toy_body.toy_body(num_betas)
    rotations, betas = random_inputs(5, num_betas)
    posed = SMPL(body)(rotations, betas)
    for item in range(5):
        vertices, joints = pose_body(body, rotations[item], betas[item])
        np.testing.assert_allclose(posed["vertices"][item], vertices, atol=2e-6)
        np.testing.assert_allclose(posed["smpl_joints_3d"][item], joints, atol=2e-6)


def test_rest_pose_and_shape_is_the_template():
    body = toy_body.toy_body()
    rest = SMPL(body)(np.eye(3) * np.ones((1, 24, 1, 1)), np.zeros((1, 10)))
    np.testing.assert_allclose(rest["vertices"][0], body.template, atol=1e-6)


def test_rotate_base():
    body = toy_body.toy_body()
    rotations, betas = random_inputs(2)
    turned = rotations.copy()
    turned[:, 0] = turned[:, 0] @ np.diag([1, -1, -1])
    got = SMPL(body, rotate_base=True)(rotations, betas)
    expected = SMPL(body)(turned, betas)
    np.testing.assert_allclose(got["vertices"], expected["vertices"], atol=1e-6)


def test_items_do_not_depend_on_the_batch():
    layer = SMPL(toy_body.toy_body())
    rotations, betas = random_inputs(7)
    together = layer(rotations, betas)["vertices"]
    for batch in (1, 2):
        apart = layer(rotations[:batch], betas[:batch])["vertices"]
        np.testing.assert_allclose(apart, together[:batch], atol=1e-6)
    assert layer(rotations[:0], betas[:0])["vertices"].shape[0] == 0


def test_gradient_matches_finite_differences():
    body = toy_body.filler_body()
    rotations, betas = random_inputs(1)
    weights = np.random.default_rng(1).normal(size=(40, 3))
    inputs = [tf.constant(rotations), tf.constant(betas)]
    layer = SMPL(body)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(*inputs)["vertices"][0] * tf.constant(weights, tf.float32))
    for gradient, which in zip(tape.gradient(loss, inputs), (0, 1)):
        for flat in range(0, gradient.numpy().size, 11):
            index = np.unravel_index(flat, gradient.shape)
            losses = []
            for step in (1e-2, -1e-2):
                moved = [rotations.copy(), betas.copy()]
                moved[which][index] += step
                vertices, _ = pose_body(body, moved[0][0], moved[1][0])
                losses.append((vertices.astype(np.float64) * weights).sum())
            slope = (losses[0] - losses[1]) / 2e-2
            assert gradient.numpy()[index] == pytest.approx(slope, abs=5e-3, rel=1e-2)


def test_no_variables_and_float32_under_mixed_precision():
    previous = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = SMPL(toy_body.toy_body())
        rotations, betas = random_inputs(2)
        posed = layer(rotations, betas)
        halves = layer(tf.cast(rotations, tf.bfloat16), tf.cast(betas, tf.bfloat16))
    finally:
        tf.keras.mixed_precision.set_global_policy(previous)
    assert layer.variables == []
    expected = pose_body(layer.body, rotations[1], betas[1])[0]
    np.testing.assert_allclose(posed["vertices"][1], expected, atol=2e-6)
    assert halves["vertices"].dtype == tf.float32


def test_made_inside_a_traced_function():
    layers = []

    @tf.function(autograph=False)
    def first_call(rotations, betas):
        if not layers:
            layers.append(SMPL(toy_body.toy_body()))
        return layers[0](rotations, betas)["vertices"]

    inputs = random_inputs(2)
    np.testing.assert_allclose(first_call(*inputs), layers[0](*inputs)["vertices"], atol=1e-6)


def test_config_round_trip_of_the_embedded_body():
    layer = SMPL("free_body", rotate_base=True)
    config = layer.get_config()
    assert config == {"name": "smpl", "body": "free_body", "rotate_base": True}
    again = SMPL.from_config(config)
    inputs = random_inputs(1)
    np.testing.assert_array_equal(again(*inputs)["vertices"], layer(*inputs)["vertices"])


def test_wrong_shapes_and_names_are_named():
    layer = SMPL(toy_body.toy_body())
    rotations, betas = random_inputs(2)
    with pytest.raises(ValueError, match=r"rotations must be \[batch, 24, 3, 3\]; received"):
        layer(rotations[:, 1:], betas)
    with pytest.raises(ValueError, match=r"\[batch, 10\].*num_betas=4"):
        layer(rotations, betas[:, :4])
    with pytest.raises(BodyError, match="no keypoint regressor 'coco'"):
        layer.keypoints(layer(rotations, betas)["vertices"], "coco")
