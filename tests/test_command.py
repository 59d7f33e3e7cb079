import os
import signal
import subprocess
import sys

import pytest

from hmr_tf import command
from hmr_tf.errors import ConfigError

SCRIPT = """
import sys
from hmr_tf import command
from hmr_tf.errors import ConfigError
from tfrecords_tools.errors import RecordError

def main(argv):
    if {kind!r} == "expected":
        raise ConfigError("batch_size must be even; received 3.")
    if {kind!r} == "record":
        raise RecordError("lsp/train_000.tfrecord, record 3: truncated.")
    if {kind!r} == "unexpected":
        raise ZeroDivisionError("a bug")

command.run(main)
"""


def _run(kind, *arguments):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(kind=kind), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_success_is_silent():
    done = _run("none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_expected_failures_are_one_line():
    for kind, text in (("expected", "batch_size must be even"), ("record", "record 3: truncated")):
        done = _run(kind)
        assert done.returncode == 1
        assert done.stderr.strip().count("\n") == 0 and text in done.stderr


def test_unexpected_failures_keep_their_traceback():
    done = _run("unexpected")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_stray_arguments_are_refused():
    done = _run("none", "records")
    assert done.returncode == 1 and "Unexpected argument 'records'" in done.stderr + done.stdout


def test_folders_that_cannot_be_written_are_told(tmp_path):
    command.check_out_dir(str(tmp_path / "new" / "deep"))
    command.check_out_dir("relative")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ConfigError, match=r"^--report=.*file' is a file"):
            command.check_out_dir(str(path), "report")


CHILD = """
import signal, sys, time
def stop(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import sys
from hmr_tf import command
sys.exit(10 + command.run_module(["a_module_of_this_test", "with", "arguments"]))
"""


def _parent(tmp_path, child):
    (tmp_path / "a_module_of_this_test.py").write_text(child)
    return subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_module_runs_with_its_arguments_and_gives_its_status(tmp_path):
    process = _parent(tmp_path, "import sys; print(sys.argv[1:]); sys.exit(3)")
    assert process.communicate(timeout=60)[0] == "['with', 'arguments']\n"
    assert process.returncode == 13


def test_a_stop_signal_reaches_the_module_and_is_waited_for(tmp_path):
    process = _parent(tmp_path, CHILD)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "saved\n"
    assert process.returncode == 128 + signal.SIGTERM
