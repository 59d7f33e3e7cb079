"""What commands ask of a model, of every one in the registry."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_models

from hmr_tf import checkpoints, outputs, predictor, saved_weights
from hmr_tf.body import posing
from hmr_tf.evaluation import evaluator
from hmr_tf.evaluation.protocols import SYNTHETIC
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.models import MODELS
from hmr_tf.weights import initial_weights

_PHOTOS = [np.random.default_rng(k).integers(0, 256, (90, 120, 3), np.uint8) for k in range(3)]
_BOXES = [(10, 10, 50, 80), None, (60, 5, 118, 88)]


def test_every_model_has_a_small_one():
    assert set(tiny_models.CONFIGS) == set(MODELS.names)


@pytest.fixture(scope="module", params=tiny_models.CONFIGS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    return tiny_models.build(name)


@pytest.fixture(scope="module")
def folder(model, name, tmp_path_factory):
    folder = tmp_path_factory.mktemp(name) / "model"
    checkpoints.save_model(folder, model, name)
    return folder


def _images(model, count=2):
    size = model.config.image_size
    return np.random.default_rng(5).random((count, size, size, 3)).astype(np.float32)


def test_a_checkpoint_gives_the_same_model(model, folder):
    loaded = checkpoints.load_model(folder)
    assert loaded.config == model.config
    expected, found = (x(_images(model), with_vertices=True) for x in (model, loaded))
    assert set(expected) >= {*outputs.ESTIMATE_KEYS, outputs.VERTICES}
    for key in expected:
        np.testing.assert_array_equal(expected[key], found[key], err_msg=key)


def test_averaged_weights_are_preferred(model, name, tmp_path):
    averages = [tf.Variable(variable + 1.0) for variable in model.generator_variables]
    checkpoint = tf.train.Checkpoint(model=model, averaged=averages)
    tf.train.CheckpointManager(checkpoint, saved_weights.weights_dir(tmp_path), 1).save()
    description = checkpoints.describe(model, name, has_averaged=True)
    checkpoints.save_description(tmp_path, description, model.body_model)
    averaged = checkpoints.load_model(tmp_path)
    for trained, found in zip(model.generator_variables, averaged.generator_variables):
        np.testing.assert_array_equal(trained + 1.0, found)


def test_a_model_begins_with_another_s_weights(model, name, folder):
    other = tiny_models.build(name, seed=2)
    initial_weights.check(folder, other.config, "toy")
    initial_weights.load(folder, other)
    for expected, found in zip(model.weights, other.weights):
        np.testing.assert_array_equal(expected, found, err_msg=expected.name)


def test_people_in_photographs(folder):
    estimate = predictor.Predictor(str(folder)).predict_images(_PHOTOS, _BOXES)
    assert set(estimate) >= {*outputs.ESTIMATE_KEYS, *outputs.FULL_IMAGE_KEYS, outputs.VERTICES}
    assert np.ptp(estimate[outputs.SMPL_JOINTS_3D], axis=0).max() > 1e-3
    # The translation puts the body's own plane where the crop's camera does.
    plane = tf.zeros([3, 1, 3])
    translation = tf.constant(estimate[outputs.TRANSLATION])[:, None]
    center = camera_lib.image_center(tf.constant([[90, 120]] * 3))
    placed = camera_lib.perspective(plane + translation, estimate[outputs.FOCAL_LENGTH_PX], center)
    assert np.isfinite(placed).all()


def _batch(model, count):
    rng = np.random.default_rng(0)
    pose = rng.normal(scale=0.3, size=(count, 72)).astype(np.float32)
    meshes = [posing.pose_body(model.body_model, one, np.zeros(10))[0] for one in pose]
    joints = np.float32([model.body_model.regressor("cocoplus")[:14] @ x for x in meshes])
    zeros, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    batch = {
        "image": _images(model, count),
        "keypoints_2d": rng.normal(scale=0.3, size=(count, 19, 2)).astype(np.float32),
        "visibility": np.ones((count, 19), np.float32),
        "joints_3d": joints,
        "has_3d": ones,
        "pose_axis_angle": pose,
        "betas": np.zeros((count, 10), np.float32),
        "has_smpl": ones,
        "window": 180 * ones,
        "center": np.full((count, 2), 100, np.float32),
        "joints_24_3d": np.zeros((count, 24, 4), np.float32),
        "gender": np.zeros(count, np.int32),
        "intrinsics": np.tile(np.float32([500, 500, 90, 80]), (count, 1)),
        "has_intrinsics": ones,
        "translation": np.tile(np.float32([0, 0, 4]), (count, 1)),
        "has_translation": ones - zeros,
        "filename": np.array([f"im{k}.jpg".encode() for k in range(count)]),
    }
    return {key: tf.constant(value) for key, value in batch.items()}


@pytest.mark.parametrize("flip_test", [False, True])
def test_scores(model, flip_test):
    batch = _batch(model, 3)
    result = evaluator.evaluate(model, [batch], SYNTHETIC, flip_test=flip_test)
    for numbers in (result.errors, result.baseline):
        assert all(np.isfinite(values).all() for values in numbers.values())
    mean = evaluator.mean_estimate(model)
    assert mean[outputs.VERTICES].shape[0] == 1
    # The baseline is one body for everyone: upright.
    np.testing.assert_allclose(mean[outputs.ROTATIONS][0, 0], np.diag([1, -1, -1]), atol=1e-4)
