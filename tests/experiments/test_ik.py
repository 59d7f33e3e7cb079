"""The comparison of solvers, on fewer people."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from hmr_tf.experiments import SUITES, Options, ik


@pytest.fixture(scope="module")
def results():
    return ik.measure(60, 0, (0, 5, 10, 20))


def test_no_noise_no_error(results):
    for name, errors in results["mean_mm"].items():
        assert errors[0] < 0.02, name
    assert results[ik.FALLS_BACK][0] == 0


def test_errors_are_as_published(results):
    # On another skeleton: 10.9, 21.7, 42.9 given; naive 19.5, 40.1, 76.7; adaptive 10.4, 21.6,
    # 44.7, without switch 9.8, 19.6, 39.7; 6, 19, 22 joints fall back.
    mean = {name: np.array(errors[1:]) for name, errors in results["mean_mm"].items()}
    # The distance between two normal draws, of which the pelvis has none.
    expected = np.array([5, 10, 20]) * np.sqrt(2) * np.sqrt(8 / np.pi) * 23 / 24
    np.testing.assert_allclose(mean[ik.INPUT], expected, rtol=0.05)
    assert (mean["naive"] > 1.4 * mean[ik.INPUT]).all()
    assert (mean["naive, root by SVD"] < 0.9 * mean["naive"]).all()
    assert (mean["adaptive, no switch"] < mean["adaptive"]).all()
    assert (mean["adaptive, no switch"] < mean[ik.INPUT]).all()
    assert (mean["adaptive"] < 0.8 * mean["naive"]).all()
    assert results[ik.FALLS_BACK][1] < 10 and results[ik.FALLS_BACK][3] > 18


def test_table_and_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(ik, "_NUM_PEOPLE", 20)
    text = SUITES.get("ik")(Options(data_dir="", out_dir=str(tmp_path), seed=3))
    lines = text.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 8
    assert [line.split()[1] for line in lines[2:5]] == ["5", "10", "20"]
    assert "20 people, seed 3" in text
    assert (tmp_path / "ik.md").read_text() == text
    written = json.loads((tmp_path / "ik.json").read_text())
    assert written["seed"] == 3 and len(written["mean_mm"]["naive"]) == len(written["noise_mm"])
    assert cv2.imread(str(tmp_path / "ik.png")) is not None
