"""A step on several replicas gives what it gives on one."""

import json
import os
import subprocess
import sys

import tensorflow as tf

from hmr_tf.evaluation import replicas

_SCRIPT = """
import json
import tensorflow as tf
from hmr_tf.evaluation import replicas
from hmr_tf.training import devices

strategy = devices.build_strategy(3)
with strategy.scope():
    weight = tf.Variable(2.0)
sizes = []

@tf.function(reduce_retracing=True, autograph=False)
def step(batch):
    return {"twice": weight * batch["x"]}, tf.reduce_sum(batch["x"], axis=1)

run = replicas.spread(step, strategy)
found = []
for size in (7, 6, 1, 2):
    x = tf.reshape(tf.range(2.0 * size), [size, 2])
    part, total = run({"x": x})
    found.append([part["twice"].numpy().tolist(), total.numpy().tolist()])
print(json.dumps(found))
"""


def test_rows_come_back_in_order_whatever_the_size():
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    for size, (twice, total) in zip((7, 6, 1, 2), json.loads(result.stdout.splitlines()[-1])):
        x = [[2.0 * k, 2.0 * k + 1] for k in range(size)]
        assert twice == [[2 * a, 2 * b] for a, b in x]
        assert total == [a + b for a, b in x]


def test_one_replica_is_the_step_itself():
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    run = replicas.spread(lambda batch: batch["x"] + 1, strategy)
    assert run({"x": tf.constant([1, 2])}).numpy().tolist() == [2, 3]
