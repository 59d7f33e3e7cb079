"""A team of one, and what can be told of others without them; see test_several_processes."""

import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError, TrainingError
from hmr_tf.training import devices, team


@pytest.fixture
def alone():
    return team.Team(tf.distribute.OneDeviceStrategy("/cpu:0"))


@pytest.fixture
def second_of_two(monkeypatch):
    monkeypatch.setattr(devices, "worker_of", lambda strategy: devices.Worker(1, 2))
    return team.Team(tf.distribute.OneDeviceStrategy("/cpu:0"))


def test_who_is_alone_agrees_with_itself(alone):
    assert alone.is_alone and alone.worker.is_chief
    alone.check_step(tf.Variable(7, dtype=tf.int64))
    assert alone.mean(2.5) == 2.5
    element = {"image": tf.zeros([4, 2])}
    assert alone.own_rows(element) is element


def test_the_loss_of_others_is_one_line(alone, second_of_two):
    lost = tf.errors.UnavailableError(None, None, "Socket closed\nand more")
    step = tf.Variable(7, dtype=tf.int64)
    with pytest.raises(TrainingError) as error, second_of_two.noticing_loss(step):
        raise lost
    message = str(error.value)
    assert message.startswith("Worker 1 lost the others after step 7: start all workers again")
    assert "\n" not in message
    with pytest.raises(ValueError, match="mine"), second_of_two.noticing_loss(step):
        raise ValueError("mine")
    # With nobody to lose, it is TensorFlow's own error.
    with pytest.raises(tf.errors.UnavailableError), alone.noticing_loss(step):
        raise lost


def test_numbers_of_other_steps_are_noticed(second_of_two):
    class Strategy:
        num_replicas_in_sync = 2

        def run(self, function):
            return function()

        def reduce(self, how, value, axis):
            assert how == tf.distribute.ReduceOp.SUM and axis is None
            return value + 6  # The other begins at step 6.

    second_of_two._strategy = Strategy()
    second_of_two.check_step(tf.Variable(6, dtype=tf.int64))
    with pytest.raises(ConfigError, match="Not all workers begin at step 7, as worker 1 does"):
        second_of_two.check_step(tf.Variable(7, dtype=tf.int64))
