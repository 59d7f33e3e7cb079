"""Batches of motion-capture poses and shapes: the discriminators' real bodies."""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.data import record_sets, streams
from tfrecords_tools import schema

# The original release shuffled files only; records of one file come from neighbouring frames.
_SHUFFLE_BUFFER = 20_000
# Keeps the mocap streams' random numbers apart from those of the image datasets.
_STREAM = 63


def mocap_dataset(
    data_dir: str,
    mocap_datasets: tuple[str, ...],
    batch_size: int,
    seed: int = 0,
    first_step: int = 0,
    cache: bool = False,
    share: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Returns endless shuffled batches of motion-capture bodies.

    The sets are read as one, so each counts by its size, as in the original release.

    Args:
        data_dir: folder that holds ``mocap_neutrMosh``.
        mocap_datasets: names of the sets (`CMU`, `H3.6`, `jointLim`).
        batch_size: bodies a step.
        seed: of the order.
        first_step: number of batches that a restarted run has already seen.
        cache: whether the records are kept in memory.
        share: (index, number) of this worker; each gets its own consecutive rows of every batch.

    Returns:
        Dataset of dicts: `pose_axis_angle` `[batch_size, 72]` rad, `betas` `[batch_size, 10]`,
        float32.

    Raises:
        DataError: if a set is missing; the message says how to make it.
    """
    record_set = record_sets.find_mocap(data_dir, mocap_datasets)
    stream = streams.record_stream(
        record_set,
        seed=seed,
        stream=_STREAM,
        shuffle_buffer=_SHUFFLE_BUFFER,
        first_record=first_step * batch_size,
        cache=cache,
    )
    batches = stream.batch(batch_size, drop_remainder=True)
    return batches.map(
        lambda records: schema.parse_mocap_example(streams.own_rows(records, share)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
