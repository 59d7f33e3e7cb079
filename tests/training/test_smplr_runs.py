"""SMPLR's stages from records to checkpoint, by the one command."""

import numpy as np
import pytest
import tiny_runs
import tiny_training

from hmr_tf import checkpoints
from hmr_tf.training import journal

STAGES = "--stages=hourglass:2,autoencoder:1,reverse:1,end_to_end:1"
NOISE = "--noise_law=hourglass"
BATCHES = "--stage_batches=autoencoder:8,reverse:8"
FIRST = "--initial_weights={}/row/stages/0_hourglass"
STARTS = [
    ("row", [STAGES, BATCHES, NOISE]),
    ("row", [STAGES, BATCHES, NOISE]),
    ("alone", ["--stage=autoencoder", "--num_steps=1", "--batch_size=8", NOISE, FIRST]),
    ("wrong", ["--stages=hourglass:1", "--stage_rates=pose:1"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tiny_training.write_records(folder)
    starts = [(name, [flag.format(folder) for flag in more]) for name, more in STARTS]
    codes = tiny_runs.run(folder, tiny_training.smplr_settings(folder), starts)
    assert codes == [0, 0, 0, 1], tiny_runs.said(folder, STARTS)
    return folder


def _weights(folder, part):
    return checkpoints.load_model(folder).parts[part].get_weights()


def test_each_stage_leaves_the_other_parts_as_they_are(folder):
    stages = folder / "row" / "stages"
    rows = [stages / name for name in ("0_hourglass", "1_autoencoder", "2_reverse")]
    rows.append(folder / "row")
    trained = [{"hourglass"}, {"autoencoder"}, {"shape", "pose"}]
    trained.append({"hourglass", "autoencoder", "shape", "pose"})
    for before, after, parts in zip(rows, rows[1:], trained[1:]):
        for part in ("hourglass", "autoencoder", "shape", "pose"):
            pairs = zip(_weights(before, part), _weights(after, part))
            is_same = all(np.array_equal(one, other) for one, other in pairs)
            assert is_same == (part not in parts), (after.name, part)


def test_a_stage_is_run_alone(folder):
    in_row = _weights(folder / "row" / "stages" / "1_autoencoder", "autoencoder")
    for one, other in zip(in_row, _weights(folder / "alone", "autoencoder")):
        np.testing.assert_array_equal(one, other)


def test_stages_have_their_own_losses(folder):
    rows = journal.read_rows(folder / "row" / "stages" / "0_hourglass" / "curve.csv")
    assert {"volume", "coordinates", "crop_camera"} < set(rows[0]) and "pose" not in rows[0]
    rows = journal.read_rows(folder / "row" / "curve.csv")
    assert {"volume", "denoised", "pose", "body_landmarks"} < set(rows[0])


def test_what_has_ended_is_passed_over(folder):
    assert "had already finished" in (folder / "row.txt").read_text()
    assert "stage_rates names pose" in (folder / "wrong.txt").read_text()
