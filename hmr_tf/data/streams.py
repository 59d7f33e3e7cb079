"""Endless, seeded, restartable streams of serialized records.

A stream passes over its shards epoch by epoch; every epoch holds every record once, in an order
that follows from the seed and the epoch alone. So the record at any position of the stream is
known without what came before it, and a stream can begin anywhere: whole epochs are skipped by
arithmetic, the rest of an epoch by reading on without decoding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from hmr_tf.data.record_sets import RecordSet

# Shards that are read side by side.
_MAX_OPEN_SHARDS = 16
_FOREVER = tf.int64.max
# Position within an epoch at which to begin; an epoch's records.
_Begin = Callable[[tf.Tensor], tf.Tensor]
_Epoch = Callable[[tf.Tensor], tf.data.Dataset]
# What a stream's random numbers are for; each use has numbers of its own.
SEED_CHOICE, SEED_SHARDS, SEED_RECORDS, SEED_AUGMENT, SEED_OCCLUSION, SEED_TARGETS = range(6)


def seed_pair(seed: int, purpose: int, position: tf.Tensor | int, stream: int = 0) -> tf.Tensor:
    """Returns the seed of one use at one position.

    Args:
        seed: of the run.
        purpose: one of the ``SEED_`` constants.
        position: `[]` int64, e.g. the epoch or the example's place in the run.
        stream: number of the stream within the run.

    Returns:
        `[2]` int64.
    """
    first = tf.constant((seed * 64 + stream) * 8 + purpose, tf.int64)
    return tf.stack([first, tf.cast(position, tf.int64)])


def record_stream(
    record_set: RecordSet,
    seed: int,
    stream: int,
    shuffle_buffer: int,
    first_record: int = 0,
    cache: bool = False,
) -> tf.data.Dataset:
    """Returns the endless shuffled stream of a dataset's records.

    Args:
        record_set: what to read.
        seed: of the run.
        stream: number of this stream within the run; streams of one run are shuffled apart.
        shuffle_buffer: records held for shuffling within an epoch (shards are shuffled too).
        first_record: position at which to begin.
        cache: whether all records are read into memory now; then each epoch's order is a full
            permutation, whatever the buffer, and a restart reads nothing twice.

    Returns:
        Dataset of `[]` string.
    """
    first_epoch, skipped = divmod(first_record, record_set.num_records)
    one_epoch = _epoch_from_memory if cache else _epoch_from_shards
    epochs = tf.data.Dataset.range(first_epoch, _FOREVER)
    begin = tf.constant(skipped, tf.int64)
    return epochs.flat_map(
        one_epoch(
            record_set,
            seed=seed,
            stream=stream,
            shuffle_buffer=shuffle_buffer,
            begin=lambda epoch: tf.where(epoch == first_epoch, begin, 0),
        )
    )


def mixture_stream(
    record_sets: Sequence[RecordSet],
    weights: Sequence[float],
    pair_kinds: bool,
    seed: int,
    shuffle_buffer: int,
    first_example: int = 0,
    cache: bool = False,
) -> tf.data.Dataset:
    """Returns the endless stream of a run's examples, drawn from several datasets.

    Args:
        record_sets: the datasets.
        weights: how often each is drawn, relative to the others of its kind when kinds are paired
            and to all others when not.
        pair_kinds: whether examples without and with 3D labels alternate, if both kinds are there.
        seed: of the run.
        shuffle_buffer: records held for shuffling, per dataset.
        first_example: position at which to begin.
        cache: whether records are kept in memory.

    Returns:
        Dataset of (position `[]` int64, number of the dataset `[]` int64, record `[]` string).
    """
    tables = _choice_tables(record_sets, weights, pair_kinds)
    begins = _count_choices(tables, len(record_sets), seed, first_example)
    streams = [
        _numbered(number, record_stream(record_set, seed, number, shuffle_buffer, begin, cache))
        for number, (record_set, begin) in enumerate(zip(record_sets, begins))
    ]
    positions = tf.data.Dataset.range(first_example, _FOREVER)
    if len(streams) == 1:
        return _flat_zip(positions, streams[0])
    first_block, skipped = divmod(first_example, _CHOICE_BLOCK)
    choices = tf.data.Dataset.range(first_block, _FOREVER)
    choices = choices.map(lambda block: _choose(tables, seed, block)).unbatch().skip(skipped)
    records = tf.data.Dataset.choose_from_datasets(streams, choices)
    return _flat_zip(positions, records)


def plain_stream(record_sets: Sequence[RecordSet]) -> tf.data.Dataset:
    """Returns one pass over datasets, one after the other, in the order of their records.

    Args:
        record_sets: the datasets.

    Returns:
        Dataset of (number of the dataset `[]` int64, record `[]` string).
    """
    streams = [
        _numbered(number, tf.data.TFRecordDataset(list(record_set.shards)))
        for number, record_set in enumerate(record_sets)
    ]
    return functools.reduce(tf.data.Dataset.concatenate, streams)


def own_rows(values: Any, share: tuple[int, int]) -> Any:
    """Returns one part of equal consecutive parts of a batch.

    Args:
        values: nested tensors `[rows, ...]`; rows are a multiple of the number of parts.
        share: (index of the part, number of parts).

    Returns:
        The same structure, `[rows / parts, ...]`.
    """
    index, parts = share
    if parts == 1:
        return values

    def rows(tensor: tf.Tensor) -> tf.Tensor:
        size = tensor.shape[0] // parts
        return tensor[index * size : (index + 1) * size]

    return tf.nest.map_structure(rows, values)


def _numbered(number: int, stream: tf.data.Dataset) -> tf.data.Dataset:
    """Puts a dataset's number before each of its records."""
    return stream.map(lambda record: (tf.constant(number, tf.int64), record))


def _flat_zip(positions: tf.data.Dataset, records: tf.data.Dataset) -> tf.data.Dataset:
    return tf.data.Dataset.zip((positions, records)).map(
        lambda position, numbered: (position, *numbered)
    )


# Choices are drawn in blocks, so that the choices before a restart are counted quickly. Even, so
# that a block begins with the first kind of a pair.
_CHOICE_BLOCK = 1 << 14


def _choice_tables(
    record_sets: Sequence[RecordSet], weights: Sequence[float], pair_kinds: bool
) -> list[list[float]]:
    """Returns one cumulative distribution over all datasets for each kind that takes turns."""
    kinds = [record_set.has_3d for record_set in record_sets]
    turns = [False, True] if pair_kinds and len(set(kinds)) == 2 else [None]
    tables = []
    for turn in turns:
        shares = [w if turn in (None, kind) else 0.0 for w, kind in zip(weights, kinds)]
        total, upper, table = sum(shares), 0.0, []
        for share in shares:
            upper += share / total
            table.append(upper)
        # A draw just below 1 must not fall behind the last dataset that has a share.
        last = max(index for index, share in enumerate(shares) if share > 0)
        tables.append([bound if index < last else 1.0 for index, bound in enumerate(table)])
    return tables


def _choose(tables: list[list[float]], seed: int, block: tf.Tensor) -> tf.Tensor:
    """Draws the datasets of one block of examples: `[_CHOICE_BLOCK]` int64."""
    draws = tf.random.stateless_uniform(
        [_CHOICE_BLOCK], seed_pair(seed, SEED_CHOICE, block), alg="philox"
    )
    columns = [
        tf.searchsorted(tf.constant(table), draws[turn :: len(tables)], side="right")
        for turn, table in enumerate(tables)
    ]
    return tf.cast(tf.reshape(tf.stack(columns, axis=1), [_CHOICE_BLOCK]), tf.int64)


def _count_choices(
    tables: list[list[float]], num_sets: int, seed: int, num_examples: int
) -> list[int]:
    """Counts how often each dataset was drawn for the first examples of a run."""
    if num_sets == 1 or num_examples == 0:
        return [num_examples] * num_sets
    counts = tf.zeros([num_sets], tf.int64)
    choose = tf.function(lambda block: _choose(tables, seed, block))
    for begin in range(0, num_examples, _CHOICE_BLOCK):
        chosen = choose(tf.constant(begin // _CHOICE_BLOCK, tf.int64))[: num_examples - begin]
        counts += tf.math.bincount(chosen, minlength=num_sets, dtype=tf.int64)
    return [int(count) for count in counts.numpy()]


def _epoch_from_shards(
    record_set: RecordSet, seed: int, stream: int, shuffle_buffer: int, begin: _Begin
) -> _Epoch:
    """Returns the function from an epoch to its records, read from the shards in mixed order."""
    shards = tf.constant(record_set.shards)
    open_shards = min(len(record_set.shards), _MAX_OPEN_SHARDS)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            shards, seed_pair(seed, SEED_SHARDS, epoch, stream), alg="philox"
        )
        # The order of records must not depend on how fast shards are read.
        records = tf.data.Dataset.from_tensor_slices(order).interleave(
            tf.data.TFRecordDataset,
            cycle_length=open_shards,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        _tolerate_global_seed_of_zero()
        records = records.shuffle(
            shuffle_buffer, seed=_shuffle_seed(seed, stream, epoch), reshuffle_each_iteration=False
        )
        return records.skip(begin(epoch))

    return one_epoch


def _epoch_from_memory(
    record_set: RecordSet, seed: int, stream: int, shuffle_buffer: int, begin: _Begin
) -> _Epoch:
    """Reads all records; returns the function from an epoch to a permutation of them."""
    del shuffle_buffer
    reader = tf.data.TFRecordDataset(list(record_set.shards)).batch(1024)
    records = tf.concat(list(reader), axis=0)
    places = tf.range(len(records))

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            places, seed_pair(seed, SEED_RECORDS, epoch, stream), alg="philox"
        )
        order = tf.data.Dataset.from_tensor_slices(order[begin(epoch) :])
        return order.map(lambda place: tf.gather(records, place))

    return one_epoch


def _tolerate_global_seed_of_zero() -> None:
    """Lets a dataset function shuffle with a tensor as seed whatever TensorFlow's global seed.

    If the global seed is 0, TensorFlow compares the other seed with 0 in Python, which fails on a
    tensor within a graph. The function's own graph then counts as not seeded; no other graph, nor
    the program's global seed, is changed.
    """
    if not tf.executing_eagerly() and tf.compat.v1.get_default_graph().seed == 0:
        tf.random.set_seed(None)


def _shuffle_seed(seed: int, stream: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the `[]` int64 seed of an epoch's shuffle buffer; never 0, which means unseeded."""
    pair = seed_pair(seed, SEED_RECORDS, epoch, stream)
    return tf.random.stateless_uniform(
        [], pair, minval=1, maxval=tf.int64.max, dtype=tf.int64, alg="philox"
    )
