"""Measures from arrays that are easily worked by hand."""

import numpy as np
import pytest

from hmr_tf.evaluation.measures import MEASURES, area_below, percentage_below

NAN = np.nan


def test_every_measure_names_a_source_that_is_documented():
    from hmr_tf.evaluation import measures

    for measure in MEASURES.values():
        assert measure.source in measures.__doc__
        assert measure.unit in ("mm", "px", "%", "")
        assert measure.meaning


def test_means_pass_over_the_unknown():
    errors = {"mpjpe_mm": np.float32([10, NAN, 30])}
    assert MEASURES["mpjpe_mm"].value(errors) == 20
    assert MEASURES["mpjpe_mm"].value(errors, np.array([False, True, False])) is None
    np.testing.assert_array_equal(MEASURES["mpjpe_mm"].per_person(errors), [10, NAN, 30])


def test_pck_counts_joints_strictly_below():
    errors = {"joint_errors_mm": np.float32([[149.9, 150, NAN], [0, 1, 1000]])}
    assert MEASURES["pck_150"].value(errors) == pytest.approx(60)
    np.testing.assert_allclose(MEASURES["pck_150"].per_person(errors), [50, 200 / 3], rtol=1e-6)
    assert percentage_below(np.float32([[NAN]]), 1.0) is None


def test_auc_is_the_mean_over_31_thresholds():
    """An error of 0 is below 5, ..., 150: 30 of 31; one of 75 is below 80, ..., 150: 15 of 31."""
    for error, count in ((0.0, 30), (75.0, 15), (74.9, 16), (150.0, 0), (4.9, 30)):
        errors = {"joint_errors_mm": np.float32([[error]])}
        assert MEASURES["auc_150"].value(errors) == pytest.approx(100 * count / 31)
    values = np.random.default_rng(0).uniform(0, 200, 500)
    thresholds = np.linspace(0, 150, 31)
    by_hand = np.mean([np.mean(values < threshold) for threshold in thresholds])
    assert area_below(values, thresholds) == pytest.approx(100 * by_hand)


def test_pixels_are_counted_over_everybody():
    mask = np.array([[[6, 1, 1], [2, 1, 1]], [[80, 0, 0], [10, 5, 5]]], float)
    errors = {"mask_counts": np.concatenate([mask, np.full((1, 2, 3), NAN)])}
    assert MEASURES["foreground_accuracy"].value(errors) == pytest.approx(100 * 98 / 105)
    expected = np.mean([2 * 86 / (2 * 86 + 2), 2 * 12 / (2 * 12 + 12)])
    assert MEASURES["foreground_f1"].value(errors) == pytest.approx(expected)
    assert MEASURES["foreground_f1"].per_person(errors).shape == (3,)
    assert MEASURES["foreground_f1"].value({"mask_counts": errors["mask_counts"][2:]}) is None


def test_parts_keep_their_own_count_of_right_pixels():
    counts = np.zeros((1, 8, 3))
    counts[0, :7, 0] = 3
    counts[0, 1] = 3, 1, 0
    counts[0, 7] = 21, 28, 0
    assert MEASURES["part_accuracy"].value({"part_counts": counts}) == pytest.approx(75)
    assert MEASURES["part_f1"].value({"part_counts": counts}) == pytest.approx((6 + 6 / 7) / 7)
