"""Tables, claims and figure of numbers made up here."""

import numpy as np
import pytest

from hmr_tf.experiments import sgre_report

COUNTS = [1, 3, 3, 3, 5, 3, 2, 2, 2]
METRICS = tuple(sgre_report.METRICS)


def _measured(mpjpe, joints, turned, local):
    depths = {"joints_mm": joints, "global_deg": turned, "local_deg": local}
    depths["independent_deg"] = [2.0 * value for value in turned]
    return {"metrics": dict.fromkeys(METRICS, mpjpe), "by_depth": depths}


def results(deep=60.0, turned=20.0, mpjpe=90.0):
    """Runs of which all claims hold, but for changes."""
    about = {"num_people": 5, "step": 36, "seed": 0, "command": "python -m x"}
    ours = _measured(mpjpe, [0] + [40] * 4 + [deep] * 4, [turned] * 9, [20.0] * 9)
    theirs = _measured(100.0, [0] + [50] * 4 + [100] * 4, [25.0] * 9, [15.0] * 9)
    found = {
        "runs": {"sequential": {**ours, **about}, "direct": {**theirs, **about}},
        "mean_pose": _measured(300.0, [0] + [200] * 8, [60.0] * 9, [30.0] * 9),
        "joints_by_depth": COUNTS,
    }
    found["claims"] = sgre_report.check_claims(found)
    return found


def test_claims_are_measured():
    claims = results()["claims"]
    assert all(claim["holds"] for claim in claims)
    expected = [1 - 90 / 100, 1 - 20 / 25, 1 - 60 / 100, (1 - 60 / 100) - (1 - 40 / 50)]
    assert [claim["value"] for claim in claims] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"mpjpe": 101.0}, [0]),
        ({"turned": 25.0}, [1]),
        ({"deep": 101.0}, [2, 3]),
        ({"deep": 90.0}, [3]),
    ],
)
def test_claims_that_do_not_hold_are_said_so(changes, broken):
    claims = results(**changes)["claims"]
    assert [index for index, claim in enumerate(claims) if not claim["holds"]] == broken


def test_tables():
    lines = sgre_report.draw_up_tables(results(mpjpe=120.0)).splitlines()
    assert lines[0] == "| held-out people | sequential, global | direct, relative | mean pose |"
    assert lines[2] == "| MPJPE, mm | 120.0 | 100.0 | 300.0 |"
    assert "| 0 (1) | 0.0 | 0.0 | 0.0 |" in lines and "| 8 (2) | 60.0 | 100.0 | 200.0 |" in lines
    # Means over joints, not over depths: 14 at 40 mm, 9 at 60 mm and the root.
    mean = (14 * 40 + 9 * 60) / 24
    assert f"| all (24) | {mean:.1f} | {(14 * 50 + 9 * 100) / 24:.1f} | {4600 / 24:.1f} |" in lines
    assert sum(line.startswith("| all (24) |") for line in lines) == 4
    assert "| sequential estimation lowers MPJPE, by | -20.0% | 0% | does not hold |" in lines
    assert sum("`python -m x`" in line for line in lines) == 2


def test_figure():
    figure = sgre_report.draw_figure(results())
    assert figure.shape == (420, 4 * 560, 3) and figure.dtype == np.uint8
    assert all(np.ptp(panel) > 100 for panel in np.split(figure, 4, axis=1))
