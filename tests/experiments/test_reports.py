"""What experiments write."""

import json

import cv2
import numpy as np

from hmr_tf.experiments import reports


def test_files(tmp_path):
    figure = np.zeros((4, 6, 3), np.uint8)
    figure[..., 0] = 200
    reports.write(tmp_path, "name", {"a": 1.5}, "text\n", figure)
    assert json.loads((tmp_path / "name.json").read_text()) == {"a": 1.5}
    assert (tmp_path / "name.md").read_text() == "text\n"
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "name.png"))[..., ::-1], figure)


def test_claims():
    claims = [reports.claim("a is lower, by", np.float32(0.125), 0.1, np.True_)]
    claims.append(reports.claim("b", -0.5, 0.0, False))
    assert json.loads(json.dumps(claims)) == claims
    assert reports.claims_table(claims)[2:] == [
        "| a is lower, by | 12.5% | 10% | holds |",
        "| b | -50.0% | 0% | does not hold |",
    ]


def test_runs():
    run = {"num_people": 5, "step": 36, "seed": 0, "command": "python -m x"}
    (line,) = reports.list_runs({"one": run}, {"one": "the first", "two": "the second"})
    assert line == "- the first: 5 people, step 36, seed 0: `python -m x`"


def test_narrow_pictures_are_filled_up_with_white():
    wide, narrow = np.zeros((2, 5, 3), np.uint8), np.full((3, 4, 3), 7, np.uint8)
    stacked = reports.stack([wide, narrow])
    assert stacked.shape == (5, 5, 3)
    assert (stacked[2:, :4] == 7).all() and (stacked[2:, 4:] == 255).all()
