import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models import linear_heads

_SIZES, _MEANS = {"betas": 3, "twist": 4}, {"betas": [1.0, -2.0, 0.5]}


def _heads(**changes):
    heads = linear_heads.LinearHeads(_SIZES, _MEANS, **{"hidden_units": 16, **changes})
    heads.build([None, 8])
    return heads


def test_is_linear_and_adds_the_means():
    heads = _heads()
    features = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    found = heads(features)
    hidden = features
    for layer in heads.hidden:
        hidden = hidden @ layer.kernel.numpy() + layer.bias.numpy()
    for name, size in _SIZES.items():
        layer = heads.outputs[name]
        expected = hidden @ layer.kernel.numpy() + layer.bias.numpy() + _MEANS.get(name, 0)
        assert found[name].shape == (5, size)
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
    assert not heads.means["betas"].trainable
    # Two hidden layers, two heads.
    assert len(heads.trainable_variables) == 8 and len(heads.weights) == 9


def test_without_hidden_layers():
    heads = _heads(hidden_units=0)
    assert heads.hidden == [] and heads.outputs["twist"].kernel.shape == (8, 4)


def test_begins_as_torch_does():
    heads = linear_heads.LinearHeads({"a": 400, "b": 400}, {}, hidden_units=0)
    heads.build([None, 100])
    first, second = (heads.outputs[name] for name in "ab")
    for values in (first.kernel, first.bias):
        assert 0.095 < np.abs(values).max() <= 0.1
        assert np.std(values) == pytest.approx(0.1 / np.sqrt(3), rel=0.1)
    assert np.abs(first.kernel - second.kernel).max() > 0.05


def test_dropout_is_a_function_of_the_seed():
    heads, features = _heads(), tf.ones([4, 8])
    first, again, other = (
        heads(features, training=True, seed=tf.constant(seed))["betas"].numpy()
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_array_equal(heads(features)["betas"], heads(features)["betas"])
    assert np.abs(heads(features, training=True)["betas"] - heads(features)["betas"]).max() > 1e-3


def test_config_round_trip():
    heads = _heads(dropout=0.1)
    again = linear_heads.LinearHeads.from_config(heads.get_config())
    assert again.get_config() == heads.get_config() and again.dropout == 0.1
