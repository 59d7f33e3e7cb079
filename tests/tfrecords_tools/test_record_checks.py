"""Each thing that can be wrong with a record is found, and nothing in a good one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import record_folder

from tfrecords_tools.record_checks import problems
from tfrecords_tools.record_view import view_record
from tfrecords_tools.schema import encode_sample


def _problems(sample):
    return list(problems(view_record(encode_sample(sample), "a")))


@pytest.mark.parametrize("number", range(5))
def test_good_records(number):
    assert _problems(record_folder.sample(number)) == []
    assert _problems(record_folder.sample(number, with_3d=False)) == []
    assert _problems(record_folder.mocap_sample(number)) == []


def _with(**changes):
    return record_folder.sample(0, **changes)


_GOOD = record_folder.sample(0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image": _GOOD.image[:500]}, "image that cannot be decoded"),
        ({"width": 121}, "image of another size than height and width say"),
        (
            {"keypoints_2d": _GOOD.keypoints_2d + np.array([300, 0, 0])},
            "keypoint far outside the image",
        ),
        ({"center": np.array([60.0, -101.0])}, "center far outside the image"),
        ({"box_xyxy": np.array([10.0, 5.0, 10.0, 95.0])}, "box without an inside"),
        ({"intrinsics": np.array([0.0, 400, 60, 50])}, "focal length that is not positive"),
        ({"joints_3d": _GOOD.joints_3d * 1000}, "span more than 3.5 m"),
        ({"joints_3d": _GOOD.joints_3d / 1000}, "span less than 0.25 m"),
        ({"translation": np.array([0.0, 0.0, -5.0])}, "3D joints behind the camera"),
        ({"pose_axis_angle": np.full(72, 45.0)}, "is it degrees"),
        ({"betas": np.full(10, 30.0)}, "betas beyond 20"),
    ],
)
def test_bad_records(changes, expected):
    found = _problems(record_folder.sample(0, **changes))
    assert any(expected in problem for problem in found), found


def test_records_need_keypoints_or_a_body():
    hidden = {"keypoints_2d": np.zeros((19, 3))}
    assert _problems(record_folder.sample(0, **hidden)) == []
    no_body = {"pose_axis_angle": None, "betas": None}
    assert _problems(record_folder.sample(0, **hidden, **no_body)) == []
    assert _problems(record_folder.sample(0, with_3d=False, **hidden)) == ["no visible keypoint"]


def test_sizes_that_are_none():
    view = view_record(encode_sample(_with(person_px=90.0)), "a")
    assert list(problems(view)) == []
    features = {**view.features, "hmr_tf/person_px": np.zeros(1, np.float32)}
    found = list(problems(dataclasses.replace(view, features=features)))
    assert found == ["person_px that is not positive"]


def test_numbers_that_are_not_finite():
    view = view_record(encode_sample(_GOOD), "a")
    features = {**view.features, "image/x": np.array([np.nan] * 14, np.float32)}
    assert "image/x that is not finite" in list(
        problems(dataclasses.replace(view, features=features))
    )
