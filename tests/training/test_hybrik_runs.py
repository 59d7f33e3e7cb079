"""HybrIK's training from records to checkpoint, by the command, with an encoder of one layer."""

import numpy as np
import pytest
import tiny_runs
import tiny_training

from hmr_tf import saved_weights
from hmr_tf.training import journal

pytestmark = pytest.mark.slow  # Six starts of a training.
VALIDATED = ["--validate_every=2", "--validation_split=test", "--validation_datasets=lsp"]
STARTS = [
    ("whole", ["--num_steps=4", *VALIDATED]),
    ("parts", ["--num_steps=2", *VALIDATED]),
    ("parts", ["--num_steps=4", *VALIDATED]),
    ("two", ["--num_steps=4", "--num_logical_cpus=2"]),
    ("parts", ["--num_steps=4", "--twist_weight=3", *VALIDATED]),
    ("other", ["--num_steps=4", "--rotation=6d_contiguous"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tiny_training.write_records(folder)
    codes = tiny_runs.run(folder, tiny_training.hybrik_settings(folder), STARTS)
    assert codes == [0, 0, 0, 0, 1, 1], tiny_runs.said(folder, STARTS)
    return folder


def _rows(folder, name):
    return journal.read_rows(folder / name / "curve.csv")


def test_stopped_and_resumed_is_the_whole_run(folder):
    weights = [tiny_runs.weights(folder / name) for name in ("whole", "parts")]
    assert set(weights[0]) == set(weights[1]) and len(weights[0]) > 20
    for name, expected in weights[0].items():
        np.testing.assert_array_equal(weights[1][name], expected, err_msg=name)
    whole, parts = _rows(folder, "whole"), _rows(folder, "parts")
    assert [row["loss"] for row in whole] == [row["loss"] for row in parts]
    assert float(whole[0]["learning_rate"]) == pytest.approx(1e-3)
    assert float(whole[-1]["learning_rate"]) == pytest.approx(1e-4)
    assert {"uvd", "twist", "pose", "betas", "weak_camera", "mpjpe_mm"} < set(whole[0])
    assert saved_weights.latest_step(folder / "parts" / "best") in (2, 4)


def test_two_replicas_are_one(folder):
    for before, now in zip(_rows(folder, "whole"), _rows(folder, "two")):
        for name in set(before) - {journal.RATE}:
            np.testing.assert_allclose(float(now[name]), float(before[name]), rtol=2e-4)


def test_other_settings_are_refused(folder):
    assert "twist_weight (1.0 there, 3.0 here)" in (folder / "parts.txt").read_text()
    said = (folder / "other.txt").read_text()
    assert "--rotation: not a setting of --model=hybrik" in said
    saved = (folder / "whole" / "flags.txt").read_text()
    assert "--model=hybrik" in saved and "--rotation=" not in saved
