import numpy as np
import tensorflow as tf

from hmr_tf.training import task


def test_sums_of_one_replica_are_its_own():
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    values = {"a": tf.constant(2.0), "b": tf.constant(3.0)}
    found = strategy.run(lambda: task.global_sums(values))
    assert {name: float(value) for name, value in found.items()} == {"a": 2.0, "b": 3.0}


def test_no_gradient_flows_through_counts():
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = task.global_sums({"a": x * 3.0})["a"] * x
    assert float(tape.gradient(y, x)) == 6.0


def test_seed_follows_from_run_and_step():
    seeds = [
        task.replica_seed(seed, tf.constant(step, tf.int64)).numpy()
        for seed, step in [(0, 0), (0, 1), (1, 0), (0, 0)]
    ]
    np.testing.assert_array_equal(seeds[0], seeds[3])
    assert len({tuple(seed) for seed in seeds}) == 3
