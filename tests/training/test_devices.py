import json
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


def cluster(task, **jobs):
    return json.dumps({"cluster": jobs, "task": task})


PAIR = ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 1)),
        ("{}", (0, 1)),
        (cluster({"type": "worker", "index": 0}, worker=["a:1"]), (0, 1)),
        (cluster({"type": "worker", "index": 1}, worker=PAIR), (1, 2)),
        (cluster({"type": "chief", "index": 0}, worker=PAIR, chief=["c:1"]), (0, 3)),
        (cluster({"type": "worker", "index": "0"}, worker=PAIR, chief=["c:1"]), (1, 3)),
    ],
)
def test_place_among_workers(monkeypatch, text, expected):
    monkeypatch.setenv("TF_CONFIG", text)
    worker = devices.find_worker()
    assert (worker.index, worker.count) == expected
    assert worker.is_chief == (expected[0] == 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{cluster", "Expecting property name"),
        ("[1]", "no attribute 'get'"),
        (cluster({"type": "worker", "index": 2}, worker=PAIR), "has no task 'worker' 2"),
        (cluster({"type": "chief", "index": 0}, worker=PAIR), "has no task 'chief' 0"),
        (cluster({"index": 0}, worker=PAIR), "'type' is missing"),
        (cluster({"type": "worker", "index": 0}, worker=PAIR, ps=["c:1"]), "one 'chief' and any"),
        (cluster({"type": "worker", "index": 0}, worker="a:1,b:2"), "a list of addresses"),
        (json.dumps({"cluster": {"worker": PAIR}}), "'task' is missing"),
    ],
)
def test_a_broken_cluster_is_one_line(monkeypatch, text, reason):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=reason) as error:
        devices.find_worker()
    assert "\n" not in str(error.value) and "TF_CONFIG should be like" in str(error.value)


def test_logical_devices_are_for_one_process(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster({"type": "worker", "index": 1}, worker=PAIR))
    with pytest.raises(ConfigError, match="num_logical_cpus is for one process; TF_CONFIG names 2"):
        devices.build_strategy(num_logical_cpus=2)


def test_batch_must_split_evenly():
    class TwoReplicas:
        num_replicas_in_sync = 2

    devices.check_batch_size(8, TwoReplicas())
    with pytest.raises(ConfigError, match="multiple of the 2 devices; got 7"):
        devices.check_batch_size(7, TwoReplicas())
    devices.check_batch_size(12, TwoReplicas(), accumulate_steps=3)
    with pytest.raises(ConfigError, match="multiple of the 2 devices, each in 3 parts; got 8"):
        devices.check_batch_size(8, TwoReplicas(), accumulate_steps=3)
