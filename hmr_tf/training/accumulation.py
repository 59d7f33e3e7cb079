"""Adds up over parts of a batch what would need too much memory for the whole of it."""

from __future__ import annotations

from collections.abc import Mapping
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


def compiled(
    gradients: Callable[..., Any],
    batch: tuple,
    seed: tf.Tensor,
    counts: Mapping[str, tf.Tensor],
    num_parts: int,
    jit_compile: bool,
) -> Any:
    """Computes a replica's gradients in a function of its own: in parts, or by XLA, or both.

    Args:
        gradients: (items of the batch, seed, counts) -> nested floating tensors that add up over
            parts.
        batch: nested tensors `[rows, ...]`.
        seed: `[2]` int32; each of several parts gets one of its own.
        counts: of the global batch, since a part cannot know them.
        num_parts: how many; divides the rows.
        jit_compile: whether XLA compiles the function.

    Returns:
        What ``gradients`` gives for the whole batch.
    """
    # Made anew for each replica: each has its own variables.
    compute = tf.function(gradients, jit_compile=jit_compile or None, autograph=False)
    if num_parts == 1:
        return compute(*batch, seed, counts)

    def compute_part(part: Any, index: tf.Tensor) -> Any:
        part_seed = tf.random.experimental.stateless_fold_in(seed, index)
        return compute(*part, part_seed, counts)

    return add_parts(compute_part, batch, num_parts)
