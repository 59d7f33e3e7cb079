"""Which images a step was trained on; to name them when something is wrong with their numbers."""

from __future__ import annotations

from hmr_tf import config as config_lib
from hmr_tf.data import record_parsing, record_sets, streams


def batch_files(data: config_lib.DataConfig, batch_size: int, seed: int, step: int) -> list[str]:
    """Finds the file names of a step's batch, by reading its records again.

    Args:
        data: the data of the run.
        batch_size: images a step.
        seed: of the run.
        step: the step, from 1.

    Returns:
        The names in the records. A run that is not deterministic may have taken a few of the step
        before or after instead.
    """
    found = [record_sets.find_records(data.data_dir, name, data.split) for name, _ in data.datasets]
    examples = streams.mixture_stream(
        found,
        weights=[weight for _, weight in data.datasets],
        pair_kinds=data.pair_2d_with_3d,
        seed=seed,
        shuffle_buffer=data.shuffle_buffer,
        first_example=(step - 1) * batch_size,
        cache=data.cache,
    )
    _, numbers, serialized = next(iter(examples.batch(batch_size)))
    names = record_parsing.batch_parser(found)(numbers, serialized)["filename"].numpy()
    return [name.decode(errors="replace") for name in names]
