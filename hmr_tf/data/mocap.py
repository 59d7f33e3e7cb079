"""Batches of motion-capture poses and shapes: the discriminators' real bodies."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.body.mean_parameters import UPRIGHT
from hmr_tf.data import record_sets, streams
from tfrecords_tools import reader, schema

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


def mean_body(data_dir: str, mocap_datasets: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean of all motion-capture bodies, where estimation may begin.

    Of each joint, the rotation that is nearest to all of that joint in the least-squares sense of
    matrices.

    Args:
        data_dir: as `mocap_dataset`'s.
        mocap_datasets: likewise.

    Returns:
        pose `[72]` float32, axis-angle, rad, whose global rotation is upright in image axes; and
        betas `[10]` float32.

    Raises:
        DataError: if a set is missing; the message says how to make it.
        RecordError: if a file is damaged.
    """
    record_set = record_sets.find_mocap(data_dir, mocap_datasets)
    matrices, betas, count = np.zeros((24, 3, 3)), np.zeros(10), 0
    for shard in record_set.shards:
        records = tf.constant(list(reader.read_records(shard)), tf.string)
        bodies = schema.parse_mocap_example(records)
        vectors = tf.reshape(bodies["pose_axis_angle"], [-1, 3]).numpy()
        pose = Rotation.from_rotvec(vectors).as_matrix()
        matrices += pose.reshape(-1, 24, 3, 3).sum(axis=0)
        betas += bodies["betas"].numpy().sum(axis=0, dtype=np.float64)
        count += len(bodies["betas"])
    left, _, right = np.linalg.svd(matrices)
    left[..., 2] *= np.linalg.det(left @ right)[:, np.newaxis]
    pose = Rotation.from_matrix(left @ right).as_rotvec()
    pose[0] = UPRIGHT
    return pose.reshape(-1).astype(np.float32), (betas / count).astype(np.float32)
