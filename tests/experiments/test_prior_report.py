"""The table and the figure of numbers made up here."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.experiments import prior_report

NAMES = tuple(prior_report.METRICS)


def numbers(*values):
    return dict(zip(NAMES, map(float, values)))


def results(**changes):
    """Runs of which all claims hold, but for `changes`."""
    metrics = {
        "paired": numbers(9.5, 170, 110, 190, 0.05, 2),
        "prior": numbers(10, 240, 120, 260, 0.3, 6),
        "no_adversary": numbers(10.1, 250, 125, 270, 0.5, 10),
        "no_prior": numbers(10.2, 320, 160, 350, 0.9, 40),
    }
    for name, values in changes.items():
        metrics[name] = {**metrics[name], **values}
    about = {"num_people": 5, "step": 36, "seed": 0, "command": "python -m x"}
    found = {
        "runs": {name: {"metrics": values, **about} for name, values in metrics.items()},
        "mean_pose": numbers(24, 318, 138, 345, 0, 0),
        "truth": {"beyond_limits": 0.02, "excess_deg": 3.0},
    }
    found["claims"] = prior_report.check_claims(found)
    return found


def test_claims_are_measured():
    claims = results()["claims"]
    assert all(claim["holds"] for claim in claims)
    by_hand = [
        1 - 10 / 10.2,
        1 - 240 / 320,
        1 - 120 / 160,
        1 - 120 / 138,
        1 - 0.3 / 0.9,
        1 - 170 / 240,
        1 - 110 / 120,
        1 - 240 / 250,
        1 - 120 / 125,
    ]
    assert [claim["value"] for claim in claims] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"prior": {"keypoints_2d_px": 10.8}}, [0]),
        ({"prior": {"keypoints_2d_px": 9.6}}, [0]),  # A better 2D error is not an equal one.
        ({"prior": {"mpjpe_mm": 260}}, [1, 7]),
        ({"prior": {"pa_mpjpe_mm": 150}}, [2, 3, 8]),
        ({"prior": {"pa_mpjpe_mm": 136}}, [3, 8]),
        ({"prior": {"beyond_limits": 0.8}}, [4]),
        ({"no_prior": {"beyond_limits": 0.0}}, [4]),
        ({"paired": {"mpjpe_mm": 250}}, [5]),
        ({"paired": {"pa_mpjpe_mm": 120}}, [6]),
        ({"no_adversary": {"mpjpe_mm": 239}}, [7]),
        ({"no_adversary": {"pa_mpjpe_mm": 120}}, [8]),
    ],
)
def test_claims_that_do_not_hold_are_said_so(changes, broken):
    claims = results(**changes)["claims"]
    assert [index for index, claim in enumerate(claims) if not claim["holds"]] == broken


def test_table():
    text = prior_report.draw_up_table(results(prior={"mpjpe_mm": 260}))
    lines = text.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 8
    assert lines[2] == "| 2D error, px | 9.50 | 10.00 | 10.10 | 10.20 | 24.00 |  |"
    assert "| poses beyond joint limits | 5% | 30% | 50% | 90% | 0% | 2% |" in lines
    assert "| the prior lowers MPJPE by at least | 18.8% | 20% | does not hold |" in lines
    assert sum("| holds |" in line for line in lines) == 7
    assert sum("`python -m x`" in line for line in lines) == 4


def test_figure():
    found = results()
    curves = {
        name: [{"step": str(k), "keypoints_2d_px": str(9 / k), "mpjpe_mm": ""} for k in (1, 2, 3)]
        for name in found["runs"]
    }
    shades = {name: 40 * k + 40 for k, name in enumerate(found["runs"])}
    pictures = {
        name: [[np.full((50, 50, 3), shade, np.uint8)] * 3] * 2 for name, shade in shades.items()
    }
    figure = prior_report.draw_figure(found, curves, pictures)
    assert figure.dtype == np.uint8 and figure.ndim == 3
    # Two people in two rows under bars and curves, the first run's truth beside a pair of each.
    people = figure[prior_report._BARS_HEIGHT + prior_report._CURVES_HEIGHT :]
    row = people[4 + 25, :, 0]
    assert [int((row == shade).sum()) for shade in shades.values()] == [150, 100, 100, 100]
    assert (people[4 + 72 + 25, :, 0] == row).all()


def test_points_of_a_curve():
    rows = [{"step": "100", "a": "0.5"}, {"step": "200", "a": ""}, {"step": "300", "a": "0.25"}]
    assert prior_report._points(rows, "a") == ([100.0, 300.0], [0.5, 0.25])
    assert prior_report._points(rows, "b") == ([], [])
