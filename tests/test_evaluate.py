"""`evaluate` as a user runs it, on records made here."""

import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tiny_checkpoint
from tiny_checkpoint import run_command

from hmr_tf.body import mean_parameters, posing
from tfrecords_tools import schema
from tfrecords_tools.samples import Sample


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A checkpoint that estimates the mean for everyone, and records of people near the mean."""
    root = tmp_path_factory.mktemp("evaluate")
    mean_pose, mean_betas = mean_parameters.load_mean_parameters()
    settings = {
        "train": {"seed": 7},
        "mean_parameters": [float(x) for part in (mean_pose, mean_betas) for x in part],
    }
    model = tiny_checkpoint.save(root / "log", spread=0.0, settings=settings, window_px=100.0)
    rng = np.random.default_rng(0)
    all_points = []
    (root / "records" / "lsp").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(root / "records" / "lsp" / "test_000.tfrecord")) as writer:
        for k in range(5):
            # The first person is the mean itself.
            pose = mean_pose + min(k, 1) * rng.normal(scale=0.2, size=72)
            vertices, _ = posing.pose_body(model.body_model, pose.astype(np.float32), mean_betas)
            joints = model.body_model.regressor("cocoplus") @ vertices
            points = 64 + 50 * 0.9 * joints[:, :2]
            image = rng.integers(0, 256, (128, 128, 3), np.uint8)
            sample = Sample(
                image=cv2.imencode(".jpg", image)[1].tobytes(),
                filename=f"im{k:04d}.jpg",
                height=128,
                width=128,
                center=np.array([64.0, 64.0]),
                keypoints_2d=np.concatenate([points, np.ones((19, 1))], axis=1),
                joints_3d=joints[:14],
                pose_axis_angle=pose,
                betas=mean_betas,
                gender=0,
                dataset="lsp",
            )
            writer.write(schema.encode_sample(sample))
            all_points.append(points)
    return {"log": root / "log", "records": root / "records", "points": np.array(all_points)}


def test_table_report_and_examples(folders, tmp_path):
    result = run_command(
        *("evaluate", f"--checkpoint={folders['log']}", "--protocol=synthetic"),
        *(f"--data_dir={folders['records']}", f"--out_dir={tmp_path}", "--batch_size=2"),
        "--limit=3",
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["num_people"] == 3 and report["protocol"] == "synthetic"
    assert report["step"] == 1 and report["training_seed"] == 7 and report["split"] == "test"
    assert "hmr_tf.evaluate --checkpoint" in report["command"]
    # The model is the mean pose, so both columns agree.
    for name, value in report["metrics"].items():
        assert value == pytest.approx(report["baseline"][name], rel=1e-3, abs=0.05), name
        assert report["ratio"][name] == pytest.approx(1, abs=0.01)
        assert name in result.stdout
    # By hand, from the first three people: the mean at camera (0.9, 0, 0) in a window of 100 px.
    offsets = folders["points"][:3] - folders["points"][0]
    by_hand = np.linalg.norm(offsets, axis=-1).mean()
    assert report["metrics"]["keypoints_2d_px"] == pytest.approx(by_hand, rel=1e-3)
    assert 20 < report["metrics"]["pa_mpjpe_mm"] < report["metrics"]["mpjpe_mm"] < 500
    assert cv2.imread(str(tmp_path / "examples.png")) is not None


def test_missing_records_are_one_line(folders, tmp_path):
    result = run_command(
        "evaluate", f"--checkpoint={folders['log']}", f"--data_dir={tmp_path}", "--split=train"
    )
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and "hmr_tf.convert" in line
