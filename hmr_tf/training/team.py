"""What the processes of one training do together; a process alone is a team of one.

Since these communicate, all processes must call them, and at the same places.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from hmr_tf.data import streams
from hmr_tf.errors import ConfigError, TrainingError
from hmr_tf.training import devices

# What communication with a process that has gone gives.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


class Team:
    """The processes of a strategy, seen from this one.

    Args:
        strategy: of `devices.build_strategy`.

    Attributes:
        worker: this process.
        is_alone: whether it is the only one.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self.worker = devices.worker_of(strategy)
        self.is_alone = self.worker.count == 1

    def check_step(self, step: tf.Variable) -> None:
        """Checks that all processes begin at the same step.

        Args:
            step: `[]` int64, steps taken; a variable of the strategy.

        Raises:
            ConfigError: if they do not.
        """
        if self.is_alone:
            return
        steps = self._strategy.run(tf.function(lambda: step.read_value(), autograph=False))
        total = int(self._strategy.reduce(tf.distribute.ReduceOp.SUM, steps, axis=None))
        own = int(step.numpy())
        if total != own * self._strategy.num_replicas_in_sync:
            raise ConfigError(
                f"Not all workers begin at step {own}, as worker {self.worker.index} does; "
                "--log_dir must be one folder that all of them see."
            )

    def mean(self, value: float) -> float:
        """Returns the mean over all processes: one that rounds otherwise must not decide alone."""
        if self.is_alone:
            return value
        constant = tf.function(lambda: tf.constant(value, tf.float64), autograph=False)
        values = self._strategy.run(constant)
        return float(self._strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None))

    def own_rows(self, element: Any) -> Any:
        """Returns a replica's rows of every tensor; to be called in the replica's context.

        Args:
            element: nested dicts and tuples of tensors, this process's share of a batch.
        """
        replicas = self._strategy.num_replicas_in_sync // self.worker.count
        if replicas == 1:
            return element
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        # On the host, so that a GPU is sent its own rows only.
        with tf.device("/cpu:0"):
            return streams.own_rows(element, (index % replicas, replicas))

    @contextlib.contextmanager
    def noticing_loss(self, step: tf.Variable) -> Iterator[None]:
        """Says in one line that other processes have gone.

        Args:
            step: steps taken.

        Raises:
            TrainingError: if communication fails.
        """
        try:
            yield
        except _LOST as error:
            if self.is_alone:
                raise
            raise TrainingError(
                f"Worker {self.worker.index} lost the others after step {int(step.numpy())}: start "
                "all workers again, they go on from the last checkpoint."
            ) from error
