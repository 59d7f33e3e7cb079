"""Runs a command: expected failures become one line and a non-zero exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Callable

from absl import app

from tfrecords_tools import atomic_file
from tfrecords_tools.errors import DatasetError, RecordError


def run(main: Callable[[Sequence[str]], None], expected: tuple[type[Exception], ...] = ()) -> None:
    """Runs ``main`` under absl; the last line of every entry point.

    Args:
        main: function of the arguments that absl's flags left over.
        expected: failures that are told in one line, besides those of datasets and records.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's C++ chatter, not its errors.

    def guarded(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(
                f"Unexpected argument '{argv[1]}'; settings are given as --flag=value."
            )
        try:
            main(argv)
            sys.stdout.flush()
        except (DatasetError, RecordError, *expected) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except BrokenPipeError:  # The reader, e.g. `head`, has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            if error.errno not in atomic_file.NO_ROOM:
                raise
            name = f"{error.filename}: " if error.filename else ""
            print(
                f"error: {name}{error.strerror}. Make room, then run the same command again.",
                file=sys.stderr,
            )
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted; run the same command again to continue", file=sys.stderr)
            sys.exit(130)

    app.run(guarded)
