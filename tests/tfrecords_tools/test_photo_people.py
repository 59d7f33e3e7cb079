from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfrecords_tools import labelled_people, person_scale, photo_people
from tfrecords_tools.converter import Drop
from tfrecords_tools.labelled_people import Framing, LabelledPerson
from tfrecords_tools.photo_people import Photo


@pytest.fixture
def path(tmp_path):
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:100:20] = 255
    cv2.imwrite(str(tmp_path / "photo.jpg"), image)
    return str(tmp_path / "photo.jpg")


def convert(path, *people, person_px=150.0):
    framing = Framing(person_px, 60, person_scale.scale_from_head)
    return list(photo_people.convert_photo(Photo(path, people), "made_up", framing))


def person(name="someone", path="", **changes):
    points = np.zeros((14, 3))
    points[0] = 60, 100, 1  # right ankle
    points[12] = 60, 25, 2  # neck
    points[11] = 70, 60, 1  # left wrist
    changes.setdefault("box_xyxy", np.array([50, 20, 75, 105]))
    return LabelledPerson(path, points, "lsp14", confidence=points[:, 2] / 2, name=name, **changes)


def test_a_person_is_brought_to_size_and_cut_out(path):
    (sample,) = convert(path, person(path=path, subject="x"))
    visible = sample.keypoints_2d[[0, 11, 12]]
    diagonal = np.linalg.norm(np.ptp(visible[:, :2], axis=0))
    assert diagonal == pytest.approx(150, rel=0.01)
    # The middle of (60..70, 25..100) is the middle of the crop of 120 x 120.
    assert (sample.height, sample.width) == (120, 120)
    np.testing.assert_allclose(sample.center, [59.5, 59.5], atol=1.0)
    np.testing.assert_array_equal(visible[:, 2], [1, 1, 2])
    np.testing.assert_array_equal(sample.keypoints_24_2d[[0, 11, 12], 2], [0.5, 0.5, 1])
    np.testing.assert_allclose(sample.keypoints_24_2d[:12, :2], sample.keypoints_2d[:12, :2])
    assert np.count_nonzero(sample.keypoints_2d) == 9
    scale = 150 / np.hypot(10, 75)
    box = sample.box_xyxy
    np.testing.assert_allclose(box[2:] - box[:2], np.array([25, 85]) * scale, rtol=0.01)
    assert (sample.filename, sample.dataset, sample.subject) == ("photo.jpg", "made_up", "x")
    assert sample.person_px is None


def test_a_larger_size_may_be_asked_for(path):
    (sample,) = convert(path, person(), person_px=300.0)
    diagonal = np.linalg.norm(np.ptp(sample.keypoints_2d[[0, 11, 12], :2], axis=0))
    assert diagonal == pytest.approx(300, rel=0.01)
    assert sample.width == 240 and sample.person_px == 300.0


def test_an_image_may_pass_untouched(path):
    (sample,) = convert(path, person(), person_px=0.0)
    with open(path, "rb") as file:
        assert sample.image == file.read()
    assert (sample.height, sample.width) == (120, 160)
    np.testing.assert_array_equal(sample.keypoints_2d[11], [70, 60, 1])
    np.testing.assert_array_equal(sample.scale_factors, [1, 1])
    np.testing.assert_array_equal(sample.center, [65, 62.5])
    assert sample.person_px == pytest.approx(np.hypot(10, 75))


def test_the_image_is_read_once_for_all_people(path, monkeypatch):
    reads = []
    images = labelled_people.images
    read = images.read_image_file
    monkeypatch.setattr(images, "read_image_file", lambda p: reads.append(p) or read(p))
    crowd = Drop("crowd", name="all")
    outputs = convert(path, crowd, person("a"), person("b"))
    assert outputs[0] == Drop("crowd", name="all") and len(outputs) == 3 and len(reads) == 1
    assert convert(path, crowd) == [crowd]
    assert len(reads) == 1


def test_who_cannot_be_used_is_left_out(path):
    nobody, broken, far, small = person(), person(), person(), person()
    nobody.points_2d[:, 2] = 0
    nobody.points_2d[3, 0] = np.inf  # Not labelled, so it does not matter.
    broken.points_2d[0, 0] = np.nan
    far.points_2d[:, :2] += 1e5
    small.points_2d[[0, 12], 2] = 0
    small.points_2d[11, 2] = 1
    outputs = convert(path, nobody, broken, far, small)
    assert [(drop.reason, drop.is_error) for drop in outputs] == [
        ("no visible keypoint", False),
        ("label that is not finite", True),
        ("person outside of the image", False),
        ("too little labelled to tell the size", False),
    ]


def test_bad_images_are_named_for_each_person(path, tmp_path):
    two = (person("a"), person("b"))
    outputs = convert(str(tmp_path / "none.jpg"), *two)
    assert outputs == [Drop("missing image", True, "a"), Drop("missing image", True, "b")]
    with open(path, "r+b") as file:
        file.truncate(500)
    outputs = convert(path, *two, person_px=0.0)
    assert outputs == [Drop("corrupt image", True, "a"), Drop("corrupt image", True, "b")]
