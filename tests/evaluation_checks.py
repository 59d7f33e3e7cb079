"""An evaluation made by hand, for tests of what is written about it."""

import numpy as np

from hmr_tf.evaluation.evaluation import Evaluation
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocols import PROTOCOLS

SHAPES = {"mask_counts": (2, 3), "part_counts": (8, 3)}


def made_evaluation(protocol="h36m_p1", count=90, seed=0, with_baseline=True):
    """People of three actions and two subjects; larger numbers are worse."""
    rng = np.random.default_rng(seed)
    protocol = PROTOCOLS.get(protocol)
    errors = {}
    for source in protocol.sources:
        is_flat = source in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "keypoints_2d_px")
        joints = () if is_flat else SHAPES.get(source, (protocol.num_pck_joints,))
        scale = 25.0 if source.endswith(("mm", "px")) else 0.1
        errors[source] = rng.gamma(4.0, scale, (count, *joints)).astype(np.float32)
    numbers = np.arange(count)
    samples = {
        "filename": np.array([f"S9_Walking_{k:06d}.jpg" for k in numbers], object),
        "dataset": np.full(count, "h36m", object),
        "subject": np.where(numbers % 2, "S9", "S11").astype(object),
        "sequence": np.array([f"S9_{k % 6}" for k in numbers], object),
        "action": np.array([("Walking", "Eating", "Photo")[k % 3] for k in numbers], object),
        "frame": numbers,
    }
    picker = ExamplePicker(num_each=30)
    first = errors[protocol.sources[0]].reshape(count, -1).mean(axis=1)
    batch = {
        "image": rng.random((count, 16, 16, 3)).astype(np.float32),
        "keypoints_2d": rng.uniform(-0.8, 0.8, (count, 19, 2)).astype(np.float32),
        "visibility": np.ones((count, 19), np.float32),
    }
    picker.add(first, batch, samples["filename"].tolist())
    baseline = {name: 2 * values for name, values in errors.items()} if with_baseline else {}
    return Evaluation(protocol, errors, baseline, samples, picker)


def made_summary(evaluation):
    """What the command writes, in short."""
    return {
        "protocol": evaluation.protocol.name,
        "comparable_with": evaluation.protocol.comparable_with,
        **evaluation.report(),
        "split": "test",
        "command": "python -m hmr_tf.evaluate --checkpoint 'a folder'",
    }


def by_hand(evaluation, metric, rows):
    """The mean of some people, for metrics that are means."""
    return float(np.mean(evaluation.errors[MEASURES[metric].source][rows], dtype=np.float64))
