"""ResNet-50 v2 against printed values of the original graph, and the small family's shape."""

import fill_models
import filler
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import resnet_v2


@pytest.fixture(scope="module")
def images():
    return (filler.image() + 1.0) / 2.0


@pytest.fixture(scope="module")
def slim():
    model = resnet_v2.resnet50_v2(224, "slim", "float32")
    fill_models.resnet50_v2(model)
    return model


def test_filler_image():
    image = filler.image()
    assert image.mean() == pytest.approx(4.915e-05, abs=1e-7)
    np.testing.assert_allclose(image[0, 10, 20], [0.395687, 0.769245, 0.781015], atol=1e-6)


def test_stem_of_the_original(slim, images):
    taps = [slim.get_layer(name).output for name in ("conv1_conv", "pool1_pool")]
    conv, pool = tf.keras.Model(slim.input, taps)(images)
    assert float(tf.reduce_mean(conv)) == pytest.approx(-0.0123052, abs=1e-5)
    np.testing.assert_allclose(conv[0, 0, 0, :3], [0.212097, 0.002115, -0.260573], atol=1e-4)
    np.testing.assert_allclose(conv[0, 111, 111, :3], [-0.063951, 0.408573, -0.103967], atol=1e-4)
    assert float(tf.reduce_mean(pool)) == pytest.approx(0.0533410, abs=1e-5)
    np.testing.assert_allclose(pool[0, 0, 0, :3], [0.569733, 0.002115, -0.189525], atol=1e-4)
    np.testing.assert_allclose(pool[0, 55, 55, :3], [0.096900, 0.474655, 0.228574], atol=1e-4)


@pytest.mark.parametrize(
    ("pool", "mean", "std", "first", "sizes"),
    [
        (
            "slim",
            0.236591,
            0.322968,
            [0.207143, 0.024914, 0.0, 0.073868, 0.195840],
            [56, 28, 14, 7, 7],
        ),
        (
            "keras",
            0.234787,
            0.321457,
            [0.215445, 0.024460, 0.0, 0.081959, 0.201185],
            [56, 28, 14, 7, 7],
        ),
        (
            "hmr2",
            0.232727,
            0.315450,
            [0.227498, 0.029650, 0.002604, 0.065875, 0.216077],
            [57, 29, 15, 8, 8],
        ),
    ],
)
def test_features_of_every_pool(slim, images, pool, mean, std, first, sizes):
    model = slim if pool == "slim" else resnet_v2.resnet50_v2(224, pool, "float32")
    model.set_weights(slim.get_weights())
    features = model(images, training=False).numpy()
    assert features.mean() == pytest.approx(mean, abs=1e-4)
    assert features.std() == pytest.approx(std, abs=1e-4)
    if pool == "slim":
        assert features.max() == pytest.approx(2.633053, abs=1e-4)
    np.testing.assert_allclose(features[0, :5], first, atol=1e-4)
    ends = ["pool1_pool", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "post_relu"]
    assert [model.get_layer(name).output_shape[1] for name in ends] == sizes


def test_layers_are_those_of_keras(slim):
    theirs = tf.keras.applications.ResNet50V2(weights=None, include_top=False)
    layers = [(layer.name, [w.shape for w in layer.weights]) for layer in theirs.layers]
    ours = [(layer.name, [w.shape for w in layer.weights]) for layer in slim.layers]
    assert [row for row in ours if row[1]] == [row for row in layers if row[1]]


def test_parameter_counts(slim):
    def count(weights):
        return sum(int(np.prod(weight.shape)) for weight in weights)

    assert count(slim.trainable_weights) == 23_519_360
    assert count(slim.non_trainable_weights) == 45_440


def test_batch_norm_settings(slim):
    norms = [x for x in slim.layers if isinstance(x, tf.keras.layers.BatchNormalization)]
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(1e-5, 0.997)}
    assert len(norms) == 49


def test_small_family_shrinks_by_32_and_trains():
    model = resnet_v2.resnet_small_v2(96, "slim", "float32")
    assert model.get_layer("post_relu").output_shape[1] == 3
    images = np.random.default_rng(0).uniform(size=(4, 96, 96, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(images, training=True)))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert all(bool(tf.reduce_all(tf.math.is_finite(gradient))) for gradient in gradients)


def test_unknown_pool_is_one_line():
    with pytest.raises(ConfigError, match="Unknown pool 'torch'; expected one of: slim, keras"):
        resnet_v2.resnet18_v2(96, "torch", "float32")
