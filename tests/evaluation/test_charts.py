"""Bins and curves, against counting by hand."""

import numpy as np
import pytest

from hmr_tf.evaluation import charts


def test_bins_are_round_and_hold_nearly_everyone():
    values = np.random.default_rng(0).gamma(4.0, 20.0, 5000)
    edges = charts.choose_edges(values)
    widths = np.diff(edges)
    np.testing.assert_allclose(widths, widths[0])
    assert edges[0] == 0 and 10 <= len(widths) <= 36
    assert widths[0] / 10 ** np.floor(np.log10(widths[0])) in (1, 2, 2.5, 5)
    beyond = (values > edges[-1]).mean()
    assert 0 < beyond < 0.011


@pytest.mark.parametrize("values", [[], [np.nan], [0.0, 0.0], [7.0], [1e-9], [1e7, 2e7]])
def test_unusual_values_have_bins(values):
    edges = charts.choose_edges(np.array(values))
    assert len(edges) >= 2 and (np.diff(edges) > 0).all()
    shares = charts.bin_shares(np.array(values), edges)
    assert shares.sum() == pytest.approx(100 if np.isfinite(values).any() else 0)
    assert charts.draw_histogram("error", np.array(values)).shape == (640, 960, 3)


def test_shares_count_people():
    values = np.array([0, 5, 10, 19.9, 20, 500, np.nan])
    shares = charts.bin_shares(values, np.array([0.0, 10, 20, 30]))
    np.testing.assert_allclose(shares, 100 * np.array([2, 2, 2]) / 6)


def test_pck_counts_joints_below_the_threshold():
    distances = np.array([[0.0, 100.0, 150.0], [149.9, np.nan, 300.0]])
    curve = charts.pck_curve(distances, [0, 100, 150, 151, 1000])
    # Below, not at: the reference evaluation counts joints nearer than the threshold.
    np.testing.assert_allclose(curve, [0, 20, 60, 80, 100])
    assert np.isnan(charts.pck_curve(np.full((2, 3), np.nan), [1, 2])).all()


def test_charts_differ_with_what_they_show():
    near, far = np.full((50, 14), 20.0), np.full((50, 14), 140.0)
    thresholds = np.arange(0, 151, 5)
    one = charts.draw_pck({"model": near}, thresholds, "PCK")
    two = charts.draw_pck({"model": far}, thresholds, "PCK")
    assert one.shape == two.shape == (640, 960, 3) and (one != two).any()
    errors = np.arange(100.0)
    alone = charts.draw_histogram("MPJPE", errors)
    assert (alone != charts.draw_histogram("MPJPE", errors, errors + 40)).any()
    np.testing.assert_array_equal(alone, charts.draw_histogram("MPJPE", errors, errors * np.nan))
