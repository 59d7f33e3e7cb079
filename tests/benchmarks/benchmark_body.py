"""Times the body layers, alternately with smplx's ``lbs`` on CPU torch if there is one.

    python tests/benchmarks/benchmark_body.py
    python tests/benchmarks/benchmark_body.py --peer_python /path/to/python/with/torch/and/smplx

Three cases per batch size: all vertices; 19 keypoints; 19 keypoints and the gradients of their
squared sum for pose and betas. Ours runs as a plain TensorFlow graph and compiled by XLA. The peer
takes its vertices and the same keypoint regressor. Both get the same body and the same inputs, on
the same number of threads; results are compared before anything is timed. On a machine busy with
other work, ``--threads 1 --clock cpu`` still compares fairly: one thread's CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf

from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import Body, load_body
from hmr_tf.body.smpl import SMPL
from hmr_tf.geometry.rotations import axis_angle_to_matrix

_CASES = ("vertices", "keypoints", "keypoints+gradients")
_PEER = "smplx lbs (torch)"
Run = Callable[[int], list[tf.Tensor]]


def make_inputs(largest_batch: int, pose_form: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns random poses, `[batch, 72]` or `[batch, 24, 3, 3]`, and betas `[batch, 10]`."""
    rng = np.random.default_rng(0)
    pose = rng.normal(scale=0.3, size=(largest_batch, 72)).astype(np.float32)
    betas = rng.normal(size=(largest_batch, 10)).astype(np.float32)
    if pose_form == "rotations":
        pose = axis_angle_to_matrix(pose.reshape(-1, 24, 3)).numpy()
    return pose, betas


def make_cases(
    body: Body, pose: np.ndarray, betas: np.ndarray, jit_compile: bool
) -> dict[str, Run]:
    """Returns case name -> function of the batch size that runs it once."""
    mesh, mesh_free = SMPL(body), MeshFreeKeypoints(body)

    def rotations_of(pose: tf.Tensor) -> tf.Tensor:
        return pose if pose.shape.rank == 4 else axis_angle_to_matrix(tf.reshape(pose, [-1, 24, 3]))

    def vertices(pose: tf.Tensor, betas: tf.Tensor) -> list[tf.Tensor]:
        return [mesh(rotations_of(pose), betas)["vertices"]]

    def keypoints(pose: tf.Tensor, betas: tf.Tensor) -> list[tf.Tensor]:
        return [mesh_free(rotations_of(pose), betas)[0]]

    def gradients(pose: tf.Tensor, betas: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([pose, betas])
            loss = tf.reduce_sum(tf.square(keypoints(pose, betas)[0]))
        return tape.gradient(loss, [pose, betas])

    inputs: dict[int, tuple[tf.Tensor, tf.Tensor]] = {}

    def runner(function: Callable) -> Run:
        compiled = tf.function(function, jit_compile=jit_compile)

        def run(batch: int) -> list[tf.Tensor]:
            if batch not in inputs:
                inputs[batch] = (tf.constant(pose[:batch]), tf.constant(betas[:batch]))
            return compiled(*inputs[batch])

        return run

    return dict(zip(_CASES, map(runner, (vertices, keypoints, gradients))))


class Peer:
    """smplx in a process of its own."""

    def __init__(
        self, python: str, threads: int, body: Body, pose: np.ndarray, betas: np.ndarray
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        inputs, outputs = (Path(self._folder.name) / name for name in ("in.npz", "out.npz"))
        np.savez(
            inputs,
            template=body.template,
            shape_basis=body.shape_basis,
            pose_basis=body.pose_basis,
            joint_regressor=body.joint_regressor,
            skin_weights=body.skin_weights,
            parents=body.parents.astype(np.int64),
            regressor=body.regressor("cocoplus"),
            pose=pose,
            betas=betas,
        )
        worker = Path(__file__).with_name("smplx_worker.py")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [python, str(worker), str(inputs), str(outputs), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit(f"error: {python} cannot run smplx's lbs; see its message above.")
        with np.load(outputs) as file:
            self.results = {key: file[key] for key in file.files}

    def seconds(self, case: str, batch: int, calls: int, clock: str) -> list[float]:
        """Returns how long each of some calls took."""
        self._process.stdin.write(f"{case} {batch} {calls} {clock}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def own_seconds(run: Run, batch: int, calls: int, clock: str) -> list[float]:
    """Returns how long each of some calls took."""
    now = time.process_time if clock == "cpu" else time.perf_counter
    seconds = []
    for _ in range(calls):
        start = now()
        run(batch)[0].numpy()
        seconds.append(now() - start)
    return seconds


def print_differences(ours: dict[str, dict[str, Run]], peer: Peer) -> None:
    """Prints the greatest difference of every result, relative to the greatest value."""
    for name, cases in ours.items():
        for case, run in cases.items():
            differences = []
            for index, tensor in enumerate(run(4)):
                expected = peer.results[f"{case} {index}"]
                difference = np.abs(tensor.numpy() - expected).max()
                differences.append(f"{difference / np.abs(expected).max():.1e}")
            print(f"difference, relative: {name}, {case}: {', '.join(differences)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--body", default="free_body", help="body model: a name or a file")
    parser.add_argument("--batch_sizes", default="32,128", help="comma-separated")
    parser.add_argument("--pose", choices=("rotations", "axis_angle"), default="rotations")
    parser.add_argument("--rounds", type=int, default=8, help="alternations")
    parser.add_argument("--calls", type=int, default=4, help="calls per alternation")
    parser.add_argument("--peer_python", help="interpreter that has torch and smplx")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each library")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="what is measured")
    options = parser.parse_args()

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    batches = [int(batch) for batch in options.batch_sizes.split(",")]
    body = load_body(options.body)
    pose, betas = make_inputs(max(*batches, 4), options.pose)
    ours = {
        "plain graph": make_cases(body, pose, betas, jit_compile=False),
        "XLA": make_cases(body, pose, betas, jit_compile=True),
    }
    peer = None
    if options.peer_python:
        peer = Peer(options.peer_python, options.threads, body, pose, betas)
        print_differences(ours, peer)
    print("Medians, then the best call; on a busy machine the bests are nearer to the truth.")
    print(
        f"{'case':<20} {'batch':>5}  {'who':<18} {'ms':>8} {'bodies/s':>9} {'best':>9}"
        f"  {'ratio':>7} {'of bests':>7}"
    )
    for case in _CASES:
        for batch in batches:
            time_case(case, batch, ours, peer, options)
    if peer:
        peer.close()


def time_case(
    case: str,
    batch: int,
    ours: dict[str, dict[str, Run]],
    peer: Peer | None,
    options: argparse.Namespace,
) -> None:
    """Times one case alternately and prints a line for each runner."""
    runners = {
        name: lambda count, run=cases[case]: own_seconds(run, batch, count, options.clock)
        for name, cases in ours.items()
    }
    if peer:
        runners[_PEER] = lambda count: peer.seconds(case, batch, count, options.clock)
    rows: dict[str, list[list[float]]] = {name: [] for name in runners}
    for runner in runners.values():
        runner(2)  # Traces, compiles and warms up.
    for _ in range(options.rounds):
        for name, runner in runners.items():
            runner(1)  # Threads and caches come back from the other process.
            rows[name].append(runner(options.calls))
    medians = {name: [statistics.median(row) for row in table] for name, table in rows.items()}
    best = {name: min(map(min, table)) for name, table in rows.items()}
    for name, seconds in medians.items():
        middle = statistics.median(seconds)
        line = f"{case:<20} {batch:>5}  {name:<18} {1e3 * middle:>8.2f} {batch / middle:>9.0f}"
        line += f" {batch / best[name]:>9.0f}"
        if peer and name != _PEER:
            ratios = [theirs / mine for theirs, mine in zip(medians[_PEER], seconds)]
            line += f"  {statistics.median(ratios):>6.1f}x {best[_PEER] / best[name]:>6.1f}x"
        print(line, flush=True)


if __name__ == "__main__":
    main()
