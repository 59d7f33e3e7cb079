"""Where training runs: the strategy over GPUs, logical CPUs or machines, and repeatability."""

from __future__ import annotations

import dataclasses
import json
import os

import tensorflow as tf
from absl import logging

from hmr_tf.errors import ConfigError

CLUSTER_VARIABLE = "TF_CONFIG"
_CLUSTER_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Worker:
    """This process among those that train together.

    Attributes:
        index: from 0.
        count: number of processes.
    """

    index: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes the run's folder."""
        return self.index == 0


def find_worker() -> Worker:
    """Reads from the environment variable ``TF_CONFIG`` who trains together.

    Raises:
        ConfigError: if it cannot be understood.
    """
    text = os.environ.get(CLUSTER_VARIABLE, "").strip()
    if not text:
        return Worker()
    try:
        values = json.loads(text)
        cluster = values.get("cluster") or {}
        if not all(isinstance(addresses, list) for addresses in cluster.values()):
            raise ValueError("each job should have a list of addresses")
        jobs = {job: len(cluster.get(job, ())) for job in ("chief", "worker")}
        if set(cluster) - set(jobs) or jobs["chief"] > 1:
            raise ValueError("the cluster may have one 'chief' and any number of 'worker'")
        if sum(jobs.values()) < 2:
            return Worker()
        kind, index = values["task"]["type"], int(values["task"]["index"])
        if not 0 <= index < jobs.get(kind, 0):
            raise ValueError(f"the cluster has no task '{kind}' {index}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ConfigError(
            f"{CLUSTER_VARIABLE} should be like {_CLUSTER_EXAMPLE}; got {text[:200]} ({reason})."
        ) from error
    return Worker(index + (jobs["chief"] if kind == "worker" else 0), sum(jobs.values()))


def build_strategy(num_logical_cpus: int = 0) -> tf.distribute.Strategy:
    """Returns a mirrored strategy over all GPUs, or over CPUs if there are none.

    Call it before anything else of TensorFlow: logical devices cannot be made later. One device is
    one replica; the same step runs for one or many. If ``TF_CONFIG`` names several processes, the
    strategy is over the devices of all of them, and this waits for all of them.

    Args:
        num_logical_cpus: if positive, that many replicas on one CPU, whatever GPUs there are; for
            trying out several replicas.

    Raises:
        ConfigError: if TensorFlow has already set up its devices otherwise, ``TF_CONFIG`` cannot be
            understood, or the other processes cannot be joined.
    """
    worker = find_worker()
    if worker.count > 1 and num_logical_cpus:
        raise ConfigError(
            f"--num_logical_cpus is for one process; {CLUSTER_VARIABLE} names {worker.count}."
        )
    if num_logical_cpus > 0:
        _split_cpu(num_logical_cpus)
        return tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(num_logical_cpus)])
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if worker.count > 1:
        return _join(worker)
    if not gpus:
        return tf.distribute.MirroredStrategy(["/cpu:0"])
    logging.info("Training on %d GPUs.", len(gpus))
    return tf.distribute.MirroredStrategy()


def _join(worker: Worker) -> tf.distribute.Strategy:
    """Waits for the other processes."""
    logging.info("Worker %d of %d waits for the others.", worker.index, worker.count)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"Worker {worker.index} of {worker.count} could not join the others: {reason}"
        ) from error


def worker_of(strategy: tf.distribute.Strategy) -> Worker:
    """Returns this process's place in a strategy of `build_strategy`."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return find_worker()
    return Worker()


def _split_cpu(number: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    current = tf.config.get_logical_device_configuration(cpu)
    if current is not None and len(current) == number:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * number
        )
    except RuntimeError as error:
        raise ConfigError(
            f"{number} logical CPUs must be asked for before TensorFlow is used: {error}."
        ) from error


def make_repeatable(seed: int, deterministic: bool) -> None:
    """Seeds everything that draws initial weights, and optionally makes runs repeat exactly.

    A deterministic run starts operations one after the other (each still uses all cores): where
    three or more gradients meet, TensorFlow adds them in an order that depends on which buffers
    happen to be free, and its own determinism switch does not cover that.

    Args:
        seed: of Python, NumPy and TensorFlow.
        deterministic: whether two runs must agree to the last bit. Call it before anything else of
            TensorFlow then, `build_strategy` included.

    Raises:
        ConfigError: if it is too late for that.
    """
    # Not 0: TensorFlow's shuffle then fails on a seed that is a tensor, as the input pipeline's is.
    tf.keras.utils.set_random_seed(seed + 1)
    if not deterministic:
        return
    tf.config.experimental.enable_op_determinism()
    if tf.config.threading.get_inter_op_parallelism_threads() == 1:
        return
    try:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise ConfigError(
            f"A deterministic run must be asked for before TensorFlow is used: {error}."
        ) from error


def with_own_threads(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Gives a dataset threads of its own, so that a deterministic run does not starve it."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = os.cpu_count() or 1
    return dataset.with_options(options)


def check_batch_size(
    batch_size: int, strategy: tf.distribute.Strategy, accumulate_steps: int = 1
) -> None:
    """Checks that the global batch splits evenly.

    Raises:
        ConfigError: if it does not.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % (replicas * accumulate_steps):
        parts = f", each in {accumulate_steps} parts" if accumulate_steps > 1 else ""
        raise ConfigError(
            f"batch_size must be a multiple of the {replicas} devices{parts}; got {batch_size}."
        )
