"""Runs HybrIK's own inverse kinematics for `benchmark_ik.py`, in an interpreter that has torch.

    python hybrik_worker.py HYBRIK_DIR INPUTS.npz OUTPUTS.npz THREADS

Writes the rotations of both routines for all inputs, in both float types, as released and without
the 1e-8 that the code adds to every length; then times the adaptive routine, for each line
"<batch size> <calls>" on standard input, and answers with each call's seconds, JSON. Nothing of the
file is changed on disk.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch

_FILE = "hybrik/models/layers/smpl/lbs.py"


def load_routines(folder, dtype, epsilon):
    """Returns name -> function of joints, rest joints and twists."""
    source = (pathlib.Path(folder) / _FILE).read_text()
    # The naive routine names its type itself.
    source = source.replace("torch.float32", str(dtype)).replace("1e-8", epsilon)
    module = {}
    exec(compile(source, _FILE, "exec"), module)
    parents = torch.tensor(_TREE["parents"])
    children = torch.tensor(_TREE["children"])

    def routine(name):
        def run(joints, rest, twists):
            with torch.no_grad():
                return module[name](
                    joints, None, twists, rest, children, parents, dtype=dtype, train=False
                )[0]

        return run

    return {
        "adaptive": routine("batch_inverse_kinematics_transform"),
        "naive": routine("batch_inverse_kinematics_transform_naive"),
    }


def main():
    folder, inputs, outputs, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with np.load(inputs) as file:
        data = {key: file[key] for key in file.files}
    _TREE.update(parents=data.pop("parents"), children=data.pop("children"))
    given = [data[key] for key in ("joints", "rest", "twists")]
    results = {}
    for label, dtype, epsilon in (
        ("float64", torch.float64, "1e-8"),
        ("float64 without epsilon", torch.float64, "1e-300"),
        ("float32 without epsilon", torch.float32, "1e-30"),
        ("float32", torch.float32, "1e-8"),
    ):
        torch.set_default_dtype(dtype)
        routines = load_routines(folder, dtype, epsilon)
        tensors = [torch.from_numpy(array).to(dtype) for array in given]
        for name, routine in routines.items():
            results[f"{name} {label}"] = routine(*tensors).numpy()
    np.savez(outputs, **results)
    # The last are those in float32, as released; every third is a posed body.
    timed = [tensor[::3].contiguous() for tensor in tensors]
    print("ready", flush=True)
    for line in sys.stdin:
        batch, calls = map(int, line.split())
        part = [tensor[:batch].contiguous() for tensor in timed]
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            routines["adaptive"](*part)
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


_TREE = {}

if __name__ == "__main__":
    main()
