"""Poses a second of our metrics, and of the reference repositories' loops over samples.

    python tests/benchmarks/benchmark_metrics.py --spin SPIN --mmhuman3d MMHUMAN3D --hmr HMR

Takes checkouts of nkolot/SPIN, open-mmlab/mmhuman3d and akanazawa/hmr, whose evaluation code is run
as it is; without them only ours is measured. Everyone gets the same 14-joint poses, ours in batches
of 8192. Rounds take turns, so that whatever else the machine does hits all alike; the figure is the
median of the rounds, and the ratio the median of each round's ratio.
"""

import argparse
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "goldens"))

import make_metrics
import numpy as np
import tensorflow as tf

from hmr_tf import metrics
from hmr_tf.evaluation import measures

_BATCH = 8192
_OURS, _THEIRS, _ROUNDS = 4 * _BATCH, 500, 9


def _ours(function, pred, gt, reduce=np.asarray):
    compiled = tf.function(function, reduce_retracing=True)
    pred, gt = tf.constant(pred), tf.constant(gt)

    def run():
        for start in range(0, _OURS, _BATCH):
            batch = slice(start, start + _BATCH)
            reduce(compiled(pred[batch], gt[batch]).numpy())
        return _OURS

    return run


def _peers(arguments, pred, gt):
    """Returns what is measured -> the peer's function that looks at `_THEIRS` poses."""
    repositories = make_metrics.load_repositories(**vars(arguments))
    visible = np.ones(pred.shape[:2], bool)
    p, g, v = pred[:_THEIRS], gt[:_THEIRS], visible[:_THEIRS]
    hmr, spin, mmhuman3d = (repositories[name] for name in ("hmr", "spin", "mmhuman3d"))
    return {
        "PA-MPJPE": ("SPIN", lambda: spin.reconstruction_error(p, g, reduction=None)),
        "MPJPE and PA-MPJPE": ("hmr", lambda: hmr.compute_errors(g, p)),
        "3DPCK and AUC, aligned": (
            "mmhuman3d",
            lambda: (
                mmhuman3d.keypoint_3d_pck(1000 * p, 1000 * g, v, "procrustes"),
                mmhuman3d.keypoint_3d_auc(1000 * p, 1000 * g, v, "procrustes"),
            ),
        ),
    }


def _both(pred, gt):
    return tf.stack([metrics.mpjpe(pred, gt), metrics.pa_mpjpe(pred, gt)])


def _pck_and_auc(errors):
    pck = measures.percentage_below(errors, 150.0)
    return pck, measures.area_below(errors, measures.THRESHOLDS_MM)


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("spin", "mmhuman3d", "hmr"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    gt = (rng.normal(size=(_OURS, 14, 3)) * [0.2, 0.5, 0.15]).astype(np.float32)
    pred = gt + rng.normal(scale=0.08, size=gt.shape).astype(np.float32)
    ours = {
        "PA-MPJPE": _ours(metrics.pa_mpjpe, pred, gt),
        "MPJPE and PA-MPJPE": _ours(_both, pred, gt),
        "3DPCK and AUC, aligned": _ours(metrics.pa_joint_errors, pred, gt, _pck_and_auc),
    }
    peers = _peers(arguments, pred, gt) if all(vars(arguments).values()) else {}
    for name, run in ours.items():
        peer, loop = peers.get(name, ("", None))
        run()
        rates = []
        for _ in range(_ROUNDS):
            rate = _OURS / _seconds(run)
            rates.append((rate, _THEIRS / _seconds(loop) if loop else np.nan))
        rate, slow = np.median(rates, axis=0)
        line = f"{name}: {rate:,.0f} poses/s"
        if loop:
            ratio = np.median([a / b for a, b in rates])
            line += f"; {peer} {slow:,.0f} poses/s; ratio {ratio:.0f}"
        print(line)


if __name__ == "__main__":
    main()
