"""Processes that train together, on this machine's CPU."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny_training

from hmr_tf.training import journal

ROOT = pathlib.Path(__file__).parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
NUM_STEPS = 30

# One process trains from end to end; then two together, of which one is killed, and two again.
RUNS = """
import json, os, pathlib, signal, socket, sys, time
import tiny_training

folder, num_steps = pathlib.Path(sys.argv[1]), sys.argv[2]


def begin(log, **environment):
    settings = [*tiny_training.settings(folder / "records"), f"--num_steps={num_steps}"]
    arguments = [*settings, f"--log_dir={folder / log}"]
    index = len(list(folder.glob(f"{log}_*.txt")))
    return tiny_training.begin(arguments, folder / f"{log}_{index}.txt", **environment)


def begin_pair(log):
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("localhost", 0))
        cluster = {"worker": [f"localhost:{s.getsockname()[1]}" for s in (first, second)]}
    pids = []
    for index in (0, 1):
        values = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        pids.append(begin(log, TF_CONFIG=json.dumps(values), TMPDIR=str(folder / "temporary")))
        time.sleep(0.1)
    return pids


assert tiny_training.end(begin("one")) == 0
chief, other = begin_pair("two")
curve = folder / "two" / "curve.csv"
while not (curve.is_file() and curve.read_text().count("\\n") > 9):
    assert os.waitpid(chief, os.WNOHANG) == os.waitpid(other, os.WNOHANG) == (0, 0)
    time.sleep(0.002)
killed = time.time()
os.kill(other, signal.SIGKILL)
assert tiny_training.end(other) == -signal.SIGKILL
print("chief ended with", tiny_training.end(chief), "after", time.time() - killed, "s")
print("rows", curve.read_text().count("\\n"))
for path in (folder / "temporary").glob("hmr_tf_worker_*"):  # What the killed one left.
    path.rename(folder / path.name)
assert [tiny_training.end(pid) for pid in begin_pair("two")] == [0, 0]
"""


@pytest.mark.slow  # Five starts of a training, and ten seconds until TensorFlow misses the killed.
def test_two_processes_train_as_one_and_survive_a_kill(tmp_path):
    for name in ("records", "temporary"):
        (tmp_path / name).mkdir()
    tiny_training.write_records(tmp_path / "records")
    found = subprocess.run(
        [sys.executable, "-c", RUNS, str(tmp_path), str(NUM_STEPS)],
        env={**os.environ, "PYTHONPATH": PATHS, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert "chief ended with 1 after" in found.stdout
    lost = (tmp_path / "two_0.txt").read_text()
    assert "error: Worker 0 lost the others after step" in lost and "Traceback" not in lost
    one, two = (journal.read_rows(tmp_path / log / "curve.csv") for log in ("one", "two"))
    assert len(one) == len(two) == NUM_STEPS
    assert "resuming at step" in (tmp_path / "two" / "train_log.txt").read_text()
    for before, now in zip(one, two):
        for name in set(before) - {journal.RATE}:
            np.testing.assert_allclose(float(now[name]), float(before[name]), rtol=1e-4)
    said = [(tmp_path / f"two_{index}.txt").read_text() for index in (2, 3)]
    for line in (f"finished {NUM_STEPS} steps", "Next: python -m hmr_tf.evaluate"):
        assert [line in text for text in said] == [True, False]
    assert not list((tmp_path / "temporary").glob("hmr_tf_worker_*"))
