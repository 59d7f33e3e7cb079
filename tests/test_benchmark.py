"""The command's flags; the suites have tests of their own."""

import pytest
from tiny_checkpoint import run_command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data_dir=x", "--out_dir=y"], "suite"),
        (["--suite=everything", "--data_dir=x", "--out_dir=y"], "should be one of <"),
        (["--suite=prior", "--data_dir=x", "--out_dir=y", "--num_steps=0"], "num_steps"),
        (["--suite=ik"], "out_dir"),
        (["--suite=ik", f"--out_dir={__file__}"], "cannot be a folder"),
        (["--suite=denoising", "--out_dir=y", "--data_dir=x"], "needs --checkpoint and --data_dir"),
    ],
)
def test_wrong_flags_are_refused(arguments, message):
    found = run_command("benchmark", *arguments)
    assert found.returncode != 0 and message in found.stderr + found.stdout


def test_missing_records_are_one_line(tmp_path):
    found = run_command(
        "benchmark", "--suite=prior", f"--data_dir={tmp_path}", f"--out_dir={tmp_path / 'out'}"
    )
    assert found.returncode == 1
    (line,) = found.stderr.strip().splitlines()
    assert line.startswith("error: ") and "hmr_tf.convert" in line
