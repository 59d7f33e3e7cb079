"""Runs smplx's ``lbs`` on CPU torch for `benchmark_body.py`, in an interpreter that has both.

    python smplx_worker.py INPUTS.npz OUTPUTS.npz THREADS

Reads the body and the inputs, writes the results of every case, then times a case for each line
"<case> <batch size> <calls> <clock>" on standard input and answers with each call's seconds, JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from smplx.lbs import lbs


def make_cases(data):
    """Returns case name -> function of the batch size that runs it once."""
    body = {key: torch.from_numpy(np.array(data[key])) for key in data.files}
    pose_basis = body["pose_basis"].reshape(-1, 207).T.contiguous()
    is_axis_angle = data["pose"].ndim == 2
    inputs = {}

    def leaves(batch):
        if batch not in inputs:
            pair = body["pose"][:batch].clone(), body["betas"][:batch].clone()
            inputs[batch] = [tensor.requires_grad_(True) for tensor in pair]
        return inputs[batch]

    def vertices(batch):
        pose, betas = leaves(batch)
        return lbs(
            betas,
            pose,
            body["template"],
            body["shape_basis"],
            pose_basis,
            body["joint_regressor"],
            body["parents"],
            body["skin_weights"],
            pose2rot=is_axis_angle,
        )[0]

    def keypoints(batch):
        return torch.einsum("kv,bvc->bkc", body["regressor"], vertices(batch))

    def without_gradients(function):
        def run(batch):
            with torch.no_grad():
                return [function(batch)]

        return run

    def gradients(batch):
        return torch.autograd.grad(keypoints(batch).square().sum(), leaves(batch))

    return {
        "vertices": without_gradients(vertices),
        "keypoints": without_gradients(keypoints),
        "keypoints+gradients": gradients,
    }


def main():
    torch.set_num_threads(int(sys.argv[3]))
    cases = make_cases(np.load(sys.argv[1]))
    results = {}
    for name, case in cases.items():
        for index, tensor in enumerate(case(4)):
            results[f"{name} {index}"] = tensor.numpy()
    np.savez(sys.argv[2], **results)
    print("ready", flush=True)
    for line in sys.stdin:
        name, batch, calls, clock = line.split()
        now = time.process_time if clock == "cpu" else time.perf_counter
        seconds = []
        for _ in range(int(calls)):
            start = now()
            cases[name](int(batch))
            seconds.append(now() - start)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
