"""What needs no TensorFlow is answered without it: help and wrong flags, by every command."""

import pathlib
import re
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_COMMANDS = [
    f"{path.parent.name}.{path.stem}"
    for package in ("hmr_tf", "tfrecords_tools")
    for path in sorted((_ROOT / package).glob("*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
]
_SLOW = {"tensorflow", "tensorflow_addons", "scipy"}  # Half a second and more.


def _start(command, flag):
    """Returns what a command says, and the packages it imports to say it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", command, flag],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    imported = set(re.findall(r"^import time: .*\| +(\w+)", done.stderr, re.MULTILINE))
    assert "absl" in imported
    return done, imported


def test_all_commands_are_found():
    assert {"hmr_tf.train", "hmr_tf.convert", "tfrecords_tools.draw"} < set(_COMMANDS)


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_and_wrong_flags_need_no_slow_package(command):
    done, imported = _start(command, "--help")
    assert not imported & _SLOW
    assert f"python -m {command}" in done.stdout
    done, imported = _start(command, "--no_such_flag")
    assert not imported & _SLOW
    assert done.returncode != 0
    assert "Unknown command line flag 'no_such_flag'" in done.stdout + done.stderr
