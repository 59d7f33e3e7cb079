"""Weights to begin with: an encoder's folder or a whole checkpoint, checked before long work."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf import checkpoints
from hmr_tf.config import HMRConfig, HybrIKConfig, LossConfig, TrainConfig
from hmr_tf.errors import CheckpointError, ConfigError
from hmr_tf.models.hmr import HMR
from hmr_tf.training.adversarial import AdversarialTask
from hmr_tf.weights import initial_weights

_CONFIG = HMRConfig(encoder="resnet_small_v2", image_size=32, hidden_units=16)


def _model(seed, **changes):
    tf.keras.utils.set_random_seed(seed)
    return HMR(dataclasses.replace(_CONFIG, **changes), toy_body())


def _same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left.get_weights(), right.get_weights()))


@pytest.fixture(scope="module")
def source():
    return _model(1)


@pytest.fixture(scope="module")
def encoder_folder(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder") / "out"
    initial_weights.save_encoder(folder, source.encoder, _CONFIG, {"imported": {"format": "x"}})
    return folder


@pytest.fixture(scope="module")
def checkpoint(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / "out"
    checkpoints.save_model(folder, source, "hmr")
    return folder


def test_an_encoder_s_folder_fills_the_encoder_alone(source, encoder_folder):
    assert initial_weights.has_encoder(encoder_folder)
    initial_weights.check(encoder_folder, _CONFIG, "toy")
    target, untouched = _model(2, image_size=64), _model(2)
    initial_weights.load(encoder_folder, target)
    assert _same(target.encoder, source.encoder)
    assert _same(target.regressor, untouched.regressor)
    assert _same(target.discriminator, untouched.discriminator)


@pytest.mark.parametrize("train_mean", [True, False])
def test_a_checkpoint_fills_all(source, checkpoint, train_mean):
    config = dataclasses.replace(_CONFIG, train_mean=train_mean, num_iterations=2, dropout=0.1)
    initial_weights.check(checkpoint, config, "toy")
    target = _model(2, train_mean=train_mean)
    initial_weights.load(checkpoint, target)
    assert _same(target.encoder, source.encoder)
    assert _same(target.discriminator, source.discriminator)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(target(images)["pose"], source(images)["pose"])


def test_averaged_weights_are_taken(source, tmp_path):
    other = _model(5)
    averages = [tf.Variable(x) for x in other.generator_variables]
    tf.train.Checkpoint(model=source, averaged=averages).save(str(tmp_path / "weights/ckpt"))
    description = checkpoints.describe(source, "hmr", has_averaged=True)
    checkpoints.save_description(tmp_path, description, source.body_model)
    target = _model(2)
    initial_weights.load(tmp_path, target)
    for got, expected in zip(target.encoder.trainable_weights, other.encoder.trainable_weights):
        np.testing.assert_array_equal(got, expected)


def test_training_begins_with_them_averages_too(source, checkpoint):
    train, losses = TrainConfig(average_decay=0.9), LossConfig()
    task = AdversarialTask("hmr", _CONFIG, toy_body(), train, losses, None, str(checkpoint))
    task.build()
    assert _same(task.model.encoder, source.encoder)
    for average, expected in zip(task.checkpoint_items()["averaged"], source.generator_variables):
        np.testing.assert_array_equal(average, expected)


def test_another_architecture_is_named(encoder_folder, checkpoint):
    def refused(folder, match, body="toy", **changes):
        with pytest.raises(ConfigError, match=match):
            initial_weights.check(folder, dataclasses.replace(_CONFIG, **changes), body)

    refused(
        encoder_folder, "encoder is 'resnet_small_v2'; this.* 'resnet50_v2'", encoder="resnet50_v2"
    )
    refused(encoder_folder, "pool is 'slim'; this one's is 'keras'", pool="keras")
    refused(checkpoint, "regressor is 'joint'; this one's is 'separate'", regressor="separate")
    refused(checkpoint, "hidden_units is '16'", hidden_units=8)
    refused(checkpoint, "body's kind is 'toy'; this one's is 'smpl'", body="smpl")


def test_identity_is_that_of_the_weights(encoder_folder, checkpoint, source, tmp_path):
    first = initial_weights.identify(encoder_folder)
    assert first != initial_weights.identify(checkpoint)
    initial_weights.save_encoder(tmp_path, source.encoder, _CONFIG, {})
    assert initial_weights.identify(tmp_path) == initial_weights.identify(tmp_path)
    with pytest.raises(CheckpointError, match="holds no weights to begin with"):
        initial_weights.identify(tmp_path / "missing")


def test_damaged_descriptions_are_one_line(encoder_folder, tmp_path):
    for text, match in (("{", "not readable as JSON"), ('{"format": 9}', "is not of format 1")):
        (tmp_path / "encoder.json").write_text(text)
        with pytest.raises(CheckpointError, match=match):
            initial_weights.check(tmp_path, _CONFIG, "toy")


def test_another_kind_of_model_is_refused(checkpoint):
    with pytest.raises(ConfigError, match=r"another kind of model, 'hmr': it has the setting "):
        initial_weights.check(checkpoint, HybrIKConfig(), "toy")
