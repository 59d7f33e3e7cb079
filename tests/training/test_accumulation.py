import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.training import accumulation


@pytest.mark.parametrize("in_graph", [False, True])
def test_sums_over_parts(in_graph):
    rows = np.arange(24, dtype=np.float32).reshape(6, 4)
    seen = []

    def compute(part, index):
        tf.py_function(lambda x: seen.append(x.numpy()), [part["x"]], [])
        assert part["x"].shape == [2, 4]
        return {"sum": tf.reduce_sum(part["x"], 0), "index": [tf.cast(index, tf.float32)]}

    def add(batch):
        return accumulation.add_parts(compute, batch, 3)

    found = (tf.function(add) if in_graph else add)({"x": tf.constant(rows), "none": {}})
    np.testing.assert_array_equal(found["sum"], rows.sum(0))
    assert float(found["index"][0]) == 0 + 1 + 2
    np.testing.assert_array_equal(np.concatenate(seen), rows)


def test_one_part():
    found = accumulation.add_parts(lambda part, index: 2.0 * part, tf.ones([3, 2]), 1)
    np.testing.assert_array_equal(found, 2 * np.ones([3, 2]))


@pytest.mark.parametrize("num_parts", [1, 3])
def test_compiled_parts_have_seeds_of_their_own(num_parts):
    def gradients(x, y, seed, counts):
        drawn = tf.random.stateless_uniform([], seed)
        return {"sum": tf.reduce_sum(x + y) / counts["all"], "drawn": [drawn]}

    batch, counts = (tf.ones([6]), 2.0 * tf.ones([6])), {"all": tf.constant(2.0)}
    seed = tf.constant([1, 2])
    found = accumulation.compiled(gradients, batch, seed, counts, num_parts, jit_compile=False)
    assert float(found["sum"]) == 9.0
    alike = num_parts * float(tf.random.stateless_uniform([], seed))
    assert (float(found["drawn"][0]) == pytest.approx(alike)) == (num_parts == 1)
    found = accumulation.compiled(gradients, batch, seed, counts, num_parts, jit_compile=True)
    assert float(found["sum"]) == 9.0  # XLA draws other numbers.
