"""Where training runs: the strategy over GPUs or logical CPUs, and repeatability."""

from __future__ import annotations

import os

import tensorflow as tf
from absl import logging

from hmr_tf.errors import ConfigError


def build_strategy(num_logical_cpus: int = 0) -> tf.distribute.MirroredStrategy:
    """Returns a mirrored strategy over all GPUs, or over CPUs if there are none.

    Call it before anything else of TensorFlow: logical devices cannot be made later. One device is
    one replica; the same step runs for one or many.

    Args:
        num_logical_cpus: if positive, that many replicas on one CPU, whatever GPUs there are; for
            trying out several replicas.

    Raises:
        ConfigError: if TensorFlow has already set up its devices otherwise.
    """
    if num_logical_cpus > 0:
        _split_cpu(num_logical_cpus)
        return tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(num_logical_cpus)])
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return tf.distribute.MirroredStrategy(["/cpu:0"])
    logging.info("Training on %d GPUs.", len(gpus))
    return tf.distribute.MirroredStrategy()


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


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Checks that the global batch splits evenly.

    Raises:
        ConfigError: if it does not.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"batch_size must be a multiple of the {replicas} devices; got {batch_size}."
        )
