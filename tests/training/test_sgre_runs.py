"""SGRE's training from records to checkpoint, by the command, with an encoder of two layers."""

import numpy as np
import pytest
import tiny_runs
import tiny_training

from hmr_tf.training import journal

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
    tiny_training.write_records(folder)
    codes = tiny_runs.run(folder, tiny_training.sgre_settings(folder), STARTS)
    assert codes == [0, 0, 0, 0], tiny_runs.said(folder, STARTS)
    return folder


def test_stopped_and_resumed_is_the_whole_run_on_two_replicas(folder):
    weights = [tiny_runs.weights(folder / name) for name in ("whole", "parts")]
    assert set(weights[0]) == set(weights[1]) and len(weights[0]) > 100
    for name, expected in weights[0].items():
        # Statistics of batches are each replica's own; what is saved is their mean, rounded.
        atol = 1e-6 if "/moving_" in name else 0.0
        np.testing.assert_allclose(weights[1][name], expected, rtol=0.0, atol=atol, err_msg=name)
    rows = [journal.read_rows(folder / name / "curve.csv") for name in ("whole", "parts")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert {"smpl_pose", "body_joint_img", "smpl_joint_cam", "marginal"} < set(rows[0][0])


def test_two_replicas_begin_as_one(folder):
    """Batch normalisation's statistics are those of a replica: losses behind it differ a little."""
    rows = [journal.read_rows(folder / name / "curve.csv") for name in ("one", "whole")]
    (one, *_), (two, *_) = rows
    before = {"marginal": 1e-2, "body_joint_img": 1e-2, "smpl_joint_img": 1e-2}
    for name, tolerance in {**before, "smpl_shape": 0.1, "smpl_joint_cam": 0.1}.items():
        pair = float(two[name]), float(one[name])
        np.testing.assert_allclose(*pair, rtol=tolerance, err_msg=name)
