"""Runs commands: expected failures become one line and a non-zero exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Callable

from hmr_tf.errors import ConfigError, HmrError
from tfrecords_tools import command


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Runs ``main`` under absl; the last line of every entry point.

    Args:
        main: function of the arguments that absl's flags left over.
    """
    command.run(main, (HmrError,))


def check_out_dir(path: str, flag: str = "out_dir") -> None:
    """Checks, before any work is done, that its results can be written.

    Args:
        path: the folder, which may not be there yet.
        flag: what the user calls it.

    Raises:
        ConfigError: if it is a file, or cannot be made or written.
    """
    parent = os.path.abspath(path)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        raise ConfigError(f"--{flag}={path} cannot be a folder: '{parent}' is a file.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError(f"--{flag}={path} cannot be written: no right to write in {parent}.")


def run_module(arguments: Sequence[str]) -> int:
    """Runs ``python -m`` in a process of its own and waits for its end.

    A stop signal (SIGINT from the keyboard, SIGTERM) reaches that process, too, which may save what
    it has; this one stops when it has ended.

    Args:
        arguments: the module and its arguments.

    Returns:
        The exit status.

    Raises:
        KeyboardInterrupt: after SIGINT.
        SystemExit: after SIGTERM.
    """
    process = subprocess.Popen([sys.executable, "-m", *arguments])
    received = []

    def stop(number: int, frame: Any) -> None:
        del frame
        received.append(number)
        process.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()  # It got the signal, too.
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if received:  # Even if the process had just ended well.
        sys.exit(128 + signal.SIGTERM)
    return status
