"""`export` as a user runs it."""

import numpy as np
import tensorflow as tf
import tiny_checkpoint
from tiny_checkpoint import run_command

from hmr_tf import checkpoints


def test_exports_once(tmp_path):
    checkpoint, out_dir = tmp_path / "log", tmp_path / "models" / "hmr" / "1"
    tiny_checkpoint.save(checkpoint)
    first = run_command("export", f"--checkpoint={checkpoint}", f"--out_dir={out_dir}")
    assert first.returncode == 0, first.stderr
    assert str(out_dir) in first.stdout
    crops = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    served = tf.saved_model.load(str(out_dir)).signatures["predict_crops"](tf.constant(crops))
    ours = checkpoints.load_model(checkpoint)(crops, with_vertices=True)
    for key, value in ours.items():
        np.testing.assert_allclose(served[key], value, rtol=1e-5, atol=1e-5, err_msg=key)

    again = run_command("export", f"--checkpoint={checkpoint}", f"--out_dir={out_dir}")
    assert again.returncode == 0 and "already holds" in again.stdout


def test_no_checkpoint_is_one_line(tmp_path):
    result = run_command("export", f"--checkpoint={tmp_path / 'no'}", f"--out_dir={tmp_path / 'o'}")
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: There is no checkpoint folder")
    assert not (tmp_path / "o").exists()
    (tmp_path / "file").touch()
    result = run_command("export", "--checkpoint=none", f"--out_dir={tmp_path / 'file'}")
    assert result.returncode == 1 and "cannot be a folder" in result.stderr
    assert result.stderr.count("\n") == 1
