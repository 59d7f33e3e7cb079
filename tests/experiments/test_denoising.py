"""The table of SMPLR's denoising step, with an untrained model and a few records."""

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest
import record_folder
import tensorflow as tf
import tiny_models
from toy_body import toy_body

from hmr_tf import checkpoints, outputs
from hmr_tf.body import landmarks, posing
from hmr_tf.data import pipeline
from hmr_tf.errors import ConfigError
from hmr_tf.evaluation import people
from hmr_tf.experiments import SUITES, Options, denoising

COUNT = 5


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    samples = [record_folder.sample(n) for n in range(COUNT)]
    record_folder.write(folder, samples, "lsp", "test")
    return str(folder)


@pytest.fixture(scope="module")
def model():
    return tiny_models.build("smplr")


@pytest.fixture(scope="module")
def batches(records):
    data = people.data_config(denoising.SYNTHETIC, records, 180.0)
    return pipeline.evaluation_dataset(data, 32, 3)


@pytest.fixture(scope="module")
def step(model):
    """Traced once; that takes seconds."""
    return denoising.make_step(model)


@pytest.fixture(scope="module")
def errors(step, batches):
    return denoising.measure(step, batches)


def test_errors_are_those_of_the_points(errors, model, batches):
    body, row = toy_body(), 0
    vertices = list(landmarks.landmark_vertices(body))
    for batch in batches:
        found = model(batch["image"], with_vertices=True)
        for number in range(len(batch["image"])):
            pose, betas = batch["pose_axis_angle"][number], batch["betas"][number]
            mesh, joints = posing.pose_body(body, pose.numpy(), betas.numpy())
            true = np.concatenate([joints[1:], mesh[vertices]]) - joints[0]
            own = found[outputs.SMPL_JOINTS_3D][number].numpy()
            own = np.concatenate([own[1:], found[outputs.LANDMARKS_3D][number]]) - own[0]
            expected = {
                denoising.HOURGLASS: found[outputs.HEATMAP_JOINTS_3D][number, 1:],
                denoising.DENOISED: found[outputs.DENOISED_JOINTS_3D][number, 1:],
                denoising.ALL: own,
            }
            for name, points in expected.items():
                distances = 1000 * np.linalg.norm(points - true, axis=1)
                np.testing.assert_allclose(errors[name][row, :-1], distances, atol=0.05)
            of_mesh = 1000 * np.linalg.norm(found[outputs.VERTICES][number] - mesh, axis=1).mean()
            assert errors[denoising.ALL][row, -1] == pytest.approx(of_mesh, abs=0.05)
            row += 1
    assert row == COUNT
    assert np.isnan(errors[denoising.DENOISED][:, -1]).all()


def test_everybody_is_hidden_alike_for_a_seed(batches):
    hidden = denoising.hidden(batches, seed=1)
    first, again, clean = (
        np.concatenate([batch["image"] for batch in part]) for part in (hidden, hidden, batches)
    )
    np.testing.assert_array_equal(first, again)
    assert ((first != clean).mean((1, 2, 3)) > 0.0).all()


def test_means_and_curves_are_of_the_right_columns():
    located = np.zeros((2, 42))
    located[:, :23], located[:, 23:41], located[:, 41] = 1.0, 2.0, np.nan
    means = denoising.means({"one": located, "other": located + np.r_[np.zeros(41), np.nan]})
    assert means["one"] == {"joints_mm": 1.0, "landmarks_mm": 2.0, "mesh_mm": None}
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 100, (50, 42))
    errors = {denoising.HOURGLASS: before}
    errors.update({denoising.DENOISED: 0.5 * before, denoising.ALL: 7.0 + 0 * before})
    curves = denoising.by_error(errors)
    x, y = curves[denoising.DENOISED]
    assert len(x) == 20 and (np.diff(x) > 0).all() and x[0] < 5 and x[-1] > 95
    np.testing.assert_allclose(y, 0.5 * np.array(x))
    np.testing.assert_allclose(curves[denoising.ALL][1], 7.0)


def test_table_and_figure(model, step, records, tmp_path, monkeypatch):
    checkpoints.save_model(tmp_path / "model", model, "smplr")
    monkeypatch.setattr(denoising.checkpoints, "load_model", lambda _: model)
    monkeypatch.setattr(denoising, "make_step", lambda *_: step)
    options = Options(records, str(tmp_path / "out"), seed=3, checkpoint=str(tmp_path / "model"))
    text = SUITES.get("denoising")(options)
    lines = text.splitlines()
    assert lines[0].count("|") == lines[2].count("|") == 8
    assert [line.split("|")[1].strip() for line in lines[2:7]] == list(denoising.VARIANTS)
    assert f"{COUNT} people of lsp, split test" in text and "seed 3" in text
    assert (tmp_path / "out" / "denoising.md").read_text() == text
    written = json.loads((tmp_path / "out" / "denoising.json").read_text())
    clean, occluded = written["clean"], written["occluded"]
    assert clean["mean pose"] == occluded["mean pose"] and clean["hourglass"]["mesh_mm"] is None
    assert clean["hourglass"] != occluded["hourglass"]
    assert cv2.imread(str(tmp_path / "out" / "denoising.png")) is not None


def test_people_are_those_held_out_in_training():
    body = {"kind": "toy", "sha256": "", "file": ""}
    settings = {
        "data": {"datasets": [["cloth3d", 1.0]]},
        "validation": {"validation_datasets": [], "validation_split": "val"},
    }
    description = checkpoints.Description("smplr", {}, body, settings=settings)
    protocol = denoising.held_out(description)
    assert (protocol.datasets, protocol.split) == (("cloth3d",), "val")
    settings = {**settings, "validation": {"validation_datasets": ["lsp"]}}
    protocol = denoising.held_out(dataclasses.replace(description, settings=settings))
    assert (protocol.datasets, protocol.split) == (("lsp",), "test")


def test_refuses_what_it_cannot_measure(records, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="needs --checkpoint"):
        denoising.run(Options(records, str(tmp_path)))
    monkeypatch.setattr(denoising.checkpoints, "load_model", lambda _: tf.keras.Model())
    with pytest.raises(ConfigError, match="has no autoencoder"):
        denoising.run(Options(records, str(tmp_path), checkpoint="hmr"))
