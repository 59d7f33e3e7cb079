"""Labels in JSON files: values that are there, boxes, joins."""

from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools import json_labels
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.json_labels import MalformedLabelError


def test_values_under_keys():
    record = {"a": {"b": [[1, 2], [3, 4]]}, "text": ["x"], "ragged": [[1], [2, 3]]}
    np.testing.assert_array_equal(json_labels.numbers(record, "a", "b", shape=(4,)), [1, 2, 3, 4])
    assert json_labels.numbers(record, "a", "b", shape=(-1, 2)).shape == (2, 2)
    for keys, message in (
        (("a", "c"), "no a.c"),
        (("a", "b", "c"), "no a.b.c"),
        (("text",), "text is not 4 numbers"),
        (("ragged",), "ragged is not 4 numbers"),
    ):
        with pytest.raises(MalformedLabelError, match=message):
            json_labels.numbers(record, *keys, shape=(4,))
    with pytest.raises(MalformedLabelError, match="no image of that id"):
        json_labels.field(None, "a")


def test_boxes_are_cut_to_the_image():
    def box(*numbers):
        return json_labels.box_xyxy({"bbox": list(numbers)}, 100, 50)

    np.testing.assert_allclose(box(10, 20, 5, 6), [10, 20, 14, 25])
    np.testing.assert_allclose(box(-5, -5, 20, 80), [0, 0, 14, 49])
    for numbers in ((10, 20, 0, 5), (10, 20, 5, -1), (200, 20, 5, 5), (10, -30, 5, 5)):
        assert box(*numbers) is None
    with pytest.raises(MalformedLabelError, match="bbox is not 4 numbers"):
        box(1, 2, 3)


def test_joins():
    images = [{"id": 7, "n": "a"}, {"id": 3, "n": "b"}, "garbage"]
    annotations = [{"image_id": 3}, {"image_id": 9}, 5]
    joined = [image and image["n"] for image, _ in json_labels.by_id(images, annotations)]
    assert joined == ["b", None, None]
    with pytest.raises(DatasetError, match="equally long; they are 3 and 2"):
        list(json_labels.by_position(images, annotations[:2], "x.json", "d"))


def test_paths_stay_in_their_folder():
    assert json_labels.image_path("root/images", "a/b.jpg") == "root/images/a/b.jpg"
    for parts in (("../b.jpg",), ("/etc/passwd",), ("",), (3,), ("a", ".."), (".",)):
        with pytest.raises(MalformedLabelError, match="file_name"):
            json_labels.image_path("root/images", *parts)
