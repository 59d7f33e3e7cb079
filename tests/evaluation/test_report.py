"""The files of a report hold the numbers that were measured."""

import csv
import io
import json

import cv2
import numpy as np
import pytest
from evaluation_checks import by_hand, made_evaluation, made_summary

from hmr_tf.evaluation import report
from hmr_tf.evaluation.protocols import PROTOCOLS

CELL = np.full((200, 200, 3), 120, np.uint8)


def _make(evaluation):
    return report.make_files(evaluation, made_summary(evaluation), lambda person: [CELL] * 3)


@pytest.fixture(scope="module")
def evaluation():
    return made_evaluation("h36m_p1")


@pytest.fixture(scope="module")
def files(evaluation):
    return _make(evaluation)


def test_what_is_written(files):
    assert {"evaluation.json", "report.html", "by_action.csv", "by_subject.csv"} <= set(files)
    assert {"by_sequence.csv", "histogram_mpjpe_mm.png", "histogram_pa_mpjpe_mm.png"} <= set(files)
    for name, content in files.items():
        if name.startswith(("histogram_", "pck_")):
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            assert image.shape == (640, 960, 3)


def test_tables_by_part(evaluation, files):
    rows = list(csv.DictReader(io.StringIO(files["by_action.csv"].decode())))
    assert [row["action"] for row in rows] == ["Eating", "Photo", "Walking", "mean of rows", "all"]
    walking = evaluation.samples["action"] == "Walking"
    assert float(rows[2]["mpjpe_mm"]) == pytest.approx(
        by_hand(evaluation, "mpjpe_mm", walking), abs=1e-4
    )
    assert [int(row["people"] or -1) for row in rows] == [30, 30, 30, -1, 90]


def test_the_summary_is_plain(evaluation, files):
    summary = json.loads(files["evaluation.json"])
    assert summary["num_people"] == 90 and summary["split"] == "test"
    assert summary["published"][0]["model"] == "HMR"
    assert summary["published"][0]["values"] == {"mpjpe_mm": 87.97, "pa_mpjpe_mm": 58.1}
    everybody = summary["parts"]["subject"]["all"]
    assert everybody["people"] == 90
    assert everybody["mpjpe_mm"] == pytest.approx(summary["metrics"]["mpjpe_mm"])


@pytest.mark.parametrize("name", PROTOCOLS.names)
def test_every_protocol_can_be_reported(name):
    files = _make(made_evaluation(name, count=12, with_baseline=name != "pw3d"))
    curves = [file for file in files if file.startswith(("pck_", "histogram_"))]
    assert curves and files["report.html"].count(b"<figure>") >= len(curves) + 12
    json.loads(files["evaluation.json"])


def test_what_nobody_has_is_left_out():
    evaluation = made_evaluation("pw3d", count=8, with_baseline=False)
    evaluation.errors["pve_mm"][:] = np.nan
    files = _make(evaluation)
    assert "histogram_mpjpe_mm.png" in files and "histogram_pve_mm.png" not in files
    assert json.loads(files["evaluation.json"])["metrics"]["pve_mm"] is None
    assert "PVE" in files["report.html"].decode()
