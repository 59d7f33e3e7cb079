"""What is drawn is where it belongs and in its side's colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import record_folder

from tfrecords_tools import record_drawing, skeletons
from tfrecords_tools.record_drawing import LEGEND
from tfrecords_tools.record_view import RecordView, view_record
from tfrecords_tools.schema import encode_sample

_COLORS = dict(LEGEND)


def _view(height=100, width=100, **fields):
    image = np.zeros((height, width, 3), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    return RecordView("hmr_tf", {}, image=data, size=(height, width), **fields)


def _keypoints(**places):
    points = np.zeros((14, 3))
    for joint, place in places.items():
        points[skeletons.LSP14.index(joint)] = (*place, 1.0)
    return points


def _is_near(picture, x, y, color):
    return np.abs(picture[round(y), round(x)].astype(int) - color).max() < 40


@pytest.mark.parametrize("size", [100, 400])
def test_joints_are_at_their_place_in_their_color(size):
    points = _keypoints(left_wrist=(20, 30), right_ankle=(70, 80), neck=(50, 10))
    view = _view(keypoints_2d=points, skeleton_2d=skeletons.LSP14)
    picture = record_drawing.draw_record(view, size)
    assert picture.shape == (size, size, 3)
    scale = size / 100
    for joint, side in (("left_wrist", "left"), ("right_ankle", "right"), ("neck", "middle")):
        x, y = (points[skeletons.LSP14.index(joint), :2] + 0.5) * scale - 0.5
        assert _is_near(picture, x, y, _COLORS[side])
    drawn = np.argwhere(picture.max(axis=2) > 60)
    # Invisible joints, which stand at (0, 0), are not drawn.
    assert drawn.min() > 5 * scale


def test_bones_have_the_color_of_their_side():
    points = _keypoints(
        left_knee=(20, 40), left_ankle=(20, 90), right_knee=(80, 40), right_ankle=(80, 90)
    )
    picture = record_drawing.draw_record(
        _view(keypoints_2d=points, skeleton_2d=skeletons.LSP14), 300
    )
    assert _is_near(picture, 61, 196, _COLORS["left"])
    assert _is_near(picture, 241, 196, _COLORS["right"])


def test_projected_joints_are_rings_around_the_dots():
    sample = record_folder.sample(0)
    view = view_record(encode_sample(sample), "a")
    with_rings = record_drawing.draw_record(view, 480)
    assert with_rings.shape == (400, 480, 3)
    without = view_record(encode_sample(record_folder.sample(0, with_3d=False)), "a")
    difference = np.abs(record_drawing.draw_record(without, 480).astype(int) - with_rings)
    for x, y, _ in (view.projected_joints + 0.5) * 4 - 0.5:
        if 10 < x < 470 and 10 < y < 390:
            around = difference[round(y) - 10 : round(y) + 11, round(x) - 10 : round(x) + 11]
            assert around.max() > 60


def test_box_and_center():
    view = _view(
        box_xyxy=np.array([10.0, 20.0, 90.0, 95.0], np.float32), center=np.array([50.0, 50.0])
    )
    picture = record_drawing.draw_record(view, 100)
    assert _is_near(picture, 50, 20, _COLORS["box"])
    assert _is_near(picture, 10, 60, _COLORS["box"])
    assert _is_near(picture, 50, 50, (255, 255, 255))


def test_a_small_person_is_enlarged():
    points = _keypoints(left_wrist=(700, 300), right_wrist=(740, 300))
    view = _view(600, 800, keypoints_2d=points, skeleton_2d=skeletons.LSP14)
    picture = record_drawing.draw_record(view, 200)
    left = np.abs(picture.astype(int) - _COLORS["left"]).max(axis=2) < 40
    right = np.abs(picture.astype(int) - _COLORS["right"]).max(axis=2) < 40
    # 40 of 80 px that are shown.
    distance = np.argwhere(right).mean(0)[1] - np.argwhere(left).mean(0)[1]
    assert distance == pytest.approx(100, abs=4)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9, -1e9])
def test_wild_numbers_do_no_harm(value):
    points = np.full((14, 3), value)
    view = _view(
        keypoints_2d=points,
        skeleton_2d=skeletons.LSP14,
        center=np.array([value, 0.0]),
        box_xyxy=np.full(4, value, np.float32),
    )
    assert record_drawing.draw_record(view, 64).shape[2] == 3


def test_broken_images_are_drawn_empty():
    view = RecordView("hmr_tf", {}, image=b"no image", size=(0, 0))
    assert not record_drawing.draw_record(view, 64).any()


def test_sheet_and_captions():
    view = view_record(encode_sample(record_folder.sample(0)), "a")
    lines = record_drawing.caption(view)
    assert lines == ["toy 0.jpg", "13 points 3D SMPL max 0.0 px"]
    assert record_drawing.caption(_view())[0] == "unnamed"
    tiles = [np.full((50, 80, 3), 200, np.uint8)] * 5
    sheet = record_drawing.contact_sheet(tiles, [["a" * 100, "é"]] * 5, 80, 3)
    assert sheet.shape[1] == 3 * (80 + 6) + 6
    assert (sheet == 200).all(axis=2).sum() >= 5 * 50 * 80
