"""Keypoints without the mesh equal the mesh's, in value, gradient and every way of running."""

import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.body.smpl import SMPL
from hmr_tf.errors import BodyError
from hmr_tf.geometry.rotations import axis_angle_to_matrix


@pytest.fixture(scope="module")
def free_body():
    return load_body("free_body")


def random_inputs(batch, seed=0):
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(0.7 * rng.normal(size=(24 * batch, 3))).as_matrix()
    return (
        tf.constant(rotations.reshape(batch, 24, 3, 3), tf.float32),
        tf.constant(2.0 * rng.normal(size=(batch, 10)), tf.float32),
    )


@pytest.mark.parametrize("name", ["cocoplus", "h36m", "extra", "j24"])
def test_equals_the_mesh_of_the_embedded_body(free_body, name):
    inputs = random_inputs(8)
    keypoints, joints = MeshFreeKeypoints(free_body, name)(*inputs)
    for item in range(8):
        vertices, expected_joints = pose_body(free_body, *(x[item].numpy() for x in inputs))
        expected = free_body.regressor(name).astype(np.float64) @ vertices
        np.testing.assert_allclose(keypoints[item], expected, atol=2e-6)
        np.testing.assert_allclose(joints[item], expected_joints, atol=2e-6)


@pytest.mark.parametrize("rotate_base", [False, True])
@pytest.mark.parametrize("make", [toy_body.toy_body, toy_body.filler_body])
def test_values_and_gradients_equal_the_mesh(make, rotate_base):
    body = make()
    mesh = SMPL(body, rotate_base=rotate_base)
    mesh_free = MeshFreeKeypoints(body, rotate_base=rotate_base)
    inputs = random_inputs(4)
    weights = tf.constant(np.random.default_rng(5).normal(size=(4, 19, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        posed = mesh(*inputs)
        expected = mesh.keypoints(posed["vertices"])
        got, joints = mesh_free(*inputs)
        loss_expected = tf.reduce_sum(weights * expected)
        loss_got = tf.reduce_sum(weights * got)
    np.testing.assert_allclose(got, expected, atol=2e-6)
    np.testing.assert_array_equal(joints, posed["smpl_joints_3d"])
    for one, other in zip(tape.gradient(loss_got, inputs), tape.gradient(loss_expected, inputs)):
        np.testing.assert_allclose(one, other, atol=2e-5, rtol=2e-5)


def test_printed_values():
    pose, betas, _ = toy_body.filler_inputs()
    rotations = axis_angle_to_matrix(pose.reshape(2, 24, 3))
    keypoints, joints = MeshFreeKeypoints(toy_body.filler_body())(rotations, betas)
    sums = tf.reduce_sum(keypoints, [1, 2])
    np.testing.assert_allclose(sums, (-4.450346, -0.067258), atol=1e-4)
    np.testing.assert_allclose(keypoints[0, 0], (-0.072453, -0.211826, -0.026074), atol=1e-6)
    np.testing.assert_allclose(keypoints[1, 18], (0.141231, -0.044457, 0.119932), atol=1e-6)
    np.testing.assert_allclose(joints[0, 23], (0.013520, -0.188958, -0.049081), atol=1e-6)


def test_regressor_weights_that_cancel_are_not_lost():
    body = toy_body.toy_body()
    row = np.zeros((1, body.num_vertices))
    row[0, :2] = (1.0, -1.0)
    body = body.with_regressor("difference", row, "toy")
    inputs = random_inputs(2)
    got, _ = MeshFreeKeypoints(body, "difference")(*inputs)
    vertices, _ = pose_body(body, inputs[0][1].numpy(), inputs[1][1].numpy())
    np.testing.assert_allclose(got[1, 0], vertices[0] - vertices[1], atol=2e-6)


def test_the_regressor_need_not_sum_to_one():
    body = toy_body.toy_body()
    row = np.random.default_rng(0).normal(size=(2, body.num_vertices)) / 50
    body = body.with_regressor("any", row, "toy")
    inputs = random_inputs(1)
    vertices, _ = pose_body(body, inputs[0][0].numpy(), inputs[1][0].numpy())
    got, _ = MeshFreeKeypoints(body, "any")(*inputs)
    np.testing.assert_allclose(got[0], row @ vertices, atol=1e-5)


def test_items_do_not_depend_on_the_batch():
    layer = MeshFreeKeypoints(toy_body.toy_body())
    rotations, betas = random_inputs(7)
    together, _ = layer(rotations, betas)
    for batch in (1, 2):
        np.testing.assert_allclose(
            layer(rotations[:batch], betas[:batch])[0], together[:batch], atol=1e-6
        )
    assert layer(rotations[:0], betas[:0])[0].shape == (0, 19, 3)


def test_compiled_by_xla():
    layer = MeshFreeKeypoints(toy_body.toy_body())
    inputs = random_inputs(3)
    compiled = tf.function(layer.__call__, jit_compile=True)
    np.testing.assert_allclose(compiled(*inputs)[0], layer(*inputs)[0], atol=1e-6)


def test_trains_under_a_strategy_and_saves(tmp_path):
    """A model around the layer, in a strategy's step, and as a SavedModel."""
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    with strategy.scope():
        layer = MeshFreeKeypoints(toy_body.toy_body())
        betas = tf.Variable(tf.zeros([1, 10]))
    rotations, _ = random_inputs(2)
    target = tf.constant(layer(rotations, tf.ones([2, 10]))[0])

    def replica_step():
        with tf.GradientTape() as tape:
            points, _ = layer(rotations, tf.tile(betas, [2, 1]))
            loss = tf.reduce_sum(tf.square(points - target))
        betas.assign_sub(2.0 * tape.gradient(loss, betas))
        return loss

    step = tf.function(lambda: strategy.reduce("SUM", strategy.run(replica_step), axis=None))
    losses = [float(step()) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]

    module = tf.Module()
    module.keypoints = layer
    spec = (tf.TensorSpec([None, 24, 3, 3]), tf.TensorSpec([None, 10]))
    module.serve = tf.function(lambda r, b: layer(r, b)[0], input_signature=spec)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.serve)
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    for batch in (1, 5):
        inputs = random_inputs(batch, seed=batch)
        result = served(r=inputs[0], b=inputs[1])
        np.testing.assert_allclose(next(iter(result.values())), layer(*inputs)[0], atol=1e-6)


def test_no_variables_and_float32_under_mixed_precision():
    previous = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = MeshFreeKeypoints(toy_body.toy_body())
        inputs = random_inputs(2)
        keypoints, joints = layer(*inputs)
    finally:
        tf.keras.mixed_precision.set_global_policy(previous)
    assert layer.variables == []
    assert keypoints.dtype == joints.dtype == tf.float32
    vertices, _ = pose_body(layer.body, inputs[0][0].numpy(), inputs[1][0].numpy())
    expected = layer.body.regressor("cocoplus") @ vertices
    np.testing.assert_allclose(keypoints[0], expected, atol=2e-6)


def test_config_round_trip_of_the_embedded_body():
    layer = MeshFreeKeypoints("free_body", regressor="h36m")
    assert layer.get_config() == {
        "name": "keypoints",
        "body": "free_body",
        "rotate_base": False,
        "regressor": "h36m",
    }
    again = MeshFreeKeypoints.from_config(layer.get_config())
    inputs = random_inputs(1)
    np.testing.assert_array_equal(again(*inputs)[0], layer(*inputs)[0])


def test_missing_regressor_is_named():
    with pytest.raises(BodyError, match="no keypoint regressor 'coco'"):
        MeshFreeKeypoints(toy_body.toy_body(), "coco")
