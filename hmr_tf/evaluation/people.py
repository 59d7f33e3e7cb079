"""The people of a protocol: which records are read, and which of them count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

import tensorflow as tf

from hmr_tf.config import DataConfig
from hmr_tf.data import pipeline, record_sets
from hmr_tf.evaluation.protocol import Protocol


def data_config(
    protocol: Protocol, data_dir: str, window_px: float, split: str | None = None
) -> DataConfig:
    """Returns which records a protocol reads.

    Args:
        protocol: names datasets and split.
        data_dir: folder of records.
        window_px: the model's (`hmr_tf.config.HMRConfig`).
        split: another split than the protocol's.
    """
    return DataConfig(
        data_dir=data_dir,
        datasets=tuple((name, 1.0) for name in protocol.datasets),
        split=split or protocol.split,
        window_px=window_px,
    )


def batches(
    protocol: Protocol,
    data: DataConfig,
    image_size: int,
    batch_size: int,
    squares: pipeline.Squares | None = None,
) -> tf.data.Dataset:
    """Returns one pass over the people that count, in batches of `pipeline.evaluation_dataset`.

    Args:
        protocol: whose sequences and frames.
        data: of `data_config`.
        image_size: side of the crops, px.
        batch_size: people at once.
        squares: of the model's crops (`hmr_tf.data.root_crop.squares_of`).
    """
    return pipeline.evaluation_dataset(data, image_size, batch_size, _filter(protocol), squares)


def num_people(protocol: Protocol, data: DataConfig) -> int | None:
    """Returns how many people there are; None if that is not known before they are read."""
    if _filter(protocol) is not None:
        return None
    return sum(
        record_sets.find_records(data.data_dir, name, data.split).num_records
        for name, _ in data.datasets
    )


def _filter(protocol: Protocol) -> Callable[[Mapping[str, tf.Tensor]], tf.Tensor] | None:
    if not protocol.sequences and protocol.frame_step == 1:
        return None

    def keep(labels: Mapping[str, tf.Tensor]) -> tf.Tensor:
        is_kept = tf.equal(labels["frame"] % protocol.frame_step, 0)
        if protocol.sequences:
            is_kept &= tf.strings.regex_full_match(labels["sequence"], protocol.sequences)
        return is_kept

    return keep
