"""The torch-style ResNet-50 against printed values of the PyTorch releases."""

import fill_models
import filler
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models import regressor, resnet_v1

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


@pytest.fixture(scope="module")
def model():
    model = resnet_v1.resnet50_v1(224, "slim", "float32")
    fill_models.resnet50_v1(model)
    return model


@pytest.fixture(scope="module")
def images():
    return filler.image() * _STD + _MEAN  # The network takes this back.


def test_features(model, images):
    taps = [model.get_layer(name).output for name in ("maxpool", "layer1_2_out", "avg_pool")]
    pool, layer1, features = (x.numpy() for x in tf.keras.Model(model.input, taps)(images))
    assert pool.mean() == pytest.approx(0.251924, abs=1e-4)
    assert layer1.mean() == pytest.approx(0.327473, abs=1e-4)
    assert features.mean() == pytest.approx(0.558854, abs=1e-4)
    assert features.std() == pytest.approx(0.590133, abs=1e-4)
    assert features.max() == pytest.approx(3.399133, abs=1e-4)
    first = [0.048498, 0.520708, 1.016419, 2.823015, 1.850643]
    np.testing.assert_allclose(features[0, :5], first, atol=1e-4)


def test_spin_head(model, images):
    head = regressor.IterativeRegressor(
        [1, 0, 0, 1, 0, 0] * 24, np.zeros(10), form="separate", train_mean=False
    )
    head.build([None, 2048])
    fill_models.separate_regressor(head)
    last = head(model(images))[-1]
    np.testing.assert_allclose(last["betas"][0, :3], [0.205233, 0.123440, -0.021354], atol=1e-4)
    np.testing.assert_allclose(last["camera"][0], [1.299543, 0.267524, -0.492273], atol=1e-4)
    rotations = _gram_schmidt(last["pose"].numpy().reshape(24, 3, 2))
    np.testing.assert_allclose(
        rotations[0],
        [
            [0.971136, 0.090169, 0.220827],
            [-0.054447, 0.985152, -0.162822],
            [-0.232230, 0.146099, 0.961626],
        ],
        atol=1e-4,
    )
    np.testing.assert_allclose(rotations[23, 0], [0.982708, -0.102843, -0.153975], atol=1e-4)
    total = sum(int(np.prod(w.shape)) for w in model.trainable_weights + head.trainable_weights)
    assert total == 26_977_501


def _gram_schmidt(columns):
    first = columns[..., 0] / np.linalg.norm(columns[..., 0], axis=-1, keepdims=True)
    second = columns[..., 1] - np.sum(first * columns[..., 1], -1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def test_batch_norm_settings(model):
    norms = [x for x in model.layers if isinstance(x, tf.keras.layers.BatchNormalization)]
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(1e-5, 0.9)}
    assert len(norms) == 53
