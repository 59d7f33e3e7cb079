import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.training import devices


def test_one_replica_without_gpus():
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has GPUs")
    assert devices.build_strategy().num_replicas_in_sync == 1


def test_devices_cannot_be_split_late():
    tf.constant(1.0) + 1.0
    with pytest.raises(ConfigError, match="3 logical CPUs must be asked for before"):
        devices.build_strategy(num_logical_cpus=3)


def test_repeating_exactly_cannot_be_asked_for_late():
    code = """
import tensorflow as tf
from hmr_tf.errors import ConfigError
from hmr_tf.training import devices
devices.make_repeatable(0, deterministic=True)
devices.make_repeatable(0, deterministic=True)
assert tf.config.threading.get_inter_op_parallelism_threads() == 1
tf.config.threading.set_inter_op_parallelism_threads(0)
tf.constant(1.0) + 1.0
try:
    devices.make_repeatable(0, deterministic=True)
except ConfigError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "must be asked for before TensorFlow is used" in found.stdout


def test_a_dataset_keeps_its_elements_with_its_own_threads():
    dataset = devices.with_own_threads(tf.data.Dataset.range(3).map(lambda x: 2 * x))
    assert [int(x) for x in dataset] == [0, 2, 4]
    assert dataset.options().threading.private_threadpool_size >= 1


def test_seed_fixes_initial_weights():
    def kernel():
        devices.make_repeatable(5, deterministic=False)
        layer = tf.keras.layers.Dense(3)
        layer.build([None, 4])
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(), kernel())


def test_batch_must_split_evenly():
    class TwoReplicas:
        num_replicas_in_sync = 2

    devices.check_batch_size(8, TwoReplicas())
    with pytest.raises(ConfigError, match="multiple of the 2 devices; got 7"):
        devices.check_batch_size(7, TwoReplicas())
