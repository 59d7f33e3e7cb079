"""Worker processes that start quickly, keep out of the parent's way and never outlive it.

They are forks of a process that runs no threads and has imported what they need. Forking this
process is no choice: it may run TensorFlow's threads, or a caller's, and then a fork can deadlock.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.context import BaseContext


def worker_context() -> BaseContext:
    """Returns the way in which workers are started."""
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if has_server else "spawn")


def prepare_workers(modules: Sequence[str]) -> None:
    """Begins to import what workers need, in the process that they will be forked from.

    Returns at once. A process that is already there stays as it is.

    Args:
        modules: names of modules.
    """
    if worker_context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.set_forkserver_preload(list(modules))
        forkserver.ensure_running()


def begin_worker() -> None:
    """Prepares this worker process; to be called first in it, once."""
    import cv2

    cv2.setNumThreads(0)  # The processes are the parallelism.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C is the parent's business.
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    # A worker would wait for ever for the tasks of a parent that was killed.
    threading.Thread(target=end_with_parent, daemon=True).start()
