"""Runs a command: expected failures become one line and a non-zero exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Callable

from absl import app

from hmr_tf.errors import HmrError
from tfrecords_tools.errors import DatasetError, RecordError


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Runs ``main`` under absl; the last line of every entry point.

    Args:
        main: function of the arguments that absl's flags left over.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's C++ chatter, not its errors.

    def guarded(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(
                f"Unexpected argument '{argv[1]}'; settings are given as --flag=value."
            )
        try:
            main(argv)
        except (HmrError, DatasetError, RecordError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted; run the same command again to continue", file=sys.stderr)
            sys.exit(130)

    app.run(guarded)
