"""Images a second of whole training steps, ours and others', and of the input pipeline alone.

    python tests/benchmarks/benchmark_training.py
    python tests/benchmarks/benchmark_training.py --hmr2_dir CHECKOUT --torch_python PYTHON

The whole step: network, body, all losses, critics, two Adam updates, on one batch with every label.
The bare encoder's step (ResNet-50 v2, forward, backward, our Adam) is the limit of ours. Others:
russoale/hmr2.0's own step, from a checkout; and HMR in PyTorch with SPIN's network and smplx's body
of 6,890 vertices, in an environment with torch and smplx. SPIN's ResNet-50 has a sixth more
multiplications than the original's, so ours runs with SPIN's network too.

Each has a process of its own, with the same batch, body and number of threads. They take turns, so
that other load meets all alike; figures are medians over the rounds, and ratios those of each
round. At the end `benchmark_data.py` compares the input pipelines.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

# Nothing here imports TensorFlow: a process's peak memory counts from its parent's.
from hmr_tf.body.mean_parameters import load_mean_parameters
from hmr_tf.body.model_file import load_body

_HERE = Path(__file__).resolve().parent
_TITLES = {
    "encoder": "bare encoder, float32",
    "hmr": "ours, float32",
    "hmr_bfloat16": "ours, mixed bfloat16",
    "hmr2": "russoale/hmr2.0, float32",
    "spin": "ours with SPIN's network, float32",
    "spin_bfloat16": "ours with SPIN's network, mixed bfloat16",
    "torch": "PyTorch, SPIN's network, float32",
    "torch_bfloat16": "PyTorch, SPIN's network, autocast bfloat16",
}
# (whose images a second, against whose, what we aim at)
_AIMS = (
    ("hmr", "encoder", 0.95),
    ("hmr", "hmr2", 1.0),
    ("hmr", "torch", 1.15),
    ("hmr_bfloat16", "hmr", 1.6),
    ("hmr_bfloat16", "torch_bfloat16", 1.0),
    ("spin", "torch", 1.15),
    ("spin_bfloat16", "torch_bfloat16", 1.0),
)


def write_inputs(path: Path, batch_size: int, image_size: int) -> None:
    """Writes one batch with every label, its motion capture, a body and mean parameters."""
    rng = np.random.default_rng(0)
    rows = 3 * batch_size
    batch = {
        "image": rng.uniform(size=(batch_size, image_size, image_size, 3)),
        "keypoints_2d": rng.normal(scale=0.3, size=(batch_size, 19, 2)),
        "visibility": np.ones([batch_size, 19]),
        "joints_3d": rng.normal(scale=0.3, size=(batch_size, 14, 3)),
        "has_3d": np.ones([batch_size]),
        "pose_axis_angle": rng.normal(scale=0.3, size=(batch_size, 72)),
        "betas": rng.normal(size=(batch_size, 10)),
        "has_smpl": np.ones([batch_size]),
        "mocap_pose_axis_angle": rng.normal(scale=0.3, size=(rows, 72)),
        "mocap_betas": rng.normal(size=(rows, 10)),
    }
    body = load_body("free_body")
    pose, betas = load_mean_parameters()
    arrays = {f"batch/{key}": value.astype(np.float32) for key, value in batch.items()}
    for key in ("template", "shape_basis", "pose_basis", "joint_regressor", "skin_weights"):
        arrays[f"body/{key}"] = getattr(body, key)
    arrays["body/parents"] = body.parents.astype(np.int64)
    arrays["body/faces"] = body.faces
    arrays["body/keypoint_regressor"] = body.regressor("cocoplus")
    np.savez(path, **arrays, **{"mean/pose": pose, "mean/betas": betas})


class Worker:
    """A process that takes training steps when it is asked to; see `step_server.py`."""

    def __init__(self, name: str, command: list[str], has_our_path: bool) -> None:
        self._name = name
        environment = dict(os.environ)
        if not has_our_path:
            environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.rounds: list[float] = []
        self.peak_mb = 0.0

    def wait(self) -> None:
        """Waits until it has taken its first steps."""
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit(f"error: {_TITLES[self._name]} does not run; see its message above.")

    def run_round(self, num_steps: int) -> None:
        """Times some steps, after one that brings threads and caches back."""
        self._process.stdin.write(f"{1 + num_steps}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if not math.isfinite(answer["loss"]):
            raise SystemExit(f"error: the loss of {_TITLES[self._name]} is {answer['loss']}.")
        self.rounds.append(statistics.median(answer["seconds"][1:]))
        self.peak_mb = answer["peak_mb"]

    def close(self) -> None:
        """Ends the process, once it has cleaned up."""
        self._process.communicate()


def commands(options: argparse.Namespace, inputs: Path) -> dict[str, list[str]]:
    """Returns name -> command line of every worker that the options make possible."""
    arguments = [str(inputs), str(options.threads)]
    ours = [sys.executable, str(_HERE / "hmr_worker.py"), *arguments]
    found = {name: [*ours, name] for name in ("encoder", "hmr", "hmr_bfloat16")}
    if options.hmr2_dir:
        worker = str(_HERE / "hmr2_worker.py")
        found["hmr2"] = [sys.executable, worker, *arguments, options.hmr2_dir]
    if options.torch_python:
        found.update({name: [*ours, name] for name in ("spin", "spin_bfloat16")})
        theirs = [options.torch_python, str(_HERE / "torch_hmr_worker.py"), *arguments]
        found["torch"] = [*theirs, "float32"]
        found["torch_bfloat16"] = [*theirs, "bfloat16"]
    if not options.only:
        return found
    wanted = options.only.split(",")
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise SystemExit(f"error: no '{unknown[0]}' here; expected some of: {', '.join(found)}.")
    return {name: found[name] for name in wanted}


def print_report(workers: dict[str, Worker], batch_size: int) -> None:
    """Prints a table for README and how the aims were met."""
    print("| whole training step | images/s | best round | peak memory |")
    print("| --- | --- | --- | --- |")
    for name, worker in workers.items():
        median, best = (batch_size / f(worker.rounds) for f in (statistics.median, min))
        peak = f"{worker.peak_mb / 1024:.1f} GB"
        print(f"| {_TITLES[name]} | {median:.1f} | {best:.1f} | {peak} |")
    print()
    for name, other, aim in _AIMS:
        if name in workers and other in workers:
            pairs = zip(workers[name].rounds, workers[other].rounds)
            ratio = statistics.median(theirs / mine for mine, theirs in pairs)
            verdict = "met" if ratio >= aim else "NOT met"
            print(f"{_TITLES[name]}: {ratio:.2f} x {_TITLES[other]} (aim {aim:.2f}: {verdict})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hmr2_dir", help="checkout of russoale/hmr2.0")
    parser.add_argument("--torch_python", help="interpreter that has torch and smplx")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3, help="timed steps per round")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each process")
    parser.add_argument("--only", default="", help=f"some of: {', '.join(_TITLES)}")
    parser.add_argument("--no_pipeline", action="store_true", help="leave out benchmark_data.py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        inputs = Path(folder) / "inputs.npz"
        write_inputs(inputs, options.batch_size, options.image_size)
        workers = {}
        for name, command in commands(options, inputs).items():
            workers[name] = Worker(name, command, has_our_path=not name.startswith("torch"))
            stack.callback(workers[name].close)
        for worker in workers.values():
            worker.wait()
        for _ in range(options.rounds):
            for worker in workers.values():
                worker.run_round(options.steps)
        print(f"{options.image_size} px, batch {options.batch_size}, {options.threads} threads")
        print_report(workers, options.batch_size)
    if not options.no_pipeline:
        print(flush=True)
        data = [sys.executable, str(_HERE / "benchmark_data.py"), "--sizes", "224"]
        subprocess.run(data, check=True)


if __name__ == "__main__":
    main()
