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
    all_points, poses, all_joints = [], [], []
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
            poses.append(pose)
            all_joints.append(joints[:14])
    return {
        "log": root / "log",
        "records": root / "records",
        "points": np.array(all_points),
        "poses": np.array(poses),
        "betas": np.tile(mean_betas, (5, 1)),
        "joints": np.array(all_joints),
    }


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
    # By hand, from the first three people: the mean at camera (0.9, 0, 0) in a window of 100 px.
    offsets = folders["points"][:3] - folders["points"][0]
    by_hand = np.linalg.norm(offsets, axis=-1).mean()
    assert report["metrics"]["keypoints_2d_px"] == pytest.approx(by_hand, rel=1e-3)
    assert 20 < report["metrics"]["pa_mpjpe_mm"] < report["metrics"]["mpjpe_mm"] < 500
    lines = result.stdout.splitlines()
    assert lines[0] == "protocol synthetic, 3 people of the test split, step 1"
    assert lines[1].split()[0] == "MPJPE," and lines[3].startswith("mean pose")
    assert f"{report['metrics']['mpjpe_mm']:.1f}" in lines[2]
    for name in ("examples.png", "histogram_mpjpe_mm.png"):
        assert cv2.imread(str(tmp_path / name)) is not None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == len(list(tmp_path.glob("*_*.png"))) + 3
    assert "im0002.jpg" in page and "http" not in page.replace("http-equiv", "")


def test_predictions_made_elsewhere(folders, tmp_path):
    arrays = {"pose": folders["poses"], "betas": folders["betas"], "camera": np.zeros((5, 3))}
    arrays["pred_joints"] = folders["joints"] + 0.1  # The roots are joined.
    np.savez(tmp_path / "result.npz", **arrays)
    options = [f"--data_dir={folders['records']}", f"--body={folders['log'] / 'body.npz'}"]
    options += [f"--out_dir={tmp_path}", "--predictions_skeleton=lsp14"]
    result = run_command("evaluate", f"--predictions={tmp_path / 'result.npz'}", *options)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["num_people"] == 5 and report["baseline"] == {}
    assert set(report["metrics"]) == {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm"}
    for name, value in report["metrics"].items():
        assert value == pytest.approx(0, abs=0.05), name
    assert "<figure>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_too_few_predictions_are_one_line(folders, tmp_path):
    np.savez(tmp_path / "result.npz", pose=folders["poses"][:4], betas=folders["betas"][:4])
    options = [f"--data_dir={folders['records']}", f"--body={folders['log'] / 'body.npz'}"]
    result = run_command("evaluate", f"--predictions={tmp_path / 'result.npz'}", *options)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and "4 predictions, the records 5 people" in line


def test_a_checkpoint_or_predictions(folders, tmp_path):
    for flags in ([], [f"--checkpoint={folders['log']}", "--predictions=x.npz"]):
        result = run_command("evaluate", f"--data_dir={tmp_path}", *flags)
        assert result.returncode != 0
        assert "checkpoint" in result.stderr and "predictions" in result.stderr
    flags = ["--checkpoint=x", "--body=free_body"]
    result = run_command("evaluate", f"--data_dir={tmp_path}", *flags)
    assert result.stderr == "error: --body cannot be given with --checkpoint.\n"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--segmentation_dir=x", "--segmentation_dir has no effect on protocol synthetic"),
        ("--gendered_bodies=x", "--gendered_bodies has no effect on protocol synthetic"),
        ("--out_dir=FILE/report", "FILE' is a file"),
    ],
)
def test_flags_that_cannot_work_are_told_before_the_checkpoint_is_read(tmp_path, flag, message):
    (tmp_path / "FILE").touch()
    flag = flag.replace("FILE/", f"{tmp_path}/FILE/")
    result = run_command("evaluate", f"--data_dir={tmp_path}", "--checkpoint=x", flag)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and message in line


def test_own_poses_are_of_models_that_take_some(folders):
    options = (f"--checkpoint={folders['log']}", f"--data_dir={folders['records']}", "--own_pose")
    result = run_command("evaluate", *options)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line == "error: --own_pose has no effect: this model takes no 2D poses; leave it out."


def test_missing_records_are_one_line(folders, tmp_path):
    result = run_command(
        "evaluate", f"--checkpoint={folders['log']}", f"--data_dir={tmp_path}", "--split=train"
    )
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and "hmr_tf.convert" in line
