"""The whole HMR on the toy body: outputs, saving, export, batches, precision, config."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import outputs
from hmr_tf.body.posing import pose_body
from hmr_tf.config import HMRConfig
from hmr_tf.errors import BodyError, ConfigError
from hmr_tf.models import MODELS
from hmr_tf.models.hmr import HMR, ROTATION_FORMS, decode_pose, encode_pose, project

_SIZE = 64
_CONFIG = HMRConfig(encoder="resnet_small_v2", image_size=_SIZE, hidden_units=64)


@pytest.fixture(scope="module")
def body():
    return toy_body()


def _mean(seed=0):
    rng = np.random.default_rng(seed)
    pose = rng.normal(scale=0.3, size=72)
    pose[:3] = (np.pi, 0, 0)
    return pose.astype(np.float32), rng.normal(size=10).astype(np.float32)


def _model(body, seed=0, precision="float32", **changes):
    tf.keras.utils.set_random_seed(seed)
    return HMR(dataclasses.replace(_CONFIG, **changes), body, _mean(), precision=precision)


def _settle(model, images):
    """Gives the batch statistics values of training, so that features are of usual size."""
    for layer in model.encoder.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)
    return model


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(size=(7, _SIZE, _SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model(body, images):
    return _settle(_model(body), images)


@pytest.mark.parametrize("form", ["joint", "separate"])
@pytest.mark.parametrize("rotation", ROTATION_FORMS)
def test_estimate_keys_shapes_and_units(body, images, form, rotation):
    model = _model(body, rotation=rotation, regressor=form)
    estimate = model(images[:2], with_vertices=True)
    shapes = {key: tuple(estimate[key].shape) for key in (*outputs.ESTIMATE_KEYS, "vertices")}
    assert shapes == {
        "rotations": (2, 24, 3, 3),
        "betas": (2, 10),
        "camera": (2, 3),
        "joints_3d": (2, 19, 3),
        "keypoints_2d": (2, 19, 2),
        "smpl_joints_3d": (2, 24, 3),
        "vertices": (2, body.num_vertices, 3),
    }
    assert {estimate[key].dtype for key in shapes} == {tf.float32}
    rotations = estimate["rotations"].numpy()
    eye = np.broadcast_to(np.eye(3), rotations.shape)
    np.testing.assert_allclose(rotations @ rotations.swapaxes(-1, -2), eye, atol=1e-5)
    assert "vertices" not in model(images[:2])


def test_estimate_agrees_with_numpy(model, body, images):
    """Mesh, joints, keypoints and projection against the NumPy body."""
    estimate = {k: v.numpy() for k, v in model(images[:2], with_vertices=True).items()}
    for row in range(2):
        vertices, joints = pose_body(body, estimate["rotations"][row], estimate["betas"][row])
        np.testing.assert_allclose(estimate["vertices"][row], vertices, atol=1e-5)
        np.testing.assert_allclose(estimate["smpl_joints_3d"][row], joints, atol=1e-5)
        keypoints = body.regressor("cocoplus") @ vertices
        np.testing.assert_allclose(estimate["joints_3d"][row], keypoints, atol=1e-5)
        scale, shift = estimate["camera"][row, 0], estimate["camera"][row, 1:]
        projected = scale * (keypoints[:, :2] + shift)
        np.testing.assert_allclose(estimate["keypoints_2d"][row], projected, atol=1e-5)


def test_perspective_agrees_with_numpy(body, images):
    """SPIN: x / z from 2 x 5000 / (224 s), focal 5000 px, over half of 224 px."""
    model = _model(body, projection="perspective")
    estimate = {k: v.numpy() for k, v in model(images[:2]).items()}
    scale, tx, ty = estimate["camera"].T.astype(np.float64)
    joints = estimate["joints_3d"].astype(np.float64)
    moved = joints + np.stack([tx, ty, 2 * 5000 / (224 * scale + 1e-9)], axis=-1)[:, None]
    projected = 5000 * moved[..., :2] / moved[..., 2:] / (224 / 2)
    np.testing.assert_allclose(estimate["keypoints_2d"], projected, atol=1e-5)
    weak = scale[:, None, None] * (joints[..., :2] + np.stack([tx, ty], axis=-1)[:, None])
    assert 1e-3 < np.abs(projected - weak).max() < 0.2


def test_perspective_is_weak_at_the_body_s_origin():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 5, 3)).astype(np.float32) * [1, 1, 0]
    points = tf.constant(points, tf.float32)
    camera = tf.constant(rng.uniform(0.5, 1.2, (3, 3)), tf.float32)
    weak = project(points, camera, "weak_perspective")
    np.testing.assert_allclose(project(points, camera, "perspective"), weak, rtol=1e-5)
    # Nearer cameras make what is in front larger.
    front = points - tf.constant([0.0, 0.0, 0.3])
    ratio = project(front, camera, "perspective", focal_px=500.0) / weak
    depth = 2 * 500 / (224 * camera.numpy()[:, :1, None])
    np.testing.assert_allclose(ratio, np.broadcast_to(depth / (depth - 0.3), (3, 5, 2)), rtol=1e-4)


def test_discriminator_of_the_later_release(body):
    model = _model(body, discriminator="mmhuman3d")
    assert model.discriminator.embedding_activation is None
    assert model.discriminator.shape_units == (5,)


def test_rotate_base_turns_the_body_about_before_its_rotation(model, body, images):
    """What the estimate says is what poses the mesh."""
    turned = _model(body, rotate_base=True)
    turned.set_weights(model.get_weights())
    estimate, expected = turned(images[:2], with_vertices=True), model(images[:2])
    half_turn = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(
        estimate["rotations"][:, 0], expected["rotations"][:, 0] @ half_turn, atol=1e-6
    )
    np.testing.assert_array_equal(estimate["rotations"][:, 1:], expected["rotations"][:, 1:])
    for row in range(2):
        vertices, _ = pose_body(
            body, estimate["rotations"][row].numpy(), estimate["betas"][row].numpy()
        )
        np.testing.assert_allclose(estimate["vertices"][row], vertices, atol=1e-5)


def test_stages_begin_at_the_mean_and_the_last_is_the_call(model, images):
    stages = model.stages(images[:2])
    assert len(stages) == 3
    for stage in stages:
        assert {"rotations", "betas", "camera", "pose"} <= set(stage)
    last = model(images[:2])
    np.testing.assert_array_equal(stages[-1]["keypoints_2d"], last["keypoints_2d"])
    np.testing.assert_allclose(stages[0]["pose"], [_mean()[0]] * 2, atol=0.2)
    assert np.abs(stages[0]["pose"] - stages[2]["pose"]).max() > 1e-4


def test_items_do_not_depend_on_the_batch(model, images):
    whole = model(images)
    for rows in (slice(0, 1), slice(3, 5)):
        part = model(images[rows])
        for key in outputs.ESTIMATE_KEYS:
            np.testing.assert_allclose(part[key], whole[key][rows], atol=1e-5, err_msg=key)


def test_pose_forms_agree_with_scipy():
    pose = _mean()[0]
    expected = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    for rotation in ROTATION_FORMS:
        numbers = encode_pose(pose, rotation)
        assert numbers.shape == ((72,) if rotation == "axis_angle" else (144,))
        decoded = decode_pose(tf.constant(numbers[None]), rotation)
        np.testing.assert_allclose(decoded[0], expected, atol=1e-6, err_msg=rotation)


def test_variables(body):
    model = _model(body, encoder="resnet50_v2", hidden_units=1024)
    generator = sum(int(np.prod(v.shape)) for v in model.generator_variables)
    discriminator = sum(int(np.prod(v.shape)) for v in model.discriminator.trainable_variables)
    assert generator == 23_519_360 + 3_321_941 + 85
    assert generator + discriminator == 28_649_005
    # The body's arrays are constants: no variable has as many rows as the mesh.
    weights = model.weights
    assert len(weights) == len(model.encoder.weights) + len(model.regressor.weights) + len(
        model.discriminator.weights
    )
    assert all(body.num_vertices not in weight.shape for weight in weights)
    fixed = _model(body, train_mean=False)
    assert not any("mean" in v.name.split("/")[-1] for v in fixed.generator_variables[-7:])


def test_gradients_reach_generator_through_every_term(model, images):
    with tf.GradientTape(persistent=True) as tape:
        stages = model.stages(images[:2], training=True, seed=tf.constant([1, 2]))
        last = stages[-1]
        terms = {
            "2d": tf.reduce_sum(tf.abs(last["keypoints_2d"])),
            "3d": tf.reduce_sum(tf.square(last["joints_3d"])),
            "smpl": tf.reduce_sum(last["rotations"][:, :, 0, 1]),
        }
        for index, stage in enumerate(stages):
            critics = model.discriminator(
                {"rotations": stage["rotations"][:, 1:], "betas": stage["betas"]}
            )
            terms[f"adversary {index}"] = tf.reduce_sum(tf.square(critics - 1.0))
    first = model.encoder.get_layer("conv1_conv").kernel
    for name, term in terms.items():
        for target in (first, model.regressor.mean, model.regressor.fc1.kernel):
            gradient = tape.gradient(term, target)
            assert gradient is not None, name
            norm = float(tf.norm(gradient))
            assert np.isfinite(norm) and norm > 1e-7, (name, target.name, norm)


def test_seed_repeats_dropout(model, images):
    statistics = [v.numpy() for v in model.encoder.non_trainable_variables]

    def camera(seed):
        return model.stages(images[:2], training=True, seed=tf.constant(seed))[-1]["pose"].numpy()

    np.testing.assert_array_equal(camera([1, 2]), camera([1, 2]))
    assert np.abs(camera([1, 2]) - camera([1, 3])).max() > 1e-6
    for variable, value in zip(model.encoder.non_trainable_variables, statistics):
        variable.assign(value)


def test_checkpoint_restores_every_weight(model, body, images, tmp_path):
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    other = _model(body, seed=5)
    assert np.abs(other(images[:2])["camera"] - model(images[:2])["camera"]).max() > 1e-5
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    expected = model(images[:2])
    for key, value in other(images[:2]).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)
    for shape in tf.train.load_checkpoint(path).get_variable_to_shape_map().values():
        assert body.num_vertices not in shape


def test_export_gives_the_same_numbers(model, images, tmp_path):
    module = tf.Module()
    module.model = model

    @tf.function(input_signature=[tf.TensorSpec([None, _SIZE, _SIZE, 3], tf.float32)])
    def predict(images):
        return model(images, training=False, with_vertices=True)

    tf.saved_model.save(module, str(tmp_path), signatures=predict)
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    expected = model(images[:3], with_vertices=True)
    got = loaded(images=tf.constant(images[:3]))
    assert set(got) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_geometry_in_float32(model, body, images, precision):
    half = _model(body, precision=precision)
    half.set_weights(model.get_weights())
    estimate, expected = half(images[:2]), model(images[:2])
    for key, value in estimate.items():
        assert value.dtype == tf.float32, key
    relative = np.linalg.norm(estimate["pose"] - expected["pose"])
    assert 0 < relative < 0.02 * np.linalg.norm(expected["pose"])
    rotations = estimate["rotations"].numpy()
    np.testing.assert_allclose(np.linalg.det(rotations), np.ones((2, 24)), atol=1e-5)


def test_global_policy_is_not_consulted(body, images):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = _model(body)
        assert model.encoder.get_layer("conv1_conv").compute_dtype == "float32"
        assert model(images[:1])["rotations"].dtype == tf.float32
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_config_round_trip(model, body, images):
    config = model.get_config()
    again = HMR.from_config(config, body=body, mean=_mean(3))
    assert again.get_config() == config
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(images[:1])["camera"], model(images[:1])["camera"])


def test_runs_inside_a_strategy(model, body, images):
    """Built in a scope and run as a replica, it estimates the same."""
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([devices[0].name])
    with strategy.scope():
        other = _model(body, seed=9)
    other.set_weights(model.get_weights())
    got = strategy.run(tf.function(lambda x: other(x)["camera"]), args=(images[:2],))
    np.testing.assert_allclose(got, model(images[:2])["camera"], atol=1e-5)


def test_contradictions_are_one_line(body):
    with pytest.raises(ConfigError, match="Unknown rotation form 'euler'; expected one of"):
        _model(body, rotation="euler")
    with pytest.raises(ConfigError, match="Unknown projection 'fisheye'; expected one of"):
        _model(body, projection="fisheye")
    with pytest.raises(ConfigError, match="Unknown discriminator 'spin'; expected one of: hmr, mm"):
        _model(body, discriminator="spin")
    with pytest.raises(ConfigError, match="num_iterations must be at least 1; got 0"):
        _model(body, num_iterations=0)
    with pytest.raises(ConfigError, match="hidden_units must be at least 1; got 0"):
        _model(body, hidden_units=0)
    with pytest.raises(BodyError, match="has no keypoint regressor 'coco'"):
        _model(body, keypoints="coco")


def test_registry():
    assert MODELS.get("hmr") is HMR
