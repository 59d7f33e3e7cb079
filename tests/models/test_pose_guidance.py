"""Gaussian maps against printed numbers; encoders in two parts are the encoders themselves."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import encoders, pose_guidance


def test_printed_map():
    # Joint (10.3, 20.7) of a map of 64.
    pose = np.zeros((1, 30, 3), np.float32)
    pose[0, 0] = (10.3 / 32 - 1, 20.7 / 32 - 1, 1)
    pose[0, 1] = (10.3 / 32 - 1, 20.7 / 32 - 1, 0)
    maps = pose_guidance.gaussian_maps(tf.constant(pose), 64).numpy()[0]
    assert maps[21, 10, 0] == pytest.approx(0.985703, abs=1e-5)
    assert maps[20, 10, 0] == pytest.approx(0.954660, abs=1e-5)
    assert maps[..., 0].sum() == pytest.approx(39.26964, abs=1e-3)
    np.testing.assert_array_equal(maps[..., 1:], 0.0)
    # A smaller map shows the same places.
    small = pose_guidance.gaussian_maps(tf.constant(pose), 16).numpy()[0]
    np.testing.assert_allclose(small[..., 0], maps[::4, ::4, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18_v1", "resnet_small_v2", "resnet_pyramid_v2"])
def test_both_parts_are_the_encoder(name):
    tf.keras.utils.set_random_seed(0)
    encoder = encoders.build_encoder(name, 64)
    images = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    _, expected = encoders.with_map(encoder)(images)
    parts = pose_guidance.guided(encoder, 30, "imagenet", "float32")
    features = parts.stem(images)
    assert features.shape[1] == 16
    np.testing.assert_allclose(parts.trunk(features), expected, atol=1e-5)
    raw = pose_guidance.guided(encoder, 30, "raw", "float32")
    normalized = encoder.get_layer("normalize")(images)
    np.testing.assert_allclose(raw.stem(normalized), features, atol=1e-5)
    fused = parts.fusion([features, tf.zeros([2, 16, 16, 30])])
    assert fused.shape == features.shape
    # Features come before maps.
    width = features.shape[-1]
    assert parts.fusion.get_layer("conv").kernel.shape == (3, 3, width + 30, width)


def test_encoders_without_a_stem_are_refused():
    images = tf.keras.Input([8, 8, 3])
    encoder = tf.keras.Model(images, tf.keras.layers.Conv2D(2, 1)(images), name="plain")
    with pytest.raises(ConfigError, match="'plain' has no stem with a pool"):
        pose_guidance.guided(encoder, 30, "raw", "float32")
