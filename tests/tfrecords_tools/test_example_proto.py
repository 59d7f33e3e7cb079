"""Our wire format against TensorFlow's own protocol buffers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools.errors import RecordError
from tfrecords_tools.example_proto import decode_example, encode_example

_INTEGERS = np.array([0, 1, 127, 128, 300, -1, 2**63 - 1, -(2**63)], np.int64)
_FEATURES = {
    "z/bytes": b"\x00\xff" * 200,
    "a/list": [b"one", b"", b"three"],
    "floats": np.array([[0.5, -1.0], [3.25, 1e30]], np.float32),
    "integers": _INTEGERS,
    "key of ünicode": np.array([7]),
    "empty": np.array([], np.float32),
}


def test_tensorflow_reads_what_we_write():
    example = tf.train.Example.FromString(encode_example(_FEATURES))
    feature = example.features.feature
    assert set(feature) == set(_FEATURES)
    assert list(feature["z/bytes"].bytes_list.value) == [_FEATURES["z/bytes"]]
    assert list(feature["a/list"].bytes_list.value) == _FEATURES["a/list"]
    assert list(feature["floats"].float_list.value) == list(_FEATURES["floats"].ravel())
    assert list(feature["integers"].int64_list.value) == _INTEGERS.tolist()
    assert list(feature["empty"].float_list.value) == []


def test_we_read_what_tensorflow_writes():
    feature = {
        "floats": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5, -2.0])),
        "integers": tf.train.Feature(int64_list=tf.train.Int64List(value=_INTEGERS.tolist())),
        "bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x" * 1000, b""])),
        "nothing": tf.train.Feature(),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    decoded = decode_example(example.SerializeToString())
    np.testing.assert_array_equal(decoded["floats"], [1.5, -2.0])
    np.testing.assert_array_equal(decoded["integers"], _INTEGERS)
    assert decoded["bytes"] == [b"x" * 1000, b""]
    assert decoded["nothing"] == []


def test_unpacked_numbers_are_read():
    # An Int64List and a FloatList whose numbers are separate fields, as old writers made them.
    integers = bytes([0x1A, 0x04, 0x08, 0x05, 0x08, 0x07])
    floats = b"\x12\x05\x0d" + np.float32(2.5).tobytes()
    for body, expected in ((integers, [5, 7]), (floats, [2.5])):
        entry = b"\x0a\x01k\x12" + bytes([len(body)]) + body
        features = b"\x0a" + bytes([len(entry)]) + entry
        decoded = decode_example(b"\x0a" + bytes([len(features)]) + features)
        np.testing.assert_array_equal(decoded["k"], expected)


def test_equal_features_give_equal_bytes_in_any_order():
    reordered = dict(reversed(list(_FEATURES.items())))
    assert encode_example(reordered) == encode_example(_FEATURES)


@pytest.mark.parametrize("size", range(1, 40, 3))
def test_cut_examples_are_refused(size):
    serialized = encode_example({"floats": np.arange(8, dtype=np.float32)})
    with pytest.raises(RecordError, match=r"not a tf\.train\.Example"):
        decode_example(serialized[:size])


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="bytes, float or integer"):
        encode_example({"k": np.array([1j])})
