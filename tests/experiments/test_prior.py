"""The comparison from end to end, on a few records and for a few steps."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.body import mean_parameters, model_file, posing
from hmr_tf.experiments import prior
from hmr_tf.training import journal
from tfrecords_tools import schema
from tfrecords_tools.samples import MocapSample, Sample
from tfrecords_tools.shard_layout import shard_layout

ROOT = pathlib.Path(__file__).parents[2]
SMALL = (
    *("--image_size=32", "--hidden_units=8", "--num_iterations=1", "--batch_size=2"),
    *("--precision=float32", "--nocache", "--shuffle_buffer=4", "--log_every=1"),
    *("--image_every=0", "--average_decay=0"),
)


def _write(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for sample in samples:
            writer.write(schema.encode_sample(sample))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior")
    rng = np.random.default_rng(0)
    body = model_file.load_body("free_body")
    mean_pose, betas = mean_parameters.load_mean_parameters()
    people = []
    for number in range(7):
        pose = (mean_pose + rng.normal(scale=0.2, size=72)).astype(np.float32)
        vertices, _ = posing.pose_body(body, pose, betas)
        joints = body.regressor("cocoplus") @ vertices
        points = np.concatenate([48 + 40 * joints[:, :2], np.ones((19, 1))], axis=1)
        image = rng.integers(0, 256, (96, 96, 3), np.uint8)
        sample = Sample(
            image=cv2.imencode(".jpg", image)[1].tobytes(),
            filename=f"im{number:04d}.jpg",
            height=96,
            width=96,
            center=np.array([48.0, 48.0]),
            keypoints_2d=points,
            joints_3d=joints[:14],
            pose_axis_angle=pose,
            betas=betas,
            gender=0,
            dataset="lsp",
        )
        people.append(sample)
    layout = shard_layout("lsp")
    for split, samples in (("train", people[:4]), ("test", people[4:])):
        _write(folder / layout.folder / layout.shard_name(split, 0), samples)
    layout = shard_layout("mosh")
    bodies = [MocapSample(sample.pose_axis_angle, sample.betas) for sample in people]
    _write(folder / layout.folder / layout.shard_name("CMU", 0), bodies)
    return folder


@pytest.mark.slow  # Five trainings, each in its own process that imports TensorFlow.
def test_the_whole_comparison(records, tmp_path):
    flagfiles = []
    for name in (prior.BEGINNING, *prior.RUNS):
        path = tmp_path / f"{name}.flags"
        validates = f"--validate_every={int(name == 'prior')}"  # Once; that takes long, too.
        path.write_text("\n".join((f"--flagfile=flags/hmr_claims_{name}.flags", *SMALL, validates)))
        flagfiles.append(str(path))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "hmr_tf.benchmark", "--suite=prior", "--num_steps=2"]
    command += [f"--data_dir={records}", f"--out_dir={out}", f"--flagfiles={','.join(flagfiles)}"]
    done = subprocess.run(
        [*command, "--seed=3"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "prior.json").read_text())
    assert list(results["runs"]) == sorted(prior.RUNS)
    uses = {
        name: (run["losses"]["use_3d_labels"], run["losses"]["use_adversary"])
        for name, run in results["runs"].items()
    }
    assert uses == {
        "paired": (True, True),
        "prior": (False, True),
        "no_adversary": (False, False),
        "no_prior": (False, False),
    }
    begins = {name: "--initial_weights" in run["command"] for name, run in results["runs"].items()}
    assert begins == {name: name != "no_prior" for name in prior.RUNS}
    for run in results["runs"].values():
        assert (run["step"], run["seed"], run["num_people"]) == (2, 3, 3)
        assert 0 < run["metrics"]["pa_mpjpe_mm"] < run["metrics"]["mpjpe_mm"]
    # After two steps everyone is still about the mean.
    assert results["runs"]["prior"]["metrics"]["mpjpe_mm"] == pytest.approx(
        results["mean_pose"]["mpjpe_mm"], rel=0.3
    )
    assert results["mean_pose"]["beyond_limits"] == 0.0 < results["truth"]["excess_deg"]
    table = (out / "prior.md").read_text()
    assert table.strip() in done.stdout and "| MPJPE, mm |" in table
    assert cv2.imread(str(out / "prior.png")) is not None
    assert len(journal.read_rows(str(out / "prior" / journal.VALIDATION_FILE))) == 2
