"""Conformance of every registered encoder."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import encoders
from hmr_tf.models.encoders import ENCODERS, build_encoder

_SIZE = 64


def _features(encoder, images, **options):
    products = encoder(images, **options)
    return products["features"] if isinstance(products, dict) else products


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(5, _SIZE, _SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=ENCODERS.names)
def encoder(request):
    tf.keras.utils.set_random_seed(1)
    return build_encoder(request.param, _SIZE)


def test_features_are_float32_rows(encoder, images):
    features = _features(encoder, images)
    shape = encoder.output_shape
    assert features.shape == (5, (shape["features"] if isinstance(shape, dict) else shape)[-1])
    assert features.dtype == tf.float32


def test_items_do_not_depend_on_the_batch(encoder, images):
    whole = _features(encoder, images).numpy()
    scale = np.abs(whole).max()
    for rows in (slice(0, 1), slice(1, 3)):
        np.testing.assert_allclose(_features(encoder, images[rows]), whole[rows], atol=1e-5 * scale)


def test_a_map_comes_with_the_features(encoder, images):
    features, last_map = encoders.with_map(encoder)(images[:2])
    assert last_map.shape[1] == last_map.shape[2] and _SIZE % last_map.shape[1] == 0
    if not isinstance(encoder.output, dict):
        np.testing.assert_allclose(features, encoder(images[:2]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet_small_v2", "resnet50_v1", "resnet_keypoints_v2"])
def test_config_round_trip(images, name):
    encoder = build_encoder(name, _SIZE, dtype_policy="mixed_bfloat16")
    again = tf.keras.Model.from_config(encoder.get_config())
    again.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(_features(again, images[:1]), _features(encoder, images[:1]))


def test_bfloat16_is_only_rounding(encoder, images):
    half = build_encoder(encoder.name, _SIZE, dtype_policy="mixed_bfloat16")
    half.set_weights(encoder.get_weights())
    assert all(weight.dtype == tf.float32 for weight in half.weights)
    got, expected = _features(half, images[:2]), _features(encoder, images[:2])
    assert got.dtype == tf.float32
    relative = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert 1e-5 < relative < 0.05


def test_training_updates_the_statistics(encoder, images):
    norm = next(x for x in encoder.layers if isinstance(x, tf.keras.layers.BatchNormalization))
    before = norm.moving_mean.numpy()
    encoder(images, training=False)
    np.testing.assert_array_equal(norm.moving_mean, before)
    encoder(images, training=True)
    assert np.abs(norm.moving_mean - before).max() > 0


def test_unknown_name_lists_the_known():
    with pytest.raises(ConfigError, match=r"Unknown encoder 'vgg'.*resnet50_v1, .*resnet50_v2"):
        build_encoder("vgg")
