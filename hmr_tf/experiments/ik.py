"""How the ways to solve inverse kinematics bear noisy joints, on the embedded body.

People of many shapes and poses; their 29 joints are moved by normal noise, the solvers get these
and the true twists, and the error is that of the body's 24 joints against where they were without
noise, both from the pelvis. `naive` follows directions of bones, so that errors add up along a
limb; `adaptive` takes them up as it goes, until its switch gives that up for most joints.

Reference: J. Li et al., HybrIK, CVPR 2021, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.body import inverse_kinematics as solvers
from hmr_tf.body import model_file
from hmr_tf.experiments import Options, reports
from hmr_tf.geometry.kinematics import KinematicTree, forward_kinematics
from hmr_tf.geometry.rotations import axis_angle_to_matrix
from hmr_tf.render import plots
from hmr_tf.synthetic import motion_sources, people, poses
from tfrecords_tools.skeletons import HYBRIK_CHILDREN, HYBRIK_PARENTS, SMPL_PARENTS

NAME = "ik"
# What a column of the table is called -> how it is solved.
VARIANTS = {
    "naive": {"method": "naive", "root": "closed_form"},
    "naive, root by SVD": {"method": "naive", "root": "svd"},
    "adaptive": {"method": "adaptive", "root": "svd"},
    "adaptive, no switch": {"method": "adaptive", "root": "svd", "switch": None},
}
INPUT, FALLS_BACK = "joints given", "joints that fall back"
_IN_TABLE_MM = (5, 10, 20)
_IN_FIGURE_MM = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12.5, 15, 17.5, 20, 25, 30)
_NUM_PEOPLE = 1000


def run(options: Options) -> str:
    """Measures all and writes ik.md, ik.json and ik.png.

    Returns:
        The table, Markdown.
    """
    results = measure(_NUM_PEOPLE, options.seed or 0, _IN_FIGURE_MM)
    text = draw_up_table(results)
    figure = plots.draw_curves(
        {name: (results["noise_mm"], results["mean_mm"][name]) for name in (INPUT, *VARIANTS)},
        "Joints after inverse kinematics",
        "noise per axis, mm",
        "mean error, mm",
    )
    reports.write(options.out_dir, NAME, results, text, figure)
    return text


def measure(num_people: int, seed: int, noise_mm: Sequence[float]) -> dict[str, Any]:
    """Measures the errors of all variants.

    Args:
        num_people: how many are drawn.
        seed: of people and noise.
        noise_mm: standard deviations per axis.

    Returns:
        `noise_mm`, `mean_mm` by variant and of the joints given, one number per noise, and how
        many of 23 joints fall back in `adaptive`.
    """
    random = np.random.default_rng(seed)
    rest, rotations = _draw_people(random, num_people)
    twists = solvers.twist_angles(rotations, rest)
    true = _posed(rotations, rest, HYBRIK_PARENTS)
    # One draw for all, so that curves differ by what they measure alone.
    noise = random.normal(size=true.shape).astype(np.float32)
    mean_mm: dict[str, list[float]] = {name: [] for name in (INPUT, *VARIANTS)}
    fall_back = []
    for size_mm in noise_mm:
        joints = true + 1e-3 * size_mm * noise
        mean_mm[INPUT].append(_error_mm(joints, true))
        for name, how in VARIANTS.items():
            found = solvers.solve(joints, rest, twists, **how)
            mean_mm[name].append(_error_mm(_posed(found, rest, SMPL_PARENTS), true))
        found = solvers.solve(joints, rest, twists)
        fall_back.append(_count_fall_backs(found, joints, rest))
    about = {"num_people": num_people, "seed": seed, "switch_m": solvers.RELEASED_SWITCH}
    return {**about, "noise_mm": list(noise_mm), "mean_mm": mean_mm, FALLS_BACK: fall_back}


def draw_up_table(results: Mapping[str, Any]) -> str:
    """Returns the errors at 5, 10 and 20 mm as Markdown."""
    names = (INPUT, *VARIANTS)
    lines = [
        f"| noise per axis, mm | {' | '.join(names)} | {FALLS_BACK} |",
        "| ---: |" + " ---: |" * (len(names) + 1),
    ]
    for noise in _IN_TABLE_MM:
        row = results["noise_mm"].index(noise)
        numbers = [f"{results['mean_mm'][name][row]:.1f}" for name in names]
        numbers.append(f"{results[FALLS_BACK][row]:.1f} of 23")
        lines.append(f"| {noise} | {' | '.join(numbers)} |")
    lines += [
        "",
        f"Mean error of 24 joints, mm, from the pelvis; {results['num_people']} people, seed "
        f"{results['seed']}.",
    ]
    return "\n".join(lines) + "\n"


def _draw_people(random: np.random.Generator, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns rest joints `[count, 29, 3]` and rotations `[count, 24, 3, 3]`."""
    body = model_file.load_body(model_file.FREE_BODY)
    betas = np.stack([people.sample_betas(random, body.num_betas) for _ in range(count)])
    rest_joints = body.joint_regressor @ body.template
    sampler = poses.PoseSampler(motion_sources.load_motions()["train"], rest_joints)
    pose, _ = sampler.sample(random, count)
    rotations = axis_angle_to_matrix(tf.constant(pose.reshape(count, 24, 3), tf.float32))
    return solvers.rest_skeleton(body, betas.astype(np.float32)), rotations


def _posed(rotations: tf.Tensor, rest: tf.Tensor, parents: Sequence[int]) -> tf.Tensor:
    """Returns the joints that have a parent in the list; leaves move with theirs."""
    leaves = tf.eye(3, batch_shape=[len(rotations), len(parents) - rotations.shape[1]])
    turns = tf.concat([rotations, leaves], axis=1)
    return forward_kinematics(turns, rest[:, : len(parents)], KinematicTree(parents))[1]


def _error_mm(joints: tf.Tensor, true: tf.Tensor) -> float:
    """Returns the mean distance of SMPL's joints, from the pelvis."""
    gaps = (joints - joints[:, :1])[:, :24] - (true - true[:, :1])[:, :24]
    return 1e3 * float(tf.reduce_mean(tf.norm(gaps, axis=-1)))


def _count_fall_backs(found: tf.Tensor, joints: tf.Tensor, rest: tf.Tensor) -> float:
    """Returns for how many joints, on average, the two aims are further apart than the switch."""
    children = list(HYBRIK_CHILDREN[1:])
    placed = _posed(found, rest, SMPL_PARENTS)[:, 1:]
    bones = tf.gather(joints, children, axis=1) - joints[:, 1:24]
    rest_bones = tf.gather(rest, children, axis=1) - rest[:, 1:24]
    aims = tf.gather(joints - joints[:, :1] + rest[:, :1], children, axis=1) - placed
    lengths = tf.norm(rest_bones, axis=-1, keepdims=True)
    gaps = aims - bones * lengths / tf.norm(bones, axis=-1, keepdims=True)
    is_far = tf.norm(gaps, axis=-1) > solvers.RELEASED_SWITCH
    return float(tf.reduce_mean(tf.reduce_sum(tf.cast(is_far, tf.float32), axis=1)))
