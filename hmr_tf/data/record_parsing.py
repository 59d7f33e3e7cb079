"""Parses batches of records that may come from datasets of several formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import tensorflow as tf

from hmr_tf.data.record_sets import RecordSet
from tfrecords_tools import hmr2_format, record_formats, schema
from tfrecords_tools.samples import PERSON_PX

Parsed = dict[str, tf.Tensor]
Parser = Callable[[tf.Tensor, tf.Tensor], Parsed]

# hmr2.0's own folder name of a dataset whose points 14 to 18 are not the face.
_WITHOUT_FACE = "mpii"


def batch_parser(record_sets: Sequence[RecordSet]) -> Parser:
    """Returns the parser of a mixture's records.

    Args:
        record_sets: the datasets of the mixture.

    Returns:
        Function of dataset numbers `[batch]` int64 and records `[batch]` string to the dict of
        `schema.parse_image_example`. Records that do not name their dataset get its name here.
    """
    kinds = [_kind(record_set) for record_set in record_sets]
    known = sorted(set(kinds))
    names = tf.constant([record_set.name for record_set in record_sets])
    places = tf.constant([known.index(kind) for kind in kinds])

    def parse(numbers: tf.Tensor, serialized: tf.Tensor) -> Parsed:
        if len(known) == 1:
            parsed = _parse(known[0], serialized)
        else:
            parsed = _parse_parts(known, tf.gather(places, numbers), serialized)
        named = tf.where(parsed["dataset"] == "", tf.gather(names, numbers), parsed["dataset"])
        return {**parsed, "dataset": named}

    return parse


def enlargement(parsed: Parsed) -> tf.Tensor:
    """Returns how much larger people are than those of 150 px, whom settings speak of: `[batch]`.

    Args:
        parsed: records, of `batch_parser`.
    """
    return parsed["person_px"] / PERSON_PX


def _kind(record_set: RecordSet) -> tuple[str, bool]:
    """Returns (format, whether the face points are the face): what the parser depends on."""
    if record_set.record_format in (record_formats.HMR_TF, record_formats.HMR):
        return record_formats.HMR, True
    return record_set.record_format, record_set.name != _WITHOUT_FACE


def _parse(kind: tuple[str, bool], serialized: tf.Tensor) -> Parsed:
    record_format, has_face = kind
    if record_format == record_formats.HMR:
        return schema.parse_image_example(serialized)
    has_toes = record_format == record_formats.HMR2_TOES
    return hmr2_format.parse_hmr2_example(serialized, has_toes, has_face)


def _parse_parts(
    kinds: Sequence[tuple[str, bool]], places: tf.Tensor, serialized: tf.Tensor
) -> Parsed:
    """Parses each kind's records on their own and puts the results back in order.

    Args:
        kinds: all kinds.
        places: `[batch]` int32, which of them each record is.
        serialized: `[batch]` string.
    """
    count = tf.shape(serialized)[0]
    rows = tf.dynamic_partition(tf.range(count), places, len(kinds))
    parts = [_parse(kind, tf.gather(serialized, part)) for kind, part in zip(kinds, rows)]
    # Where each record of the batch stands when the parts are joined.
    back = tf.argsort(tf.concat(rows, axis=0))
    joined = {key: tf.concat([part[key] for part in parts], axis=0) for key in parts[0]}
    size = serialized.shape[0]
    return {
        key: tf.ensure_shape(tf.gather(values, back), [size, *values.shape[1:]])
        for key, values in joined.items()
    }
