"""Adds up over parts of a batch what would need too much memory for the whole of it."""

from __future__ import annotations

from typing import Any, Callable

import tensorflow as tf


def add_parts(compute: Callable[[Any, tf.Tensor], Any], batch: Any, num_parts: int) -> Any:
    """Adds up a function's values over equal consecutive parts of a batch, one after the other.

    Args:
        compute: (nested tensors, a part of the batch; index of the part `[]` int32) -> nested
            floating tensors, whose shapes are the same for all parts. It is called twice while a
            graph is made, so it should be a `tf.function` if it is long.
        batch: nested tensors `[rows, ...]`; rows are a multiple of the number of parts.
        num_parts: how many.

    Returns:
        The sums, nested as the values are.
    """
    split = tf.nest.map_structure(
        lambda tensor: tf.reshape(
            tensor, [num_parts, tensor.shape[0] // num_parts, *tensor.shape[1:]]
        ),
        batch,
    )

    def values(index: tf.Tensor) -> list[tf.Tensor]:
        part = tf.nest.map_structure(lambda tensor: tensor[index], split)
        return tf.nest.flatten(compute(part, index))

    first = compute(tf.nest.map_structure(lambda tensor: tensor[0], split), tf.constant(0))
    # A loop of the graph, unlike one of Python, holds the memory of one part only.
    _, sums = tf.while_loop(
        lambda index, _: index < num_parts,
        lambda index, sums: (index + 1, [a + b for a, b in zip(sums, values(index))]),
        (tf.constant(1), tf.nest.flatten(first)),
        parallel_iterations=1,
    )
    return tf.nest.pack_sequence_as(first, sums)
