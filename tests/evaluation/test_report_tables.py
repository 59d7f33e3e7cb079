"""Rows of text."""

import pytest

from hmr_tf.evaluation import report_tables
from hmr_tf.evaluation.breakdown import Breakdown, Row
from hmr_tf.evaluation.measures import MEASURES


def test_every_metric_has_a_short_name():
    assert set(report_tables.LABELS) == set(MEASURES)
    assert len(set(report_tables.LABELS.values())) == len(MEASURES)


@pytest.mark.parametrize(
    ("value", "unit", "text"), [(87.96, "mm", "88.0"), (0.604, "", "0.60"), (None, "%", "–")]
)
def test_numbers(value, unit, text):
    assert report_tables.format_value(value, unit) == text


def test_ours_stands_first_and_published_numbers_as_printed():
    summary = {
        "protocol": "h36m_p1",
        "metrics": {"mpjpe_mm": 90.04, "pa_mpjpe_mm": 60.0},
        "baseline": {"mpjpe_mm": 300.0, "pa_mpjpe_mm": None},
    }
    header, rows = report_tables.comparison(summary)
    assert header == ["", "MPJPE, mm", "PA-MPJPE, mm", "source", "note"]
    assert rows[0][:3] == ["this model", "90.0", "60.0"]
    assert rows[1][:3] == ["mean pose", "300.0", "–"]
    assert rows[2][:3] == ["HMR", "87.97", "58.1"]
    assert all(len(row) == len(header) for row in rows)


def test_only_what_is_measured_is_compared():
    summary = {"protocol": "pw3d", "metrics": {"pve_mm": 120.0, "mpjpe_mm": None}, "baseline": {}}
    header, rows = report_tables.comparison(summary)
    assert header[1:-2] == ["PVE, mm"] and rows[0][0] == "this model"
    assert {row[0] for row in rows[1:]} == {"HybrIK, ResNet-34"}
    assert len(report_tables.comparison({**summary, "protocol": "synthetic"})[1]) == 1


def test_published_numbers_have_all_their_digits():
    metrics = {"part_accuracy": 80.0, "part_f1": 0.5}
    _, rows = report_tables.comparison({"protocol": "lsp", "metrics": metrics})
    assert ["HMR", "87.12", "0.60"] in [row[:3] for row in rows]
    _, rows = report_tables.comparison({"protocol": "pw3d", "metrics": {"mpjpe_mm": 80.0}})
    assert ["HMR", "130.0"] in [row[:2] for row in rows]


def test_rows_of_parts():
    rows = (Row("", 1234, {"part_f1": 0.5}), Row("all", None, {"part_f1": None}))
    header, texts = report_tables.part_rows(Breakdown("sequence", ("part_f1",), rows))
    assert header == ["sequence", "people", "Part F1"]
    assert texts == [["–", "1,234", "0.50"], ["all", "", "–"]]


def test_columns_stand_below_their_headings():
    header = ["", "MPJPE, mm", "source", "note"]
    lines = report_tables.align(header, [["this model", "9.5", "here", ""], ["HMR", "", "x", "y"]])
    assert lines[1] == "this model        9.5  here"
    assert lines[0].index("MPJPE, mm") + len("MPJPE, mm") == lines[1].index("9.5") + 3
    assert lines[0].index("source") == lines[1].index("here") == lines[2].index("x")
