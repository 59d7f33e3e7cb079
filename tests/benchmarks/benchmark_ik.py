"""Times the adaptive inverse kinematics, alternately with HybrIK's own on CPU torch.

    python tests/benchmarks/benchmark_ik.py
    python tests/benchmarks/benchmark_ik.py --peer_python PYTHON_WITH_TORCH --hybrik_dir HYBRIK

HYBRIK is a copy of github.com/jeffffffli/HybrIK. First both solvers are compared with its two
routines, rotation by rotation, on 1,500 skeletons: a third are posed bodies whose joints are moved
by 3 mm per axis, a third have bones of random directions and lengths, 3 to 60 cm, and a third have
joints at random, where two may almost coincide and rounding alone turns a bone. The released code
adds 1e-8 to every length, which bends its rotations a little; it is compared as it is and without,
and with itself in float64, which tells what float32 can give. Then the adaptive solvers are timed
on the posed bodies, on the same number of threads, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[1]))
import hybrik_formulas
import numpy as np
import tensorflow as tf

from hmr_tf.body.inverse_kinematics import solve
from tfrecords_tools.skeletons import HYBRIK_CHILDREN, HYBRIK_PARENTS

_KINDS = ("posed bodies", "random bones", "random joints")
_NUM_SKELETONS = 500  # of each kind, which take turns
_PEER = "HybrIK, torch"
_ROOTS = {"adaptive": "svd", "naive": "closed_form"}


def make_inputs() -> dict[str, np.ndarray]:
    """Returns joints, rest joints and twists of all kinds: float64, what float32 can hold."""
    rng = np.random.default_rng(0)
    num_kinds = len(_KINDS)
    rest, rotations, twists = hybrik_formulas.random_people(num_kinds * _NUM_SKELETONS)
    joints = hybrik_formulas.forward(rotations, rest) + rng.normal(scale=0.003, size=rest.shape)
    bones = rng.normal(size=joints[1::num_kinds].shape)
    bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
    bones *= rng.uniform(0.03, 0.6, size=bones[..., :1].shape)
    for joint, parent in enumerate(HYBRIK_PARENTS):
        if parent >= 0:
            bones[:, joint] += bones[:, parent]
    joints[1::num_kinds] = bones
    joints[2::num_kinds] = rng.normal(scale=0.3, size=bones.shape)
    given = {"joints": joints, "rest": rest, "twists": twists}
    return {name: array.astype(np.float32).astype(np.float64) for name, array in given.items()}


class Peer:
    """HybrIK's own code in a process of its own."""

    def __init__(self, python: str, folder: str, threads: int, given: dict[str, np.ndarray]):
        self._folder = tempfile.TemporaryDirectory()
        inputs, outputs = (Path(self._folder.name) / name for name in ("in.npz", "out.npz"))
        tree = {"parents": HYBRIK_PARENTS, "children": (*HYBRIK_CHILDREN, *5 * [-1])}
        np.savez(inputs, **given, **tree)
        worker = Path(__file__).with_name("hybrik_worker.py")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [python, str(worker), folder, str(inputs), str(outputs), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit(f"error: {python} cannot run HybrIK's code; see its message above.")
        with np.load(outputs) as file:
            self.results = {key: file[key] for key in file.files}

    def seconds(self, batch: int, calls: int) -> list[float]:
        """Returns how long each of some calls took."""
        self._process.stdin.write(f"{batch} {calls}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def print_differences(given: dict[str, np.ndarray], peer: Peer) -> None:
    """Prints how far ours are from the peer's rotations, and the printed formulas from these."""
    for label, expected in peer.results.items():
        method, dtype = label.split()[:2]
        arrays, root = [array.astype(dtype) for array in given.values()], _ROOTS[method]
        found = solve(*arrays, method=method, root=root).numpy()
        print_gaps(f"ours, {label}", np.abs(found - expected))
        if label == f"{method} float64":
            literal = hybrik_formulas.solve(*arrays, method, root=root, epsilon=1e-8)[0]
            print_gaps(f"the formulas with epsilon, {label}", np.abs(literal - expected))
        if label == f"{method} float32 without epsilon":
            exact = peer.results[f"{method} float64 without epsilon"]
            print_gaps(f"ours in float32, {method} float64 without epsilon", np.abs(found - exact))
            print_gaps(f"its own {label}, its float64", np.abs(expected - exact))


def print_gaps(label: str, gaps: np.ndarray) -> None:
    """Prints the greatest differences of a skeleton's rotations: of most, and of any."""
    gaps = gaps.max(axis=(1, 2, 3))
    for number, kind in enumerate(_KINDS):
        worst = gaps[number :: len(_KINDS)]
        print(
            f"{label}, {kind}: median {np.median(worst):.1e}, 99 % {np.quantile(worst, 0.99):.1e}, "
            f"worst {worst.max():.1e}, {np.sum(worst > 1e-4)} above 1e-4"
        )


def make_runner(given: dict[str, np.ndarray], jit_compile: bool) -> Callable:
    """Returns a function of batch size and calls that gives each call's seconds."""
    compiled = tf.function(solve, jit_compile=jit_compile)
    arrays = [array[:: len(_KINDS)].astype(np.float32) for array in given.values()]

    def seconds(batch: int, calls: int) -> list[float]:
        part = [tf.constant(array[:batch]) for array in arrays]
        found = []
        for _ in range(calls):
            start = time.perf_counter()
            compiled(*part).numpy()
            found.append(time.perf_counter() - start)
        return found

    return seconds


def time_batch(batch: int, runners: dict[str, Callable], rounds: int, calls: int) -> None:
    """Times all runners alternately and prints a line for each."""
    rows: dict[str, list[float]] = {name: [] for name in runners}
    for runner in runners.values():
        runner(batch, 2)  # Traces, compiles and warms up.
    for _ in range(rounds):
        for name, runner in runners.items():
            runner(batch, 1)  # Threads and caches come back from the other process.
            rows[name].append(statistics.median(runner(batch, calls)))
    for name, seconds in rows.items():
        middle = statistics.median(seconds)
        line = f"{batch:>5}  {name:<14} {1e3 * middle:>8.2f} {batch / middle:>9.0f}"
        if _PEER in rows and name != _PEER:
            ratios = [theirs / mine for theirs, mine in zip(rows[_PEER], seconds)]
            line += f"  {statistics.median(ratios):>6.1f}x"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_sizes", default="128,1", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=12, help="alternations")
    parser.add_argument("--calls", type=int, default=10, help="calls per alternation")
    parser.add_argument("--peer_python", help="interpreter that has torch")
    parser.add_argument("--hybrik_dir", help="copy of HybrIK's repository")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each library")
    options = parser.parse_args()
    if bool(options.peer_python) != bool(options.hybrik_dir):
        parser.error("--peer_python and --hybrik_dir belong together")

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    given = make_inputs()
    runners = {"plain graph": make_runner(given, False), "XLA": make_runner(given, True)}
    peer = None
    if options.peer_python:
        peer = Peer(options.peer_python, options.hybrik_dir, options.threads, given)
        print_differences(given, peer)
        runners[_PEER] = peer.seconds
    print(f"{'batch':>5}  {'who':<14} {'ms':>8} {'bodies/s':>9}  {'ratio':>7}")
    for batch in map(int, options.batch_sizes.split(",")):
        time_batch(batch, runners, options.rounds, options.calls)
    if peer:
        peer.close()


if __name__ == "__main__":
    main()
