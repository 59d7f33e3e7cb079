import json
import subprocess
import sys

import pytest

from hmr_tf import demo
from hmr_tf.errors import HmrError


def _step(tmp_path, line, inputs=()):
    script = tmp_path / "stand_in.py"
    script.write_text(line)
    return demo.Step("stand in", ("stand_in",), "made", "nothing", inputs)


@pytest.fixture
def importable(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_step_is_done_once(importable):
    step = _step(importable, f"import os; os.makedirs({str(importable / 'made')!r}, exist_ok=True)")
    assert demo.run_step(step, importable)
    assert not demo.run_step(step, importable)


def test_a_step_is_done_again_when_its_product_or_inputs_changed(importable):
    line = f"import os; os.makedirs({str(importable / 'made')!r}, exist_ok=True)"
    assert demo.run_step(_step(importable, line), importable)
    assert demo.run_step(_step(importable, line, ("photo.jpg",)), importable)
    (importable / "made").rmdir()
    assert demo.run_step(_step(importable, line, ("photo.jpg",)), importable)


def test_a_failed_step_is_not_done(importable):
    step = _step(importable, "raise SystemExit(3)")
    for _ in range(2):
        with pytest.raises(HmrError, match="'stand in' ended with status 3"):
            demo.run_step(step, importable)


@pytest.mark.slow  # Every command in turn, each in its own process, and TensorFlow six times.
def test_the_whole_tour(tmp_path):
    command = [sys.executable, "-m", "hmr_tf.demo", f"--out_dir={tmp_path}", "--num_train=64"]
    command += ["--num_test=8", "--num_steps=50"]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Held-out people" in first.stdout and "already done" not in first.stdout
    report = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert report["num_people"] == 8
    made = ["lsp/joints.mat", "records/lsp/train_000.tfrecord", "hmr/checkpoint.json"]
    made += ["hmr/curve.png", "saved_model/hmr/1/saved_model.pb", "tour.png"]
    assert [name for name in made if not (tmp_path / name).is_file()] == []
    assert len(list((tmp_path / "predictions").glob("*.obj"))) >= 4
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0 and second.stdout.count("already done") == 9
