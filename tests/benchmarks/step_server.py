"""What every worker of `benchmark_training.py` does once its training step is built.

Standard library only: the workers run in environments of different frameworks.
"""

import json
import resource
import sys
import time


def serve(step):
    """Takes the first steps, says "ready", then times steps as the parent process asks for them.

    Each line on standard input is a number of steps; the answer is one line of JSON: `seconds` of
    each step, `loss` of the last and `peak_mb`, the most memory this process ever held.

    Args:
        step: takes one training step and returns its loss as a float, so that nothing of it is
            still under way when it returns.
    """
    for _ in range(2):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = step()
            seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_mb = peak / (2**20 if sys.platform == "darwin" else 2**10)
        print(json.dumps({"seconds": seconds, "loss": loss, "peak_mb": peak_mb}), flush=True)
