"""The iterative regressor against printed values of the original graph."""

import fill_models
import filler
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import resnet_v2
from hmr_tf.models.regressor import IterativeRegressor


def _original():
    layer = IterativeRegressor(np.zeros(72), np.zeros(10))
    layer.build([None, 2048])
    fill_models.joint_regressor(layer)
    return layer


def test_theta_of_every_iteration():
    encoder = resnet_v2.resnet50_v2(224, "slim", "float32")
    fill_models.resnet50_v2(encoder)
    stages = _original()(encoder((filler.image() + 1.0) / 2.0))
    expected = [
        (
            -0.000964,
            [-0.029273, -0.089047, -0.058843, -0.107043, 0.333949],
            [-0.004563, 0.204275, -0.180485],
        ),
        (
            0.013808,
            [-0.144073, -0.118406, -0.199615, -0.130162, 0.745748],
            [0.074864, 0.452571, -0.418437],
        ),
        (
            0.025938,
            [-0.262255, -0.125200, -0.391002, -0.086624, 1.180582],
            [0.156044, 0.667218, -0.670024],
        ),
    ]
    assert len(stages) == 3
    for stage, (mean, first, last) in zip(stages, expected):
        theta = np.concatenate([stage[key][0] for key in ("camera", "pose", "betas")])
        assert theta.shape == (85,)
        assert theta.mean() == pytest.approx(mean, abs=1e-4)
        np.testing.assert_allclose(theta[:5], first, atol=1e-4)
        np.testing.assert_allclose(theta[-3:], last, atol=1e-4)


def test_parameter_counts():
    layer = _original()
    counts = {weight.name: int(np.prod(weight.shape)) for weight in layer.trainable_weights}
    assert sum(counts.values()) == 3_321_941 + 85
    fixed = IterativeRegressor(np.zeros(72), np.zeros(10), train_mean=False)
    fixed.build([None, 2048])
    assert sum(int(np.prod(w.shape)) for w in fixed.trainable_weights) == 3_321_941


def test_output_layers_begin_near_zero():
    joint = IterativeRegressor(np.zeros(72), np.zeros(10))
    joint.build([None, 2048])
    kernel = joint.output_layers[0].kernel.numpy()
    assert 0.0072 < np.abs(kernel).max() <= 0.0073555 + 1e-7
    assert np.all(joint.output_layers[0].bias == 0)
    separate = IterativeRegressor(np.zeros(144), np.zeros(10), form="separate")
    separate.build([None, 2048])
    limit = 0.01 * np.sqrt(6 / (1024 + 144))
    assert 0.95 * limit < np.abs(separate.output_layers[0].kernel).max() <= limit + 1e-9


@pytest.mark.parametrize("form", ["joint", "separate"])
def test_begins_at_the_mean(form):
    pose, betas = np.linspace(-1, 1, 72), np.linspace(0, 1, 10)
    layer = IterativeRegressor(pose, betas, (0.9, 0.1, -0.2), form=form, hidden_units=8)
    layer.build([None, 4])
    for output in layer.output_layers:
        output.kernel.assign(tf.zeros_like(output.kernel))
    last = layer(tf.ones([2, 4]))[-1]
    np.testing.assert_allclose(last["pose"], [pose, pose], atol=1e-6)
    np.testing.assert_allclose(last["betas"], [betas, betas], atol=1e-6)
    np.testing.assert_allclose(last["camera"], [[0.9, 0.1, -0.2]] * 2, atol=1e-6)


def test_gradient_reaches_every_iteration():
    """A loss on any iteration moves the features, the mean and the shared weights."""
    layer = _original()
    features = tf.constant(filler.signed("features", (2, 2048)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(features)
        losses = [tf.reduce_sum(tf.square(stage["pose"])) for stage in layer(features)]
    for target in (layer.mean, features, layer.fc1.kernel):
        for loss in losses:
            assert float(tf.norm(tape.gradient(loss, target))) > 1e-3


def test_gradient_is_not_stopped_between_iterations():
    """The last estimate's slope in the mean is the measured one, not that of a plain sum."""
    layer = _original()
    features = tf.constant(filler.signed("features", (1, 2048)), tf.float32)
    weights = tf.constant(filler.signed("weights", (1, 72)), tf.float32)

    def loss():
        return tf.reduce_sum(weights * layer(features)[-1]["pose"])

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tape.gradient(value, layer.mean)
    direction = gradient / tf.norm(gradient)
    mean, step = layer.mean.numpy(), 1e-2
    layer.mean.assign(mean + step * direction)
    above = float(loss())
    layer.mean.assign(mean - step * direction)
    slope = (above - float(loss())) / (2 * step)
    assert slope == pytest.approx(float(tf.norm(gradient)), rel=0.02)
    plain = tf.reduce_sum(direction[:, 3:75] * weights)  # if only the last sum were followed
    assert abs(slope - float(plain)) > 0.05 * abs(slope)


def test_separate_form_is_affine():
    """SPIN's head has no activation: estimates are affine in the features."""
    layer = IterativeRegressor(np.zeros(144), np.zeros(10), form="separate", hidden_units=16)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 32)), tf.float32)
    zero, one, two = (layer(scale * x)[-1]["pose"] for scale in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(two - one, one - zero, atol=1e-6)
    assert np.abs(one - zero).max() > 1e-6


def test_dropout_only_while_training_and_by_seed():
    layer = _original()
    features = tf.constant(filler.signed("features", (4, 2048)), tf.float32)

    def pose(**kwargs):
        return layer(features, **kwargs)[-1]["pose"].numpy()

    np.testing.assert_array_equal(pose(), pose())
    seed, other = tf.constant([1, 2]), tf.constant([1, 3])
    np.testing.assert_array_equal(pose(training=True, seed=seed), pose(training=True, seed=seed))
    assert np.abs(pose(training=True, seed=seed) - pose(training=True, seed=other)).max() > 1e-3
    assert np.abs(pose(training=True) - pose(training=True)).max() > 1e-3
    np.testing.assert_array_equal(pose(training=False, seed=seed), pose())


def test_dropout_keeps_half_of_the_units_and_the_mean():
    layer = _original()
    dropped = layer._activate(tf.ones([64, 1024]), True, tf.constant([5, 6]), 0).numpy()
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)


def test_config_round_trip():
    layer = IterativeRegressor(
        np.arange(72.0), np.arange(10.0), form="separate", hidden_units=8, train_mean=False
    )
    again = IterativeRegressor.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    layer.build([None, 4])
    again.build([None, 4])
    again.set_weights(layer.get_weights())
    x = tf.ones([2, 4])
    np.testing.assert_array_equal(again(x)[-1]["pose"], layer(x)[-1]["pose"])


def test_unknown_form():
    with pytest.raises(ConfigError, match="expected one of: joint, separate"):
        IterativeRegressor(np.zeros(72), np.zeros(10), form="mixed")
