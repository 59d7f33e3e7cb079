from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import occluder_format, record_checks, record_formats
from tfrecords_tools.errors import ImageError, RecordError
from tfrecords_tools.example_proto import decode_example
from tfrecords_tools.record_view import view_record
from tfrecords_tools.samples import OccluderSample
from tfrecords_tools.schema import encode_sample


@pytest.fixture
def patch():
    image = np.random.default_rng(0).integers(0, 255, (7, 9, 4)).astype(np.uint8)
    image[:2, :, 3] = 0
    return image


@pytest.fixture
def sample(patch):
    return OccluderSample(occluder_format.encode_patch(patch), 7, 9, "bottle", "a.jpg")


def test_patches_survive_with_alpha_and_channel_order(patch, sample):
    serialized = encode_sample(sample)
    parsed = occluder_format.parse_occluder_example(tf.constant(serialized))
    decoded = tf.io.decode_png(parsed["image_encoded"], channels=4).numpy()
    np.testing.assert_array_equal(decoded, patch)
    assert (int(parsed["height"]), int(parsed["width"])) == (7, 9)
    assert parsed["category"].numpy() == b"bottle" and parsed["filename"].numpy() == b"a.jpg"
    np.testing.assert_array_equal(occluder_format.decode_patch(decode_example(serialized)), patch)


def test_records_are_parsed_in_a_graph(sample):
    serialized = encode_sample(sample)
    parsed = tf.data.Dataset.from_tensors(serialized).map(occluder_format.parse_occluder_example)
    assert {key: spec.shape.rank for key, spec in parsed.element_spec.items()} == dict.fromkeys(
        ("image_encoded", "height", "width", "category", "filename"), 0
    )


def test_tools_know_the_format(sample):
    serialized = encode_sample(sample)
    assert record_formats.recognize(serialized, "file")[0] == record_formats.OCCLUDER
    view = view_record(serialized, "file")
    assert view.size == (7, 9) and view.filename == "a.jpg" and view.image == sample.image
    assert not list(record_checks.problems(view))
    for bad, message in (
        (dataclasses.replace(sample, height=8), "is said to be"),
        (dataclasses.replace(sample, image=b"x"), "must be a PNG with alpha"),
    ):
        (problem,) = record_checks.problems(view_record(encode_sample(bad), "file"))
        assert message in problem


def test_empty_patches_are_refused(sample):
    with pytest.raises(RecordError, match=r"a.jpg bottle: the image is empty"):
        encode_sample(dataclasses.replace(sample, image=b""))
    with pytest.raises(ImageError, match="PNG with alpha"):
        occluder_format.decode_patch({"occluder/encoded": [b""]})
