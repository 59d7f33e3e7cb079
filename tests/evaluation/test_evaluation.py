"""Summaries of an evaluation."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import DataError
from hmr_tf.evaluation import evaluation
from hmr_tf.evaluation.evaluation import Evaluation
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.evaluation.protocols import PROTOCOLS

NAN = np.nan


def _samples(sequences):
    count = len(sequences)
    texts = np.array([""] * count, object)
    return {
        **{key: texts for key in ("dataset", "subject", "action")},
        "filename": np.array([f"im{k}.jpg" for k in range(count)], object),
        "sequence": np.array(sequences, object),
        "frame": np.arange(count),
    }


def _evaluation(name, errors, sequences, baseline=None):
    errors = {key: np.float32(values) for key, values in errors.items()}
    baseline = {key: np.float32(values) for key, values in (baseline or {}).items()}
    samples = _samples(sequences)
    return Evaluation(PROTOCOLS.get(name), errors, baseline, samples, ExamplePicker())


def test_means_over_people_and_ratio():
    errors = {"mpjpe_mm": [10, 20, NAN], "pa_mpjpe_mm": [1, 2, 6]}
    found = _evaluation(
        "h36m_p1", errors, "aab", {"mpjpe_mm": [30, 30, 90], "pa_mpjpe_mm": [0] * 3}
    )
    assert found.num_people == 3 and found.names == ["im0.jpg", "im1.jpg", "im2.jpg"]
    assert found.means() == {"mpjpe_mm": 15, "pa_mpjpe_mm": 3}
    report = found.report()
    assert report["baseline"] == {"mpjpe_mm": 50, "pa_mpjpe_mm": 0}
    assert (
        report["ratio"]["mpjpe_mm"] == pytest.approx(0.3) and report["ratio"]["pa_mpjpe_mm"] is None
    )
    assert report["median"] == {"mpjpe_mm": 15, "pa_mpjpe_mm": 2}
    assert report["num_measured"] == {"mpjpe_mm": 2, "pa_mpjpe_mm": 3}
    found.check_truth()


def test_mupots_is_the_mean_over_sequences():
    near, far = [0.0] * 14, [200.0] * 14
    errors = {
        "joint_errors_mm": [near, far, far, near],
        "mpjpe_mm": [0, 200, 200, 0],
        "pa_mpjpe_mm": [0, NAN, NAN, NAN],
    }
    found = _evaluation("mupots", errors, ["TS1", "TS1", "TS1", "TS2"])
    means = found.means()
    assert means["pck_150"] == pytest.approx((100 / 3 + 100) / 2)
    assert means["mpjpe_mm"] == pytest.approx((400 / 3 + 0) / 2)
    # Of one sequence nothing is known, so the other alone counts.
    assert means["pa_mpjpe_mm"] == 0
    # A group is one group, whatever the protocol.
    assert found.summarise(found.errors)["pck_150"] == 50


def test_what_nobody_has_is_one_line():
    errors = {"mpjpe_mm": [1.0], "pa_mpjpe_mm": [NAN]}
    found = _evaluation("h36m_p1", errors, ["a"])
    assert found.means()["pa_mpjpe_mm"] is None and found.baseline_means() == {}
    with pytest.raises(DataError, match="needs for pa_mpjpe_mm"):
        found.check_truth()


def test_metrics_without_their_source_are_left_out():
    errors = {"errors_in_torsos": [[0.1]], "errors_in_heads": [[0.6]], "keypoints_2d_px": [3.0]}
    found = _evaluation("lsp", errors, [""])
    assert found.metrics == ("pck_torso_0.2", "pckh_0.5", "keypoints_2d_px")
    assert found.means() == {"pck_torso_0.2": 100, "pckh_0.5": 0, "keypoints_2d_px": 3}
    np.testing.assert_array_equal(found.per_person("pckh_0.5"), [0])


def test_names_of_samples():
    batch = {
        "image": tf.zeros([3, 2, 2, 3]),
        "filename": tf.constant(["a.jpg", "b.jpg", "c.jpg"]),
        "dataset": tf.constant(["h36m"] * 3),
        "subject": tf.constant(["S9", "S11", "0"]),
        "sequence": tf.constant(["S9_WalkDog_1.60457274", "S11_Posing.54138969", "TS1"]),
        "frame": tf.constant([5, 10, -1], tf.int64),
    }
    names = evaluation.sample_names(batch)
    assert names["action"].tolist() == ["WalkDog", "Posing", ""]
    assert names["sequence"].tolist()[2] == "TS1" and names["frame"].tolist() == [5, 10, -1]
    few = evaluation.sample_names({"image": batch["image"], "filename": batch["filename"]})
    assert few["subject"].tolist() == ["", "", ""] and few["frame"].tolist() == [-1, -1, -1]
