"""Expected failures are one line; others keep their traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
from tfrecords_tools import command
from tfrecords_tools.errors import DatasetError, OutputError

def main(argv):
    kind = {kind!r}
    if kind == "dataset":
        raise DatasetError("lsp: joints.mat is not there.")
    if kind == "disk":
        raise OutputError("a cannot be written: full.")
    if kind == "write":
        with open("/dev/full", "w") as file:
            file.write("x")
    if kind == "read":
        open("not_there")
    if kind == "extra":
        raise KeyError("an expected one")
    if kind == "bug":
        raise ZeroDivisionError("a bug")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "pipe":
        for _ in range(100_000):
            print("a line that nobody reads")

command.run(main, (KeyError,))
"""


def _run(kind, *arguments):
    script = _SCRIPT.format(kind=kind)
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )


def test_success_is_silent():
    done = _run("none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("dataset", "joints.mat is not there"),
        ("disk", "full"),
        ("write", "No space left on device. Make room"),
        ("extra", "an expected one"),
    ],
)
def test_expected_failures_are_one_line(kind, message):
    done = _run(kind)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("kind", "name"), [("bug", "ZeroDivisionError"), ("read", "FileNotFoundError")]
)
def test_unexpected_failures_keep_their_traceback(kind, name):
    done = _run(kind)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert name in done.stderr


def test_interruptions_and_stray_arguments():
    assert _run("interrupt").returncode == 130
    done = _run("none", "stray")
    assert done.returncode == 1
    assert "Unexpected argument 'stray'" in done.stdout + done.stderr


def test_a_reader_that_has_seen_enough_is_no_failure():
    script = _SCRIPT.format(kind="pipe")
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
