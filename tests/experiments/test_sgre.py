"""Errors by depth, and the whole comparison with trainings that end at once."""

import json
import pathlib

import cv2
import numpy as np
import pytest
import tiny_models
import tiny_training
from scipy.spatial.transform import Rotation

from hmr_tf import checkpoints, outputs
from hmr_tf.config import TrainConfig, to_dict
from hmr_tf.experiments import Options, sgre, trainings

ROOT = pathlib.Path(__file__).parents[2]


def test_angles():
    rng = np.random.default_rng(0)
    first, second = (Rotation.random(50, random_state=rng) for _ in range(2))
    expected = np.degrees((first.inv() * second).magnitude())
    found = sgre.angles_deg(first.as_matrix(), second.as_matrix())
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    tiny = Rotation.from_rotvec([1e-4, 0, 0]).as_matrix()
    assert sgre.angles_deg(tiny, np.eye(3)) == pytest.approx(np.degrees(1e-4), rel=1e-4)
    assert sgre.angles_deg(np.diag([1.0, -1.0, -1.0]), np.eye(3)) == pytest.approx(180.0)


def test_one_relative_rotation_turns_all_below_it():
    """A shoulder, off by 30 degrees; and a hand, moved by 50 mm beside a body that is elsewhere."""
    rotations = Rotation.random(48, random_state=0).as_matrix().reshape(2, 24, 3, 3)
    joints = np.random.default_rng(0).normal(size=(2, 24, 3))
    true = {outputs.ROTATIONS: rotations, outputs.SMPL_JOINTS_3D: joints}
    turned, moved = rotations.copy(), joints + np.array([1.0, 2.0, 3.0])
    turned[:, 16] = turned[:, 16] @ Rotation.from_rotvec([0, np.pi / 6, 0]).as_matrix()
    moved[:, 22] += (0.03, 0.04, 0.0)
    estimated = {outputs.ROTATIONS: turned, outputs.SMPL_JOINTS_3D: moved}
    errors = sgre.depth_errors(
        *({key: value.astype(np.float32) for key, value in x.items()} for x in (estimated, true))
    )
    # Head and shoulders, elbows, wrists, hands.
    expected = {
        "joints_mm": [0, 0, 0, 0, 0, 0, 0, 0, 25],
        "global_deg": [0, 0, 0, 0, 0, 10, 15, 15, 15],
        "independent_deg": [0, 0, 0, 0, 0, 10, 15, 15, 15],
        "local_deg": [0, 0, 0, 0, 0, 10, 0, 0, 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(errors[name], values, atol=2e-2, err_msg=name)


def test_errors_that_cancel_are_told_from_small_ones():
    """Elbows make up for shoulders; of another person they do in half of the cases."""
    angles = np.radians(30.0) * np.random.default_rng(1).choice([-1, 1], 400)
    turned = np.tile(np.eye(3, dtype=np.float32), (400, 24, 1, 1))
    for shoulder, elbow in ((16, 18), (17, 19)):
        turned[:, shoulder] = Rotation.from_rotvec(angles[:, None] * [0, 0, 1]).as_matrix()
        turned[:, elbow] = Rotation.from_rotvec(-angles[:, None] * [0, 0, 1]).as_matrix()
    joints = np.zeros([400, 24, 3], np.float32)
    true = np.tile(np.eye(3, dtype=np.float32), (400, 24, 1, 1))
    errors = sgre.depth_errors(
        *({outputs.ROTATIONS: one, outputs.SMPL_JOINTS_3D: joints} for one in (turned, true))
    )
    np.testing.assert_allclose(errors["global_deg"], [0, 0, 0, 0, 0, 20, 0, 0, 0], atol=1e-2)
    expected = [0, 0, 0, 0, 0, 20, 30, 30, 30]
    np.testing.assert_allclose(errors["independent_deg"], expected, atol=3.0)


def test_the_runs_differ_in_what_they_estimate_alone():
    lines = (ROOT / sgre.FLAGFILES["direct"]).read_text().splitlines()
    given = [line for line in lines if line.startswith("--")]
    assert given == [f"--flagfile={sgre.FLAGFILES['sequential']}", "--estimation=direct"]
    assert "--estimation=sequential" in (ROOT / sgre.FLAGFILES["sequential"]).read_text()


def test_the_whole_comparison(tmp_path, monkeypatch):
    tiny_training.write_records(tmp_path)
    settings = {"train": {**to_dict(TrainConfig()), "seed": 3}}

    def train(arguments):
        """Saves new weights in the place of trained ones."""
        log_dir = next(a for a in arguments if a.startswith("--log_dir=")).partition("=")[2]
        estimation = pathlib.Path(log_dir).name
        model = tiny_models.build("sgre", estimation=estimation)
        checkpoints.save_model(log_dir, model, "sgre", settings)
        return 0

    monkeypatch.setattr(trainings.command, "run_module", train)
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out"
    text = sgre.run(Options(str(tmp_path), str(out)))
    results = json.loads((out / "sgre.json").read_text())
    assert (out / "sgre.md").read_text() == text and "| MPJPE, mm |" in text
    assert cv2.imread(str(out / "sgre.png")) is not None
    assert results["joints_by_depth"] == [1, 3, 3, 3, 5, 3, 2, 2, 2]
    for name, run in results["runs"].items():
        assert (run["estimation"], run["num_people"], run["seed"]) == (name, 4, 3)
        assert run["command"].startswith(
            f"python -m hmr_tf.train --flagfile={sgre.FLAGFILES[name]}"
        )
    # The mean's rotations against the true ones, by hand.
    mean = tiny_models.build("sgre").mean[outputs.ROTATIONS][0]
    gaps = []
    for number in range(12, 16):
        pose = tiny_training._sample(number).pose_axis_angle.reshape(24, 3)
        apart = Rotation.from_matrix(mean).inv() * Rotation.from_rotvec(pose)
        gaps.append(np.degrees(apart.magnitude()))
    found = results["mean_pose"]["by_depth"]["local_deg"]
    assert found[0] == pytest.approx(np.mean(gaps, axis=0)[0], rel=1e-3)
    assert found[8] == pytest.approx(np.mean(gaps, axis=0)[22:].mean(), rel=1e-3)
