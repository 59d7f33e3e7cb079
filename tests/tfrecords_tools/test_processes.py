import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

_PARENT = """
import multiprocessing, os, sys, time
from tfrecords_tools.processes import begin_worker

def work():
    begin_worker()
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    worker = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    worker.start()
    worker.join()
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_worker_ends_with_a_killed_parent(tmp_path, method):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    root = str(pathlib.Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, str(script), method],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    worker = int(parent.stdout.readline())
    os.kill(worker, signal.SIGINT)  # Control-C reaches workers too; they leave it to the parent.
    os.kill(worker, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not _is_running(worker):
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    raise AssertionError("the worker outlived its parent")


def _is_running(process_id):
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
