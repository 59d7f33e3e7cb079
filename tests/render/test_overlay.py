from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import overlay
from tfrecords_tools import skeletons

GREY = np.full((60, 80, 3), 128, np.uint8)
# A thin box, corners in the order of the bits of (x, y, z).
BOX = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-1, 1) for z in (-0.1, 0.1)], float)
FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


def changed(image, background=GREY):
    return (image.astype(int) != background).any(axis=-1)


def test_overlay_projects_about_the_middle_of_the_image():
    image = overlay.overlay(GREY, BOX, FACES, np.array([0.0, 0.0, 5.1]), 50.0)
    rows, columns = np.nonzero(changed(image))
    # Front side at 5 m: +-5 px about column 39.5 and +-10 px about row 29.5.
    assert (columns.min(), columns.max()) == (35, 44)
    assert (rows.min(), rows.max()) == (20, 39)
    moved = overlay.overlay(GREY, BOX, FACES, np.array([1.0, 0.5, 5.1]), 50.0)
    rows_moved, columns_moved = np.nonzero(changed(moved))
    assert columns_moved.mean() > columns.mean() + 8
    assert rows_moved.mean() > rows.mean() + 3
    assert not changed(GREY, np.uint8(128)).any()  # the input is left alone


def test_the_nearer_person_hides_the_farther_one_whatever_the_order():
    people = np.stack([BOX, BOX])
    places = np.array([[0.0, 0.0, 4.0], [0.7, 0.0, 6.0]])
    red_blue = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    image = overlay.overlay(GREY, people, FACES, places, 50.0, colors=red_blue)
    swapped = overlay.overlay(GREY, people, FACES, places[::-1], 50.0, colors=red_blue[::-1])
    np.testing.assert_array_equal(image, swapped)
    middle = image[30, 40].astype(int)
    assert middle[0] > middle[2] + 50  # red is nearer
    assert (image[..., 2].astype(int) - image[..., 0] > 50).any()  # blue still shows beside it


def test_opacity_focal_lengths_and_bad_bodies():
    solid = overlay.overlay(GREY, BOX, FACES, [0, 0, 5.1], 50.0).astype(int)
    half = overlay.overlay(GREY, BOX, FACES, [0, 0, 5.1], 50.0, opacity=0.5).astype(int)
    np.testing.assert_allclose(half, (solid + 128) / 2, atol=1)
    each = overlay.overlay(
        GREY, np.stack([BOX] * 2), FACES, [[0, 0, 5.1], [np.nan, 0, 5]], np.array([50.0, 60.0])
    )
    np.testing.assert_array_equal(each, solid)
    assert not changed(
        overlay.overlay(GREY, np.zeros((0, 8, 3)), FACES, np.zeros((0, 3)), 5.0)
    ).any()
    with pytest.raises(ValueError, match=r"translation must be \[1, 3\]"):
        overlay.overlay(GREY, BOX, FACES, np.zeros((2, 3)), 50.0)
    with pytest.raises(ValueError, match="uint8 RGB; received"):
        overlay.overlay(GREY / 255.0, BOX, FACES, [0, 0, 5.1], 50.0)
    with pytest.raises(ValueError, match=r"vertices must be \[V, 3\]"):
        overlay.overlay(GREY, BOX[:, :2], FACES, [0, 0, 5.1], 50.0)


def test_side_view_turns_a_quarter_about_the_vertical():
    """What sticks out towards the camera appears on the left, and the top stays on top."""
    body = BOX.copy()
    nose = np.array([[0.0, -0.8, -0.6], [0.1, -0.7, -0.1], [-0.1, -0.7, -0.1], [0.0, -0.9, -0.1]])
    vertices = np.concatenate([body, nose])
    faces = np.concatenate([FACES, np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3]]) + 8])
    image = overlay.side_view(vertices, faces, 100)
    assert image.shape == (100, 100, 3)
    seen = changed(image, np.uint8(255))
    rows, columns = np.nonzero(seen)
    assert (rows.min() >= 3) and (rows.max() <= 96)
    assert rows.max() - rows.min() > 80  # fills the picture
    height = seen.sum(axis=1) > 0
    width_at = [np.ptp(np.nonzero(seen[row])[0]) for row in np.flatnonzero(height)]
    # The box is 1 m wide but 0.2 m deep: from the side it is thin, but for the nose.
    assert np.median(width_at) < 14
    nose_columns = columns[rows < rows.min() + 25]
    assert nose_columns.min() < np.median(columns) - 10  # to the left
    assert rows[columns == columns.min()].mean() < 40  # and at the top


def test_side_view_of_a_broken_body_is_empty():
    broken = BOX.copy()
    broken[0, 0] = np.inf
    assert (overlay.side_view(broken, FACES, 20) == 255).all()
    assert (overlay.side_view(np.zeros((0, 3)), np.zeros((0, 3), int), 20) == 255).all()


def test_skeleton_sides_have_their_colors():
    points = np.zeros((14, 2))
    points[:] = [40, 30]
    lsp = skeletons.LSP14
    for name, at in {
        "left_wrist": (70, 10),
        "left_elbow": (70, 30),
        "right_wrist": (10, 10),
        "right_elbow": (10, 30),
    }.items():
        points[lsp.index(name)] = at
    visible = np.zeros(14)
    visible[[lsp.index(n) for n in ("left_wrist", "left_elbow", "right_wrist", "right_elbow")]] = 1
    image = overlay.draw_skeleton(GREY, points, lsp, visible, thickness=3)
    np.testing.assert_array_equal(image[20, 70], overlay.LEFT_COLOR)
    np.testing.assert_array_equal(image[20, 10], overlay.RIGHT_COLOR)
    np.testing.assert_array_equal(image[30, 40], GREY[0, 0])  # hidden joints are not drawn
    assert not changed(overlay.draw_skeleton(GREY, points, lsp, np.zeros(14))).any()


def test_skeleton_survives_wild_points():
    points = np.full((14, 2), 30.0)
    points[0] = np.nan
    points[1] = [1e12, -1e12]
    points[2] = [-500.0, 4000.0]
    image = overlay.draw_skeleton(GREY, points, skeletons.LSP14)
    assert changed(image).any()
    with pytest.raises(ValueError, match=r"keypoints of lsp14 must be \[14, 2\]"):
        overlay.draw_skeleton(GREY, points[:13], skeletons.LSP14)


def test_tile_lays_out_row_by_row():
    images = [np.full((10, 12, 3), 40 * k, np.uint8) for k in range(5)]
    sheet = overlay.tile(images, 3, gap=2)
    assert sheet.shape == (2 * 12 + 2, 3 * 14 + 2, 3)
    for k in range(5):
        row, column = divmod(k, 3)
        part = sheet[2 + 12 * row : 12 + 12 * row, 2 + 14 * column : 14 + 14 * column]
        np.testing.assert_array_equal(part, images[k])
    assert (sheet[14:, 30:] == 255).all()
    named = overlay.tile(images, 3, captions=["a long caption that does not fit"] * 5)
    assert named.shape[0] > sheet.shape[0]
    with pytest.raises(ValueError, match="at least one image"):
        overlay.tile([])
    with pytest.raises(ValueError, match="5 images need as many captions; received 1"):
        overlay.tile(images, captions=["x"])
