"""Formats are told from records that independent writers made."""

from __future__ import annotations

import foreign_records
import numpy as np
import pytest

from tfrecords_tools import record_formats, samples, schema
from tfrecords_tools.errors import RecordError

_POINTS, _PICTURE = np.ones((14, 3)), (b"jpeg", (8, 9), (1, 2))
_RECORDS = {
    "hmr": foreign_records.hmr_image(*_PICTURE, _POINTS),
    "hmr face": foreign_records.hmr_image(*_PICTURE, _POINTS, face=np.ones((5, 3))),
    "hmr 3d": foreign_records.hmr_image_3d(*_PICTURE, _POINTS, np.ones((14, 3))),
    "hmr2": foreign_records.hmr2_image(b"jpeg", np.ones((19, 3)), np.ones((14, 3))),
    "hmr2_toes": foreign_records.hmr2_image(b"jpeg", np.ones((21, 3))),
    "mocap": foreign_records.mosh(np.ones(72), np.ones(10)),
    "hmr_tf": schema.encode_sample(
        schema.Sample(b"jpeg", "a.jpg", 8, 9, np.ones(2), np.ones((19, 3)))
    ),
    "mocap ours": schema.encode_sample(samples.MocapSample(np.ones(72), np.ones(10))),
}


@pytest.mark.parametrize("case", _RECORDS)
def test_formats_are_recognized(case):
    found, features = record_formats.recognize(_RECORDS[case], "a.tfrecord")
    assert found == case.split()[0]
    assert features


def _refused(record):
    with pytest.raises(RecordError) as caught:
        record_formats.recognize(record, "x/train_000.tfrecord")
    message = str(caught.value)
    assert message.startswith("x/train_000.tfrecord: ") and "\n" not in message
    return message


def test_unknown_formats_are_named_by_what_they_hold():
    features = {
        f"image/object/bbox/{key}": foreign_records.floats(np.ones(2)) for key in "abcdefghij"
    }
    message = _refused(foreign_records.serialize(features))
    assert "no known format" in message and "hmr_tf.convert" in message
    assert "image/object/bbox/a" in message and "and 2 more" in message
    assert "it holds nothing" in _refused(b"")
    assert "not a tf.train.Example" in _refused(b"\xff\xfe\xfd" * 9)
    # The original's writer could leave the shape out; its loader demands it, and so does ours.
    assert "it holds pose" in _refused(
        foreign_records.serialize({"pose": foreign_records.floats(np.ones(72))})
    )


def test_wrong_lengths_are_named():
    record = foreign_records.hmr_image(*_PICTURE, np.ones((17, 3)))
    assert "image/x of its first record holds 17 numbers; expected 14" in _refused(record)
    record = foreign_records.hmr_image_3d(*_PICTURE, _POINTS, np.ones((17, 3)))
    assert "mosh/gt3d of its first record holds 51 numbers" in _refused(record)
    record = foreign_records.hmr2_image(b"jpeg", np.ones((17, 3)))
    assert "51 and 42 numbers; expected 57 and 42, or 63 and 48" in _refused(record)
    record = foreign_records.mosh(np.ones(66), np.ones(10))
    assert "pose of its first record holds 66 numbers; expected 72" in _refused(record)
