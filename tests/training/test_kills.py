"""A run that is killed again and again has the curve of one that was not."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import tiny_training

from hmr_tf.training import journal

ROOT = pathlib.Path(__file__).parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
NUM_KILLS, NUM_STEPS = 10, 100

RUNS = """
import json, os, pathlib, random, signal, sys, time
import tiny_training

folder, num_kills, num_steps = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
curve = folder / "killed" / "curve.csv"
random.seed(5)


def begin(log):
    settings = [
        *tiny_training.settings(folder / "records"), f"--num_steps={num_steps}",
        *("--num_iterations=1", "--nouse_adversary", "--mocap_datasets="),  # Quicker to trace.
        f"--log_dir={folder / log}",
    ]
    return tiny_training.begin(settings, folder / f"{log}.txt")


def num_rows():
    return curve.read_text().count("\\n") if curve.is_file() else 0


whole, rows = begin("whole"), []
for kill in range(num_kills):
    pid, started = begin("killed"), time.monotonic()
    # Every third moment lies anywhere from the start on, the others after some progress.
    rows_enough, seconds = num_rows() + random.randint(1, 5), random.uniform(0, 3)
    while num_rows() < rows_enough and (kill % 3 or time.monotonic() < started + seconds):
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "a run ended by itself"
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.03))
    os.kill(pid, signal.SIGKILL)
    assert tiny_training.end(pid) == -signal.SIGKILL, "a run ended before it was killed"
    rows.append(num_rows())
for pid in (begin("killed"), whole):
    assert tiny_training.end(pid) == 0
print(json.dumps(rows))
"""


@pytest.mark.slow  # Twelve starts of a training.
def test_ten_kills_change_nothing(tmp_path):
    (tmp_path / "records").mkdir()
    tiny_training.write_records(tmp_path / "records")
    found = subprocess.run(
        [sys.executable, "-c", RUNS, str(tmp_path), str(NUM_KILLS), str(NUM_STEPS)],
        env={**os.environ, "PYTHONPATH": PATHS, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    rows = json.loads(found.stdout.splitlines()[-1])
    assert len(set(rows)) > NUM_KILLS // 2  # Most runs got somewhere.
    killed, whole = (journal.read_rows(tmp_path / log / "curve.csv") for log in ("killed", "whole"))
    assert len(whole) == NUM_STEPS
    for row in [*killed, *whole]:
        del row[journal.RATE]
    assert killed == whole
