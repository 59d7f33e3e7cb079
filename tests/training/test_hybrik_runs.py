"""HybrIK's training from records to checkpoint, by the command, with an encoder of one layer."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import checkpoints
from hmr_tf.training import journal

ROOT = pathlib.Path(__file__).parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

RUNS = """
import json, pathlib, sys
import tiny_training

folder = pathlib.Path(sys.argv[1])
(folder / "records").mkdir()
tiny_training.write_records(folder / "records")
codes = []
for log, more in json.loads(sys.argv[2]):
    settings = [*tiny_training.hybrik_settings(folder / "records"), f"--log_dir={folder / log}"]
    pid = tiny_training.begin([*settings, *more], folder / f"{log}.txt")
    codes.append(tiny_training.end(pid))
print(json.dumps(codes))
"""
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
    done = subprocess.run(
        [sys.executable, "-c", RUNS, str(folder), json.dumps(STARTS)],
        env={**os.environ, "PYTHONPATH": PATHS, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = {name: (folder / f"{name}.txt").read_text()[-2000:] for name, _ in STARTS}
    assert json.loads(done.stdout) == [0, 0, 0, 0, 1, 1], said
    return folder


def _rows(folder, name):
    return journal.read_rows(folder / name / "curve.csv")


def _weights(log_dir):
    """Everything that a checkpoint holds of model, averages and optimizer."""
    reader = tf.train.load_checkpoint(checkpoints.latest_weights(log_dir))
    names = reader.get_variable_to_shape_map()
    kept = [name for name in names if name.startswith(("model/", "averaged/", "optimizer/"))]
    return {name: reader.get_tensor(name) for name in kept}


def test_stopped_and_resumed_is_the_whole_run(folder):
    weights = [_weights(folder / name) for name in ("whole", "parts")]
    assert set(weights[0]) == set(weights[1]) and len(weights[0]) > 20
    for name, expected in weights[0].items():
        np.testing.assert_array_equal(weights[1][name], expected, err_msg=name)
    whole, parts = _rows(folder, "whole"), _rows(folder, "parts")
    assert [row["loss"] for row in whole] == [row["loss"] for row in parts]
    assert float(whole[0]["learning_rate"]) == pytest.approx(1e-3)
    assert float(whole[-1]["learning_rate"]) == pytest.approx(1e-4)
    assert {"uvd", "twist", "pose", "betas", "weak_camera", "mpjpe_mm"} < set(whole[0])
    assert checkpoints.latest_step(folder / "parts" / "best") in (2, 4)


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
