import subprocess
import sys

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
