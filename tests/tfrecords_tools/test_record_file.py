"""The record container against TensorFlow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import record_file
from tfrecords_tools.errors import RecordError

_SIZES = [*range(12), 255, 256, 1024, 20011]


def test_files_equal_tensorflows(tmp_path):
    payloads = [np.random.default_rng(size).bytes(size) for size in _SIZES]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for payload in payloads:
            writer.write(payload)
    framed = b"".join(map(record_file.frame_record, payloads))
    assert framed == (tmp_path / "theirs").read_bytes()
    file = io.BytesIO(framed)
    read = [record_file.read_record(file, "file", index) for index in range(len(payloads))]
    assert read == payloads
    assert record_file.read_record(file, "file", len(payloads)) is None
    file.seek(0)
    assert record_file.skip_records(file, len(framed), "file") == len(payloads)


def test_every_flipped_bit_is_noticed():
    framed = record_file.frame_record(b"payload")
    for position in range(len(framed)):
        for bit in range(8):
            damaged = bytearray(framed)
            damaged[position] ^= 1 << bit
            with pytest.raises(RecordError, match="a, record 5: its checksum is wrong"):
                record_file.read_record(io.BytesIO(bytes(damaged)), "a", 5)


def test_every_cut_is_noticed():
    framed = record_file.frame_record(b"payload")
    for size in range(1, len(framed)):
        with pytest.raises(RecordError, match="a, record 0: the file ends within it"):
            record_file.read_record(io.BytesIO(framed[:size]), "a", 0)
        with pytest.raises(RecordError, match="a, record 0: the file ends within it"):
            record_file.skip_records(io.BytesIO(framed[:size]), size, "a")
