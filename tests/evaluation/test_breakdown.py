"""Tables by part, against numbers worked out by hand."""

import csv
import io

import numpy as np
import pytest

from hmr_tf.evaluation import breakdown

ERRORS = {
    "mpjpe_mm": np.float32([10, 20, 60, 100, np.nan]),
    "joints_mm": np.float32([[100, 200], [100, 100], [200, 200], [0, 0], [0, 300]]),
}
LABELS = ["Walking", "Walking", "Eating", "Eating", "other"]


def _summarise(errors):
    known = errors["mpjpe_mm"][np.isfinite(errors["mpjpe_mm"])]
    return {
        "mpjpe_mm": float(known.mean()) if known.size else None,
        "pck": 100 * float((errors["joints_mm"] < 150).mean()),
    }


def test_every_part_by_itself_and_both_means():
    table = breakdown.break_down(ERRORS, LABELS, "action", _summarise, _summarise(ERRORS))
    assert table.by == "action" and table.metrics == ("mpjpe_mm", "pck")
    rows = {row.label: row for row in table.rows}
    # Human3.6M's actions come in the order of its papers, others after them.
    assert list(rows) == ["Eating", "Walking", "other", "mean of rows", "all"]
    assert [row.count for row in table.rows] == [2, 2, 1, None, 5]
    assert rows["Walking"].values == {"mpjpe_mm": 15.0, "pck": 75.0}
    assert rows["Eating"].values == {"mpjpe_mm": 80.0, "pck": 50.0}
    assert rows["other"].values == {"mpjpe_mm": None, "pck": 50.0}
    assert rows["mean of rows"].values == {
        "mpjpe_mm": pytest.approx((15 + 80) / 2),
        "pck": pytest.approx(175 / 3),
    }
    assert rows["all"].values == {"mpjpe_mm": 47.5, "pck": pytest.approx(60)}


def test_csv_reads_back():
    labels, total = ['a, "b"', *LABELS[1:]], {"mpjpe_mm": 1.0, "pck": 2.0}
    text = breakdown.break_down(ERRORS, labels, "action", _summarise, total).to_csv()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[-1] == ["all", "5", "1.0000", "2.0000"]
    assert rows[0] == ["action", "people", "mpjpe_mm", "pck"]
    assert ['a, "b"', "1", "10.0000", "50.0000"] in rows
    assert rows[-3] == ["other", "1", "", "50.0000"]
    assert rows[-2][:2] == ["mean of rows", ""] and len(rows) == 7


def test_only_divisions_that_tell_something():
    names = {
        "dataset": ["h36m"] * 4,
        "subject": ["S9", "S9", "S11", "S11"],
        "sequence": ["a", "a", "b", "b"],
        "action": ["x", "y", "x", "y"],
        "filename": ["1", "2", "3", "4"],
    }
    kinds = ("dataset", "action", "subject", "sequence", "filename", "camera")
    assert breakdown.choose(names, kinds) == ["action", "subject"]
