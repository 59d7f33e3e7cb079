"""Tests of hmr_tf/data/record_parsing.py."""

import foreign_records
import numpy as np
import tensorflow as tf

from hmr_tf.data import record_parsing
from hmr_tf.data.record_sets import RecordSet
from tfrecords_tools import schema

_OURS = RecordSet("lsp", (), 1)
_ORIGINAL = RecordSet("coco", (), 1, record_format="hmr")
_HMR2 = RecordSet("mpii_3d", (), 1, record_format="hmr2")
_TOES = RecordSet("h36m", (), 1, record_format="hmr2_toes")
_MPII = RecordSet("mpii", (), 1, record_format="hmr2")


def _points(number, count=19):
    rng = np.random.default_rng(number)
    return np.concatenate([rng.uniform(0, 99, (count, 2)), np.ones((count, 1))], 1).astype("f4")


def _record(record_set, number):
    name = f"{number}".encode()
    if record_set is _OURS:
        points = _points(number)
        center = np.array([number + 0.25, 7])
        return schema.encode_sample(schema.Sample(name, "", 8, 9, center, points, dataset="mine"))
    if record_set is _ORIGINAL:
        return foreign_records.hmr_image(name, (8, 9), (number, 7), _points(number)[:14])
    return foreign_records.hmr2_image(name, _points(number, 21 if record_set is _TOES else 19))


def _parse(record_sets, order):
    parse = tf.function(record_parsing.batch_parser(record_sets), autograph=False)
    records = [_record(record_sets[place], number) for number, place in enumerate(order)]
    parsed = parse(tf.constant(order, tf.int64), tf.constant(records))
    return {key: value.numpy() for key, value in parsed.items()}


def test_records_of_all_formats_keep_their_order():
    record_sets = (_OURS, _HMR2, _ORIGINAL, _TOES, _MPII)
    order = [1, 0, 3, 2, 0, 4, 1, 3, 0, 2, 1]
    parsed = _parse(record_sets, order)
    assert parsed["image_encoded"].tolist() == [f"{n}".encode() for n in range(len(order))]
    names = [record_sets[place].name for place in order]
    expected = [b"mine" if name == "lsp" else name.encode() for name in names]
    assert parsed["dataset"].tolist() == expected
    for number, place in enumerate(order):
        found, record_set = parsed["keypoints_2d"][number], record_sets[place]
        if record_set is _TOES:
            points = _points(number, 21)
            np.testing.assert_array_equal(found[[0, 13, 18]], points[[1, 15, 20]])
            continue
        np.testing.assert_array_equal(found[:14], _points(number)[:14])
        has_face = record_set in (_OURS, _HMR2)
        np.testing.assert_array_equal(found[14:], _points(number)[14:] * has_face)


def test_a_batch_may_lack_a_format():
    parsed = _parse((_OURS, _HMR2), [0, 0, 0])
    np.testing.assert_array_equal(parsed["center"][:, 0], [0.25, 1.25, 2.25])
    parsed = _parse((_OURS, _HMR2), [1, 1])
    assert parsed["dataset"].tolist() == [b"mpii_3d"] * 2


def test_one_format_is_parsed_as_the_schema_does():
    records = tf.constant([_record(_OURS, 3), _record(_OURS, 4)])
    parsed = record_parsing.batch_parser([_OURS])(tf.constant([0, 0], tf.int64), records)
    for key, expected in schema.parse_image_example(records).items():
        np.testing.assert_array_equal(parsed[key], expected, key)


def test_static_shapes_survive_a_mixture():
    numbers, records = tf.TensorSpec([4], tf.int64), tf.TensorSpec([4], tf.string)
    parse = tf.function(record_parsing.batch_parser([_OURS, _HMR2, _TOES]))
    mixed = parse.get_concrete_function(numbers, records).structured_outputs
    alone = tf.function(record_parsing.batch_parser([_OURS]))
    plain = alone.get_concrete_function(numbers, records).structured_outputs
    assert {key: value.shape for key, value in mixed.items()} == {
        key: value.shape for key, value in plain.items()
    }
