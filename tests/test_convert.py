"""The command, as a user runs it."""

from __future__ import annotations

import os
import pathlib
import pickle
import resource
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import scipy.io

from tfrecords_tools import reader
from tfrecords_tools.registry import CONVERTERS

_ROOT = pathlib.Path(__file__).parents[1]


def _start(*arguments, **keywords):
    return subprocess.Popen(
        [sys.executable, "-m", "hmr_tf.convert", *map(str, arguments)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def _run(*arguments):
    process = _start(*arguments)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def _write_lsp(folder, num_images, axes="lsp"):
    """Writes an LSP tree whose images are one file under many names."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 60, (3, 14, num_images))
    joints[2] = 0
    if axes == "lsp_ext":
        joints = joints.transpose(1, 0, 2)
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    first = folder / "images" / "im0001.jpg"
    cv2.imwrite(str(first), rng.integers(0, 255, (64, 64, 3), np.uint8))
    for number in range(2, num_images + 1):
        os.link(first, folder / "images" / f"im{number:04d}.jpg")
    return folder


def _contents(out_dir):
    files = sorted(path for path in out_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(out_dir)): path.read_bytes() for path in files}


def test_help_shows_an_example():
    _, output, _ = _run("--help")
    assert "python -m hmr_tf.convert --dataset=lsp" in output
    assert f"<{'|'.join(sorted(CONVERTERS))}>" in "".join(output.split())


def test_convert_twice(tmp_path):
    source = _write_lsp(tmp_path / "source", 40)
    (source / "images" / "im0007.jpg").unlink()
    arguments = ("--dataset=lsp", f"--data_dir={source}", f"--out_dir={tmp_path / 'out'}")
    code, output, errors = _run(*arguments, "--num_workers=2", "--examples_per_shard=15")
    assert code == 0, errors
    assert "lsp train: 39 records (0 with 3D joints, 0 with SMPL) in 3 files" in output
    assert "left out: 1 missing image; listed in" in output
    assert "damaged: images/im0007.jpg (missing image)" in output
    assert reader.describe_records(str(tmp_path / "out"), "lsp").num_records == 39
    before = _contents(tmp_path / "out")
    code, output, errors = _run(*arguments, "--examples_per_shard=15")
    assert code == 0, errors
    assert "already converted" in output
    code, output, errors = _run(*arguments)
    assert code == 1
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert "examples_per_shard 15, now 500" in errors
    assert _contents(tmp_path / "out") == before


def test_killed_and_run_again_gives_the_same_bytes(tmp_path):
    source = _write_lsp(tmp_path / "source", 400)
    arguments = (f"--data_dir={source}", "--dataset=lsp", "--examples_per_shard=10")
    code, _, errors = _run(*arguments, f"--out_dir={tmp_path / 'whole'}", "--num_workers=1")
    assert code == 0, errors
    out_dir = tmp_path / "out"
    process = _start(*arguments, f"--out_dir={out_dir}", start_new_session=True)
    journal = out_dir / "lsp" / ".partial_train" / "journal.json"
    while not journal.exists() and process.poll() is None:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list((out_dir / "lsp").glob("*.tfrecord"))
    code, _, errors = _run(*arguments, f"--out_dir={out_dir}")
    assert code == 0, errors
    assert "finished records" in errors  # It did go on, not start over.
    assert _contents(out_dir) == _contents(tmp_path / "whole")


def _write_broken(kind, folder):
    """Writes a source tree that cannot be converted; returns the dataset to convert it as."""
    if kind == "empty folder":
        folder.mkdir()
        return "lsp"
    if kind == "hostile pickle":
        (folder / "neutrSMPL_CMU" / "01").mkdir(parents=True)
        call = b"cos\nsystem\n(S'touch attacked'\ntR."
        (folder / "neutrSMPL_CMU" / "01" / "01_01.pkl").write_bytes(call)
        return "mosh"
    if kind == "damaged pickle":
        (folder / "neutrSMPL_CMU" / "01").mkdir(parents=True)
        data = pickle.dumps({"poses": np.zeros((9, 72)), "betas": np.zeros(10)}, protocol=2)
        (folder / "neutrSMPL_CMU" / "01" / "01_01.pkl").write_bytes(data[:2000])
        return "mosh"
    _write_lsp(folder, 3, axes="lsp_ext" if kind == "extended as lsp" else "lsp")
    if kind == "truncated mat":
        (folder / "joints.mat").write_bytes((folder / "joints.mat").read_bytes()[:500])
    if kind == "no image left":
        for path in (folder / "images").iterdir():
            path.write_bytes(b"no image")
    return "lsp_ext" if kind == "lsp as extended" else "lsp"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty folder", "joints.mat is not there"),
        ("extended as lsp", "--dataset lsp_ext"),
        ("lsp as extended", "--dataset lsp."),
        ("truncated mat", "is not a MATLAB 5 file or is damaged"),
        ("no image left", "3 of 3 samples are damaged (3 corrupt image; e.g. images/im0001.jpg"),
        ("hostile pickle", "system"),
        ("damaged pickle", "damaged"),
    ],
)
def test_bad_sources_end_with_one_line_and_leave_nothing(tmp_path, kind, message):
    dataset = _write_broken(kind, tmp_path / "source")
    code, output, errors = _run(
        f"--dataset={dataset}", f"--data_dir={tmp_path / 'source'}", f"--out_dir={tmp_path / 'out'}"
    )
    assert code == 1
    assert output == ""
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1, errors
    assert message in errors
    assert not (_ROOT / "attacked").exists()
    assert _contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset=lps", "--data_dir=.", "--out_dir=x"], "lsp_ext"),
        (["--dataset=lsp", "--out_dir=x"], "--data_dir"),
        (["--dataset=lsp", "--data_dir=.", "--out_dir=x", "--num_workers=0"], "num_workers"),
        (["--dataset=lsp", "--data_dir=.", "--out_dir=x", "stray"], "stray"),
        (["--dataset=lsp", "--data_dir=.", "--out_dir=x", "--split=dev"], "train or test"),
        (["--dataset=mosh", "--data_dir=.", "--out_dir=x", "--option=seed"], "name=value"),
    ],
)
def test_wrong_flags_are_refused(arguments, message):
    code, output, errors = _run(*arguments)
    assert code == 1
    assert message in output + errors
    assert "Traceback" not in errors


def test_three_percent_corrupt_images_convert_and_are_named(tmp_path):
    source = _write_lsp(tmp_path / "source", 200)
    broken = {f"images/im{number:04d}.jpg": number for number in (3, 50, 51, 120, 199, 200)}
    for index, name in enumerate(sorted(broken)):
        content = (source / name).read_bytes()
        (source / name).unlink()  # All images are one file.
        damages = (content[:100], b"", b"\xff" * 500, content[:-2], b"<html>Not found</html>", None)
        if damages[index] is not None:
            (source / name).write_bytes(damages[index])
    code, output, errors = _run(
        "--dataset=lsp", f"--data_dir={source}", f"--out_dir={tmp_path / 'out'}"
    )
    assert code == 0, errors
    assert "lsp train: 194 records" in output
    assert "left out: 5 corrupt image, 1 missing image; listed in" in output
    lines = (tmp_path / "out" / "lsp" / "drops_train.tsv").read_text().splitlines()[1:]
    assert {line.split("\t")[0] for line in lines} == set(broken)
    assert {line.split("\t")[2] for line in lines} == {"damaged"}
    assert "images/im0200.jpg\tmissing image\tdamaged" in lines


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path, num_workers):
    source = _write_lsp(tmp_path / "source", 60)
    arguments = ("--dataset=lsp", f"--data_dir={source}", "--examples_per_shard=50")
    out_dir = tmp_path / "out"
    # Shards of 50 records of 6 kB are longer than the longest file allowed.
    process = _start(
        *arguments,
        f"--out_dir={out_dir}",
        f"--num_workers={num_workers}",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output == ""
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1, errors
    assert "cannot be written: File too large" in errors
    assert "run the same command again" in errors
    assert not list(out_dir.rglob("*.tfrecord"))
    for folder in (out_dir, tmp_path / "whole"):
        assert _run(*arguments, f"--out_dir={folder}")[0] == 0
    assert _contents(out_dir) == _contents(tmp_path / "whole")


def test_beam_options_need_a_runner(tmp_path):
    code, _, errors = _run(
        "--dataset=lsp", f"--data_dir={tmp_path}", "--out_dir=x", "--beam_option=streaming=true"
    )
    assert code == 1
    assert "give --runner, too" in errors
