"""Runs a command: expected failures become one line and a non-zero exit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from hmr_tf.errors import HmrError
from tfrecords_tools import command


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Runs ``main`` under absl; the last line of every entry point.

    Args:
        main: function of the arguments that absl's flags left over.
    """
    command.run(main, (HmrError,))
