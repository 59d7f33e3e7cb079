"""Runs a step on every replica of a strategy, each with its part of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import tensorflow as tf


def spread(
    step: Callable[[Mapping[str, tf.Tensor]], Any], strategy: tf.distribute.Strategy
) -> Callable[[Mapping[str, tf.Tensor]], Any]:
    """Returns a step that does the same work on all replicas.

    Args:
        step: from a batch of any size to tensors with one row for each of the batch's.
        strategy: its replicas get parts of one size, the last rows being repeated to fill them.

    Returns:
        The step; its results are in the order of the batch, without the rows that filled.
    """
    count = strategy.num_replicas_in_sync
    if count == 1:
        return lambda batch: strategy.run(step, args=(batch,))

    def run(batch: Mapping[str, tf.Tensor]) -> Any:
        size = len(next(iter(batch.values())))
        share = -(-size // count)
        rows = tf.minimum(tf.range(share * count), size - 1)
        parts = [
            {
                key: tf.gather(value, rows[part * share : (part + 1) * share])
                for key, value in batch.items()
            }
            for part in range(count)
        ]
        values = strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )
        results = strategy.run(step, args=(values,))
        return tf.nest.map_structure(
            lambda value: tf.concat(strategy.experimental_local_results(value), axis=0)[:size],
            results,
        )

    return run
