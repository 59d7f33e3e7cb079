"""Counts of pixels, against small pictures worked by hand and a sphere of known size."""

import cv2
import numpy as np
import pytest
import trimesh
from toy_body import toy_body

from hmr_tf.errors import DataError
from hmr_tf.evaluation import segmentation
from hmr_tf.evaluation.measures import MEASURES


def test_mask_counts():
    pred = np.array([[1, 1, 0], [0, 0, 0]], bool)
    gt = np.array([[1, 0, 0], [1, 0, 0]], bool)
    np.testing.assert_array_equal(segmentation.count_mask(pred, gt), [[3, 1, 1], [1, 1, 1]])


def test_part_counts_by_the_rules_of_the_reference():
    """255 is nobody's for F1, and background for the accuracy."""
    pred = np.array([[1, 2, 0], [1, 0, 6]], np.uint8)
    gt = np.array([[1, 3, 0], [255, 255, 6]], np.uint8)
    counts = segmentation.count_parts(pred, gt)
    assert counts.shape == (8, 3)
    np.testing.assert_array_equal(counts[:4], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(counts[4:], [[0, 0, 0], [0, 0, 0], [1, 0, 0], [4, 6, 0]])


def test_truth_as_prediction_has_no_error():
    gt = np.random.default_rng(0).integers(0, 7, (20, 30)).astype(np.uint8)
    part = {"part_counts": segmentation.count_parts(gt, gt)[None]}
    mask = {"mask_counts": segmentation.count_mask(gt > 0, gt > 0)[None]}
    assert (
        MEASURES["part_accuracy"].value(part) == MEASURES["foreground_accuracy"].value(mask) == 100
    )
    assert MEASURES["part_f1"].value(part) == MEASURES["foreground_f1"].value(mask) == 1


def test_a_shifted_square_scores_what_its_area_says():
    gt, pred = np.zeros((2, 100, 100), bool)
    gt[20:60, 20:60], pred[20:60, 30:70] = True, True  # 1200 of 1600 pixels shared.
    counts = {"mask_counts": segmentation.count_mask(pred, gt)[None]}
    assert MEASURES["foreground_accuracy"].value(counts) == pytest.approx(92)
    expected = (2400 / 3200 + 2 * 8000 / (2 * 8000 + 800)) / 2
    assert MEASURES["foreground_f1"].value(counts) == pytest.approx(expected)


def test_a_mesh_is_drawn_where_the_camera_puts_it():
    """A sphere of 0.3 m with scale 1: radius 0.3 crop units, half a window each."""
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=0.3)
    faces = np.asarray(sphere.faces)[:, ::-1]  # y points down here, so the faces turn round.
    vertices = np.asarray(sphere.vertices) * [1, -1, 1]
    drawn = segmentation.draw_parts(
        vertices, faces,
        np.full(len(faces), 4, np.uint8),
        np.array([1.0, 0.2, -0.1]), np.array([60.3, 50.4]), 80.0, (100, 120),
    )  # fmt: skip
    assert set(np.unique(drawn)) == {0, 4}
    rows, columns = np.nonzero(drawn)
    # Middle: 60.3 + 40 x 0.2, 50.4 - 40 x 0.1; radius 40 x 0.3.
    assert columns.mean() == pytest.approx(68.3, abs=0.1) and rows.mean() == pytest.approx(
        46.4, abs=0.1
    )
    assert (drawn > 0).sum() == pytest.approx(np.pi * 12**2, rel=0.02)


@pytest.mark.parametrize("camera", [(0.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (np.nan, 0.0, 0.0)])
def test_a_camera_that_sees_nothing_draws_nothing(camera):
    body = toy_body()
    drawn = segmentation.draw_parts(
        body.template, body.faces, np.ones(len(body.faces), np.uint8), np.array(camera),
        np.zeros(2), 10.0, (8, 8),
    )  # fmt: skip
    assert drawn.shape == (8, 8) and not drawn.any()


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "data" / "lsp"
    inner.mkdir(parents=True)
    cv2.imwrite(str(inner / "im1001_segmentation.png"), np.full((40, 50), 255, np.uint8))
    cv2.imwrite(str(inner / "im1001_part_segmentation.png"), np.full((40, 50), 2, np.uint8))
    cv2.imwrite(str(inner / "im1002_segmentation.png"), np.zeros((40, 50), np.uint8))
    return tmp_path


def _batch(names, count):
    return {
        "filename": np.array([name.encode() for name in names]),
        "center": np.full((count, 2), 20.0),
        "window": np.full(count, 30.0),
        "height": np.full(count, 40),
        "width": np.full(count, 50),
    }


def test_batches_and_missing_labels(folder):
    body = toy_body()
    names = ["im1001.jpg", "im1002.jpg", "im1003.jpg"]
    labels = segmentation.Segmentation(str(folder), body)
    vertices, cameras = np.stack([body.template] * 3), np.float32([[0.9, 0, 0]] * 3)
    found = labels.count_batch(vertices, cameras, _batch(names, 3))
    mask, part = found["mask_counts"], found["part_counts"]
    assert mask.shape == (3, 2, 3) and part.shape == (3, 8, 3)
    # Everything is person in the first picture, nothing in the second.
    person = mask[0, 1, 0]
    assert person > 20
    np.testing.assert_array_equal(mask[0], [[0, 2000 - person, 0], [person, 0, 2000 - person]])
    np.testing.assert_array_equal(mask[1, 1], [0, person, 0])
    assert 0 < part[0, 2, 0] < person
    assert np.isnan(mask[2]).all() and np.isnan(part[1:]).all()


def test_labels_of_other_images_are_one_line(folder, tmp_path):
    labels = segmentation.Segmentation(str(folder), toy_body())
    batch = {**_batch(["im1001.jpg"], 1), "width": np.array([51])}
    with pytest.raises(DataError, match="50 x 40; the image in the records is 51 x 40"):
        labels.count_batch(toy_body().template[None], np.ones((1, 3)), batch)
    with pytest.raises(DataError, match=r"im1001_segmentation\.png"):
        segmentation.Segmentation(str(tmp_path / "nothing"), toy_body())
