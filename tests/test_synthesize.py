"""The command from the outside."""

from __future__ import annotations

import subprocess
import sys

import numpy as np


def synthesize(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "hmr_tf.synthesize", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_names_the_datasets():
    result = synthesize("--help")
    assert "--dataset" in result.stdout and "lsp" in result.stdout


def test_writes_a_dataset_and_completes_it(tmp_path):
    arguments = (
        *("--dataset=lsp", f"--out_dir={tmp_path}", "--num_images=8", "--image_size=64"),
        "--seed=5",
    )
    result = synthesize(*arguments, "--num_workers=2")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"8 images (6 train, 2 test) in {tmp_path}\n"
    with np.load(tmp_path / "smpl_truth.npz") as truth:
        assert (truth["split"] == "test").sum() == 2
    again = synthesize(*arguments, "--num_workers=1")
    assert again.returncode == 0 and again.stdout == result.stdout


def test_bad_use_is_one_line(tmp_path):
    (tmp_path / "joints.mat").write_text("not ours")
    result = synthesize("--dataset=lsp", f"--out_dir={tmp_path}")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    result = synthesize("--dataset=nothing", f"--out_dir={tmp_path}")
    assert result.returncode != 0 and "should be one of <aic|" in result.stderr
    missing = f"--background_dir={tmp_path / 'nowhere'}"
    result = synthesize("--dataset=lsp", f"--out_dir={tmp_path / 'x'}", missing)
    assert result.returncode == 1
    assert result.stderr.startswith("error: No photographs") and result.stderr.count("\n") == 1
