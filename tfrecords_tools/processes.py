"""Worker processes that keep out of the parent's way and never outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing import connection


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
