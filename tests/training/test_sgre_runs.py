"""SGRE's training from records to checkpoint, by the command, with an encoder of two layers."""

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
    settings = [*tiny_training.sgre_settings(folder / "records"), f"--log_dir={folder / log}"]
    pid = tiny_training.begin([*settings, *more], folder / f"{log}.txt")
    codes.append(tiny_training.end(pid))
print(json.dumps(codes))
"""
pytestmark = pytest.mark.slow  # Four starts of a training.
STARTS = [
    ("one", ["--num_steps=2"]),
    ("whole", ["--num_steps=4", "--num_logical_cpus=2"]),
    ("parts", ["--num_steps=2", "--num_logical_cpus=2"]),
    ("parts", ["--num_steps=4", "--num_logical_cpus=2"]),
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
    assert json.loads(done.stdout) == [0, 0, 0, 0], said
    return folder


def _weights(log_dir):
    """Everything that a checkpoint holds of model, averages and optimizer."""
    reader = tf.train.load_checkpoint(checkpoints.latest_weights(log_dir))
    names = reader.get_variable_to_shape_map()
    kept = [name for name in names if name.startswith(("model/", "averaged/", "optimizer/"))]
    return {name: reader.get_tensor(name) for name in kept}


def test_stopped_and_resumed_is_the_whole_run_on_two_replicas(folder):
    weights = [_weights(folder / name) for name in ("whole", "parts")]
    assert set(weights[0]) == set(weights[1]) and len(weights[0]) > 100
    for name, expected in weights[0].items():
        # Statistics of batches are each replica's own; what is saved is their mean, rounded.
        atol = 1e-6 if "/moving_" in name else 0.0
        np.testing.assert_allclose(weights[1][name], expected, rtol=0.0, atol=atol, err_msg=name)
    rows = [journal.read_rows(folder / name / "curve.csv") for name in ("whole", "parts")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert {"smpl_pose", "body_joint_img", "smpl_joint_cam", "pose_head"} < set(rows[0][0])


def test_two_replicas_begin_as_one(folder):
    """Batch normalisation's statistics are those of a replica: losses behind it differ a little."""
    rows = [journal.read_rows(folder / name / "curve.csv") for name in ("one", "whole")]
    (one, *_), (two, *_) = rows
    before = {"pose_head": 1e-2, "body_joint_img": 1e-2, "smpl_joint_img": 1e-2}
    for name, tolerance in {**before, "smpl_shape": 0.1, "smpl_joint_cam": 0.1}.items():
        pair = float(two[name]), float(one[name])
        np.testing.assert_allclose(*pair, rtol=tolerance, err_msg=name)
