"""Signals that ask a run to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def collected() -> Iterator[list[str]]:
    """Collects the names of stop signals; the second one acts as it would have without us."""
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # Python delivers signals to the main thread only.
        return
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}

    def handle(number: int, frame: Any) -> None:
        del frame
        received.append(signal.Signals(number).name)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in _STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
