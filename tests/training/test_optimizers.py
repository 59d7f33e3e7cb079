import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import config
from hmr_tf.errors import ConfigError
from hmr_tf.training import optimizers

GRADIENTS = [np.array([0.3, -2.0, 1e-3]), np.array([0.1, 0.5, -4.0]), np.array([-0.2, 0.0, 7.0])]


def _adam(start, gradients, rates, epsilon=1e-8):
    """Adam in NumPy: Kingma and Ba 2015, the form at the end of section 2."""
    weights, m, v = start.astype(np.float64), 0.0, 0.0
    history = []
    for step, (gradient, rate) in enumerate(zip(gradients, rates), start=1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        rate = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weights = weights - rate * m / (np.sqrt(v) + epsilon)
        history.append(weights)
    return history


def _apply(optimizer, variable):
    for gradient in GRADIENTS:
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])


def test_fused_adam_is_adam():
    variable = tf.Variable([1.0, -1.0, 0.5])
    _apply(optimizers.FusedAdam(0.01, epsilon=1e-8), variable)
    expected = _adam(np.array([1.0, -1.0, 0.5]), GRADIENTS, [0.01] * 3)[-1]
    np.testing.assert_allclose(variable, expected, rtol=1e-6)


def test_fused_adam_agrees_with_keras():
    ours, keras = tf.Variable([1.0, -1.0, 0.5]), tf.Variable([1.0, -1.0, 0.5])
    _apply(optimizers.FusedAdam(0.01, epsilon=1e-7), ours)
    _apply(tf.keras.optimizers.Adam(0.01, epsilon=1e-7), keras)
    np.testing.assert_allclose(ours, keras, rtol=1e-6)


def test_averages_warm_up():
    start = np.array([1.0, -1.0, 0.5])
    variable = tf.Variable(start, dtype=tf.float32)
    optimizer = optimizers.FusedAdam(0.1, epsilon=1e-8, use_ema=True, ema_momentum=0.15)
    _apply(optimizer, variable)
    average = start
    weights = _adam(start, GRADIENTS, [0.1] * 3)
    for decay, weight in zip([1 / 10, 0.15, 0.15], weights):  # 2/11 and 3/12 exceed 0.15.
        average = decay * average + (1 - decay) * weight
    np.testing.assert_allclose(optimizer.averages[0], average, rtol=1e-6)
    assert not optimizers.FusedAdam(0.1).averages


def test_averages_leave_the_weights_alone():
    plain, averaged = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])
    _apply(optimizers.FusedAdam(0.1), plain)
    _apply(optimizers.FusedAdam(0.1, use_ema=True, ema_momentum=0.9), averaged)
    np.testing.assert_array_equal(plain, averaged)


@pytest.mark.parametrize("kind", ["constant", "cosine"])
def test_schedule_by_hand(kind):
    schedule = optimizers.WarmupSchedule(2.0, kind, num_steps=14, warmup_steps=4)
    rates = [float(schedule(step)) for step in range(15)]
    np.testing.assert_allclose(rates[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
    later = np.arange(4, 15)
    expected = 2.0 + 0.0 * later
    if kind == "cosine":
        expected = 1.0 + np.cos(np.pi * (later - 4) / 10)
    np.testing.assert_allclose(rates[4:], expected, atol=1e-6)


def test_published_hybrik_decays_twice():
    """Epochs of 10 steps: a tenth from epoch 90 on, a hundredth from epoch 120 on."""
    schedule = optimizers.WarmupSchedule(1e-3, "step", 1400, decay_steps=(900, 1200))
    rates = [float(schedule(step)) for step in (0, 899, 900, 1199, 1200, 1399)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5], rtol=1e-6)
    again = optimizers.WarmupSchedule(**schedule.get_config())
    assert float(again(950)) == rates[2]


def test_schedule_reaches_adam():
    train = config.TrainConfig(num_steps=3, schedule="cosine", warmup_steps=1)
    optimizer = optimizers.build_optimizer(train, 0.01)
    variable = tf.Variable([1.0, -1.0, 0.5])
    rates = []
    for gradient in GRADIENTS:
        rates.append(optimizers.current_rate(optimizer))
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.005], rtol=1e-6)
    expected = _adam(np.array([1.0, -1.0, 0.5]), GRADIENTS, rates)[-1]
    np.testing.assert_allclose(variable, expected, rtol=1e-6)


def test_float16_scales_its_loss():
    train = config.TrainConfig(precision="mixed_float16")
    optimizer = optimizers.build_optimizer(train, 0.01, average_decay=0.9)
    optimizer.build([tf.Variable([1.0])])
    assert float(optimizer.get_scaled_loss(tf.constant(1.0))) > 1000
    assert len(optimizers.averages(optimizer)) == 1
    assert optimizers.current_rate(optimizer) == pytest.approx(0.01)


def test_clipping_is_by_the_norm_of_all_weights():
    train = config.TrainConfig(clip_norm=2.5)
    optimizer = optimizers.build_optimizer(train, 0.01)
    ones = [tf.Variable([1.0, 1.0]), tf.Variable([1.0])]
    seen = []
    optimizer.update_step = lambda gradient, variable: seen.append(gradient.numpy())
    for gradients in ([[3.0, 0.0], [4.0]], [[0.3, 0.0], [0.4]]):
        optimizers.update(optimizer, [tf.constant(gradient) for gradient in gradients], ones)
    expected = [[1.5, 0.0], [2.0], [0.3, 0.0], [0.4]]  # Norms 5 and 0.5.
    for found, value in zip(seen, expected):
        np.testing.assert_allclose(found, value, rtol=1e-6)


def test_clipping_and_overflow_of_float16():
    train = config.TrainConfig(precision="mixed_float16", clip_norm=1.0)
    optimizer = optimizers.build_optimizer(train, 0.01)
    variable = tf.Variable([1.0, 1.0])
    optimizer.build([variable])
    update = tf.function(lambda gradient: optimizers.update(optimizer, [gradient], [variable]))
    scale = float(optimizer.loss_scale)
    assert float(update(tf.constant([3.0, 4.0]))) == 0
    first = variable.numpy()
    np.testing.assert_allclose(optimizer.inner_optimizer._momentums[0], [0.06, 0.08], rtol=1e-6)
    assert float(update(tf.constant([np.inf, 1.0]))) == 1
    np.testing.assert_array_equal(variable, first)
    assert float(optimizer.loss_scale) == scale / 2
    assert float(update(tf.constant([3.0, 4.0]))) == 0
    for _ in range(20):
        assert float(update(tf.constant([np.nan, 1.0]))) == 1
    assert float(optimizer.loss_scale) == 1
    assert int(optimizer.iterations) == 23


def test_a_growing_loss_scale_is_no_overflow():
    optimizer = optimizers.build_optimizer(config.TrainConfig(precision="mixed_float16"), 0.01)
    variable = tf.Variable([1.0])
    optimizer.build([variable])
    optimizer.dynamic_counter.assign(1999)
    before = float(optimizer.loss_scale)
    assert float(optimizers.update(optimizer, [tf.constant([1.0])], [variable])) == 0
    assert float(optimizer.loss_scale) == 2 * before


def test_state_survives_a_checkpoint(tmp_path):
    def fresh():
        variable = tf.Variable([1.0, -1.0, 0.5])
        optimizer = optimizers.FusedAdam(0.1, use_ema=True, ema_momentum=0.9)
        optimizer.build([variable])
        return variable, optimizer

    variable, optimizer = fresh()
    _apply(optimizer, variable)
    path = tf.train.Checkpoint(v=variable, o=optimizer).write(str(tmp_path / "state"))
    _apply(optimizer, variable)
    again, second = fresh()
    tf.train.Checkpoint(v=again, o=second).read(path).assert_consumed()
    _apply(second, again)
    np.testing.assert_array_equal(variable, again)
    np.testing.assert_array_equal(optimizer.averages[0], second.averages[0])


def test_unknown_schedule_is_named():
    with pytest.raises(ConfigError, match="Unknown schedule 'linear'; expected one of: constant"):
        optimizers.WarmupSchedule(1.0, "linear")


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="neither amsgrad"):
        optimizers.FusedAdam(amsgrad=True)
