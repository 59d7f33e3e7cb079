import os
import signal
import threading

import pytest

from hmr_tf.training import stop_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_the_second_acts(number):
    acted = []
    before = signal.signal(number, lambda *_: acted.append(number))
    try:
        with stop_signals.collected() as received:
            assert not received
            os.kill(os.getpid(), number)
            assert received == [number.name] and not acted
            os.kill(os.getpid(), number)
            assert acted == [number]
        os.kill(os.getpid(), number)
        assert acted == [number, number] and received == [number.name]
    finally:
        signal.signal(number, before)


def test_other_threads_receive_nothing():
    seen = []

    def run():
        with stop_signals.collected() as received:
            seen.append(received)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [[]]
