"""Conversions that are killed at random moments, and run again: the records of one that was not."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import scipy.io

_NUM_KILLS = 20
_NUM_IMAGES = 240

# Forking is quick, but not for a process that runs TensorFlow's threads, as this one may.
_SCRIPT = """
import hashlib, json, os, pathlib, random, signal, sys, time
from tfrecords_tools.converters.lsp import LSPConverter
from tfrecords_tools.driver import convert_part

source, folder, num_kills = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])

def start(out_dir):
    child = os.fork()
    if child:
        return child
    try:
        convert_part(LSPConverter(source), "train", str(out_dir), examples_per_shard=12)
    except BaseException:
        os._exit(1)
    os._exit(0)

def contents(out_dir):
    paths = [path for path in (out_dir / "lsp").glob("*") if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

begin = time.perf_counter()
assert os.waitpid(start(folder / "whole"), 0)[1] == 0
seconds = time.perf_counter() - begin
whole = contents(folder / "whole")
rng, report = random.Random(0), []
for kill in range(num_kills):
    out_dir = folder / str(kill)
    child = start(out_dir)
    time.sleep(seconds * (kill + rng.random()) / num_kills)
    os.kill(child, signal.SIGKILL)
    was_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = contents(out_dir)
    staged = sorted((out_dir / "lsp" / ".partial_train").glob("*.tfrecord"))
    assert os.waitpid(start(out_dir), 0)[1] == 0
    report.append({
        "was_killed": was_killed,
        "num_staged": len(staged),
        "wrong": [name for name, digest in left.items()
                  if digest != whole.get(name) and not name.endswith(".tmp")],
        "is_same": contents(out_dir) == whole,
        "leftovers": sorted(path.name for path in (out_dir / "lsp").glob(".*")),
    })
print(json.dumps({"whole": sorted(whole), "report": report}))
"""


def _write_source(folder):
    """Writes an LSP tree with a few broken images."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 60, (3, 14, _NUM_IMAGES))
    joints[2] = 0
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    for number in range(1, _NUM_IMAGES + 1):
        path = folder / "images" / f"im{number:04d}.jpg"
        cv2.imwrite(str(path), rng.integers(0, 255, (64, 64, 3), np.uint8))
        if number % 33 == 0:
            path.write_bytes(path.read_bytes()[:200])
    return folder


def test_kills_at_random_moments_change_nothing(tmp_path):
    source = _write_source(tmp_path / "source")
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(source), str(tmp_path), str(_NUM_KILLS)],
        cwd=pathlib.Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["whole"]) == 20 + 2  # 233 records, the manifest and the list of drops.
    report = result["report"]
    assert [kill["wrong"] for kill in report] == [[]] * _NUM_KILLS
    assert all(kill["is_same"] for kill in report)
    assert [kill["leftovers"] for kill in report] == [[]] * _NUM_KILLS
    # Some moments did fall into the work, with something to go on from; how many, the load decides.
    assert sum(kill["was_killed"] for kill in report) >= 3
    assert any(kill["num_staged"] > 0 for kill in report)
