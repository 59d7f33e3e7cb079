"""What sequential estimation of global rotations is for, shown by two trainings.

`sequential` is SGRE: each joint's rotation as the camera sees it, from its parent's. `direct`
estimates each joint's rotation relative to its parent, on its own. All else is the same: trunk,
data, steps. Composed along a limb relative rotations add up their errors, so that what lies deep in
the tree is the worse; a global rotation stands for itself.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, sections 1 and 4.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from hmr_tf import checkpoints, outputs, saved_weights
from hmr_tf.evaluation import evaluator, people
from hmr_tf.evaluation.protocols import SYNTHETIC as _PROTOCOL
from hmr_tf.experiments import Options, held_out, reports, sgre_report, trainings
from hmr_tf.geometry import global_rotations
from hmr_tf.geometry.kinematics import KinematicTree
from tfrecords_tools.skeletons import SMPL_PARENTS

NAME = "sgre"
FLAGFILES = {
    "sequential": "flags/sgre_synthetic.flags",
    "direct": "flags/sgre_synthetic_direct.flags",
}
_TREE = KinematicTree(SMPL_PARENTS)
_BATCH_SIZE = 32


def run(options: Options) -> str:
    """Trains what is not trained yet, measures both and writes the report.

    Returns:
        The tables, Markdown.

    Raises:
        ConfigError: if a flagfile is missing.
        DataError: if there are no held-out people.
        HmrError: if a training fails or is stopped.
    """
    commands = trainings.train_all(options, FLAGFILES, _PROTOCOL)
    results: dict[str, Any] = {"runs": {}}
    for name in FLAGFILES:
        logging.info("[%s] measuring held-out people", name)
        measured = measure(pathlib.Path(options.out_dir) / name, options.data_dir)
        # Both begin at one mean and are measured on the same people.
        results["mean_pose"] = measured.pop("mean_pose")
        results["runs"][name] = {**measured, "command": commands[name]}
    results["joints_by_depth"] = [len(level) for level in _TREE.levels]
    results["claims"] = sgre_report.check_claims(results)
    text = sgre_report.draw_up_tables(results)
    reports.write(options.out_dir, NAME, results, text, sgre_report.draw_figure(results))
    return text


def measure(log_dir: pathlib.Path, data_dir: str) -> dict[str, Any]:
    """Measures a training run on held-out people, shown with the 2D poses of their labels.

    Args:
        log_dir: the run's folder.
        data_dir: folder of records.

    Returns:
        `metrics` by name and `by_depth` (`depth_errors`) of the run and of the `mean_pose`, and
        what the run was.
    """
    description = checkpoints.read_description(log_dir)
    model = checkpoints.load_model(log_dir)
    data = people.data_config(_PROTOCOL, data_dir, model.config.window_px)
    batches = people.batches(_PROTOCOL, data, model.config.image_size, _BATCH_SIZE)
    mean = description.mean_parameters
    evaluation = evaluator.evaluate(model, batches, _PROTOCOL, mean=mean)
    report = evaluation.report()
    estimated, true = held_out.bodies(model, batches)
    mean_body = {
        key: np.repeat(value.numpy(), len(true[outputs.ROTATIONS]), axis=0)
        for key, value in evaluator.mean_estimate(model, mean).items()
        if key in true
    }
    return {
        "metrics": report["metrics"],
        "by_depth": depth_errors(estimated, true),
        "mean_pose": {"metrics": report["baseline"], "by_depth": depth_errors(mean_body, true)},
        "estimation": model.config.estimation,
        "num_people": evaluation.num_people,
        "step": saved_weights.latest_step(log_dir),
        "seed": description.settings["train"]["seed"],
    }


def depth_errors(
    estimated: Mapping[str, np.ndarray], true: Mapping[str, np.ndarray]
) -> dict[str, list[float]]:
    """Measures joints and rotations by how many joints lie between them and the root.

    Args:
        estimated, true: `rotations` and `smpl_joints_3d` of `held_out.bodies`.

    Returns:
        Means over people and the joints of each depth, from 0 on: `joints_mm` from the pelvis,
        `global_deg` and `local_deg`, of rotations composed from the root and relative to the
        parents'; and `independent_deg`, what `global_deg` would be if each joint's relative
        rotation were wrong as it is in another person, so that no error could make up for another.
    """
    joints = [body[outputs.SMPL_JOINTS_3D] for body in (estimated, true)]
    gaps = [one - one[:, :1] for one in joints]
    local = [body[outputs.ROTATIONS] for body in (estimated, true)]
    composed = [
        global_rotations.local_to_global(one, _TREE).numpy()
        for one in (*local, _with_others_errors(*local))
    ]
    errors = {
        "joints_mm": 1e3 * np.linalg.norm(gaps[0] - gaps[1], axis=-1),
        "global_deg": angles_deg(composed[0], composed[1]),
        "independent_deg": angles_deg(composed[2], composed[1]),
        "local_deg": angles_deg(*local),
    }
    return {
        name: [float(values[:, list(level)].mean()) for level in _TREE.levels]
        for name, values in errors.items()
    }


def _with_others_errors(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Gives each joint of a person the error that it has in somebody else.

    Args:
        estimated, true: `[people, 24, 3, 3]` relative rotations.

    Returns:
        The same shape.
    """
    random, (num_people, num_joints) = np.random.default_rng(0), true.shape[:2]
    others = np.stack([random.permutation(num_people) for _ in range(num_joints)], axis=1)
    errors = np.swapaxes(true, -1, -2) @ estimated
    return true @ errors[others, np.arange(num_joints)]


def angles_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns by what angles rotations differ.

    Args:
        first, second: `[..., 3, 3]`.

    Returns:
        `[...]` degrees, 0 to 180.
    """
    # The norm of the difference is 2 sqrt(2) sin(angle / 2).
    chord = np.linalg.norm(np.asarray(first) - np.asarray(second), axis=(-2, -1))
    return np.degrees(2.0 * np.arcsin(np.minimum(chord / np.sqrt(8.0), 1.0)))
