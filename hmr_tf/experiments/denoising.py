"""What SMPLR's denoising step is for: its hourglass alone, with the autoencoder, with SMPL reverse.

Held-out people are estimated once as they are, and once behind objects (`hmr_tf.data.occluders`).
Three errors are measured: of joints and of landmarks on the skin, from the pelvis, and of the whole
mesh, which only SMPL reverse gives. The figure shows, over what the hourglass got wrong, what was
still wrong after each step.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from hmr_tf import checkpoints, metrics, outputs, saved_weights
from hmr_tf.body.model_file import NUM_JOINTS
from hmr_tf.config import AugmentConfig
from hmr_tf.data import occluders, root_crop
from hmr_tf.data.smplr_targets import SMPLRTargets
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.evaluation import evaluator, people
from hmr_tf.evaluation.protocols import SYNTHETIC, Protocol
from hmr_tf.experiments import Options, reports
from hmr_tf.geometry import rotations
from hmr_tf.render import plots

NAME = "denoising"
CONDITIONS = ("clean", "occluded")
MEAN_POSE, HOURGLASS, DENOISED = "mean pose", "hourglass", "hourglass, autoencoder"
REVERSED, ALL = "hourglass, SMPL reverse", "hourglass, autoencoder, SMPL reverse"
VARIANTS = (MEAN_POSE, HOURGLASS, DENOISED, REVERSED, ALL)
JOINTS, SKIN, MESH = "joints_mm", "landmarks_mm", "mesh_mm"
_TITLES = {JOINTS: "joints, mm", SKIN: "landmarks, mm", MESH: "mesh, mm"}
_IN_FIGURE = (HOURGLASS, DENOISED, ALL)
_NUM_BINS = 20
_BATCH_SIZE = 32
_OCCLUDED = AugmentConfig(occluder_probability=1.0)
Batch = Mapping[str, tf.Tensor]
Step = Callable[[Batch], Mapping[str, tf.Tensor]]


def run(options: Options) -> str:
    """Measures a trained model and writes denoising.md, denoising.json and denoising.png.

    Returns:
        The table, Markdown.

    Raises:
        ConfigError: if records or checkpoint are not given, or the model has no autoencoder.
        DataError: if there are no held-out people whose bodies are known.
    """
    if not options.data_dir or not options.checkpoint:
        raise ConfigError("--suite=denoising needs --checkpoint and --data_dir; give both.")
    model = checkpoints.load_model(options.checkpoint)
    if getattr(model, "autoencoder", None) is None:
        raise ConfigError(f"The model of '{options.checkpoint}' has no autoencoder.")
    description = checkpoints.read_description(options.checkpoint)
    protocol = held_out(description)
    data = people.data_config(protocol, options.data_dir, model.config.window_px)
    squares = root_crop.squares_of(model.config, model.body_model)
    batches = people.batches(protocol, data, model.config.image_size, _BATCH_SIZE, squares)
    seed = options.seed or 0
    results: dict[str, Any] = {
        "num_people": 0,
        "split": protocol.split,
        "datasets": list(protocol.datasets),
        "step": saved_weights.latest_step(options.checkpoint),
        "seed": seed,
    }
    curves = {}
    step = make_step(model, description.mean_parameters)
    for condition in CONDITIONS:
        logging.info("[%s] measuring held-out people", condition)
        shown = batches if condition == CONDITIONS[0] else hidden(batches, seed)
        errors = measure(step, shown)
        results["num_people"] = len(errors[HOURGLASS])
        results[condition] = means(errors)
        curves[condition] = by_error(errors)
    text = draw_up_table(results)
    figure = _draw_figure(curves)
    reports.write(options.out_dir, NAME, {**results, "by_error": curves}, text, figure)
    return text


def held_out(description: checkpoints.Description) -> Protocol:
    """Returns the people whom a model's training validated on, or would have; else rendered ones.

    Args:
        description: of its checkpoint.
    """
    settings = description.settings
    if "data" not in settings:
        return SYNTHETIC
    validation = settings.get("validation", {})
    datasets = validation.get("validation_datasets") or [
        name for name, _ in settings["data"]["datasets"]
    ]
    split = validation.get("validation_split", SYNTHETIC.split)
    return dataclasses.replace(SYNTHETIC, datasets=tuple(datasets), split=split)


def hidden(batches: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    """Returns batches whose people all stand behind one to seven drawn objects."""
    pictures = occluders.load_objects("", _OCCLUDED)

    def hide(number: tf.Tensor, batch: Batch) -> dict[str, tf.Tensor]:
        drawn_with = tf.stack([tf.constant(seed, tf.int64), number])
        drawn = occluders.draw_occlusion(drawn_with, _BATCH_SIZE, _OCCLUDED)
        count = tf.shape(batch["image"])[0]
        drawn = tf.nest.map_structure(lambda values: values[:count], drawn)
        images = tf.map_fn(
            lambda pair: occluders.hide(pair[0], pair[1], pictures),
            (batch["image"], drawn),
            fn_output_signature=tf.TensorSpec(batch["image"].shape[1:], tf.float32),
        )
        return {**batch, "image": images}

    return batches.enumerate().map(hide)


def measure(step: Step, batches: Iterable[Batch]) -> dict[str, np.ndarray]:
    """Measures everyone whose body is known.

    Args:
        step: of `make_step`.
        batches: of `hmr_tf.data.pipeline.evaluation_dataset`.

    Returns:
        Variant -> `[people, 42]` mm: 41 points, then the mesh, NaN where there is none.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
    for batch in batches:
        known = batch["has_smpl"].numpy() > 0
        errors = step({key: batch[key] for key in ("image", "pose_axis_angle", "betas")})
        for name in VARIANTS:
            found[name].append(errors[name].numpy()[known])
    joined = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    if not joined or not len(joined[HOURGLASS]):
        raise DataError("the held-out records hold nobody whose body is known.")
    return joined


def make_step(model: tf.keras.Model, mean: tuple | None = None) -> Step:
    """Returns the graph function from images and true bodies to `measure`'s errors.

    Args:
        model: a `hmr_tf.models.smplr.SMPLR` with an autoencoder.
        mean: (pose, betas) of the mean pose, if not the model's own.
    """
    targets = SMPLRTargets(model.body_model)
    start = evaluator.mean_estimate(model, mean)
    start = {key: start[key] for key in (outputs.ROTATIONS, outputs.BETAS)}

    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> dict[str, tf.Tensor]:
        _, true = targets.points_of(batch["pose_axis_angle"], batch["betas"])
        pose = tf.reshape(batch["pose_axis_angle"], [-1, NUM_JOINTS, 3])
        mesh = model.body(rotations.axis_angle_to_matrix(pose), batch["betas"])["vertices"]
        estimate = model(batch["image"], training=False)
        located = estimate[outputs.HEATMAP_JOINTS_3D][:, 1:]
        denoised = estimate[outputs.DENOISED_JOINTS_3D][:, 1:]
        camera = estimate[outputs.CROP_CAMERA]
        score = tf.zeros_like(camera[:, 0])
        first = [tf.repeat(value, tf.shape(pose)[0], axis=0) for value in start.values()]
        bodies = {
            MEAN_POSE: (*first, score),
            REVERSED: model.reverse(located),
            ALL: model.reverse(denoised),
        }
        points = {HOURGLASS: (located, None), DENOISED: (denoised, None)}
        for name, body in bodies.items():
            points[name] = _posed(model.posed(*body, camera, with_vertices=True))
        return {name: _errors(*points[name], true, mesh) for name in VARIANTS}

    return step


def _posed(body: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a body's 41 points from its pelvis, and its mesh."""
    joints, skin = body[outputs.SMPL_JOINTS_3D], body[outputs.LANDMARKS_3D]
    points = tf.concat([joints[:, 1:], skin], axis=1) - joints[:, :1]
    return points, body[outputs.VERTICES]


def _errors(
    points: tf.Tensor, mesh: tf.Tensor | None, true: tf.Tensor, true_mesh: tf.Tensor
) -> tf.Tensor:
    errors = metrics.joint_errors(points, true)
    none = tf.fill([tf.shape(errors)[0], 1], np.float32(np.nan))
    whole = none if mesh is None else metrics.pve(mesh, true_mesh)[:, tf.newaxis]
    return tf.concat([errors, whole], axis=1)


def means(errors: Mapping[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """Returns the mean joint, landmark and mesh errors of all variants, mm.

    Args:
        errors: of `measure`.
    """
    return {
        name: {
            JOINTS: float(values[:, : NUM_JOINTS - 1].mean()),
            SKIN: float(values[:, NUM_JOINTS - 1 : -1].mean()),
            MESH: None if np.isnan(values[:, -1]).any() else float(values[:, -1].mean()),
        }
        for name, values in errors.items()
    }


def by_error(errors: Mapping[str, np.ndarray]) -> dict[str, tuple[list[float], list[float]]]:
    """Returns what is left of points' errors over what they were, in bins of as many points.

    Args:
        errors: of `measure`.

    Returns:
        Variant -> (mean errors of the hourglass, mean errors of the variant), mm.
    """
    located = errors[HOURGLASS][:, :-1].reshape(-1)
    bins = np.array_split(np.argsort(located), min(_NUM_BINS, len(located)))
    before = [float(located[rows].mean()) for rows in bins]
    after = {name: errors[name][:, :-1].reshape(-1) for name in _IN_FIGURE}
    return {
        name: (before, [float(values[rows].mean()) for rows in bins])
        for name, values in after.items()
    }


def draw_up_table(results: Mapping[str, Any]) -> str:
    """Returns the numbers as Markdown."""
    heads = [f"{condition}: {title}" for condition in CONDITIONS for title in _TITLES.values()]
    lines = [f"| held-out people | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for name in VARIANTS:
        values = [results[condition][name][key] for condition in CONDITIONS for key in _TITLES]
        written = ["" if value is None else f"{value:.1f}" for value in values]
        lines.append(f"| {name} | {' | '.join(written)} |")
    lines += [
        "",
        f"Mean errors; joints are SMPL's without the pelvis, from the pelvis. "
        f"{results['num_people']} people of {', '.join(results['datasets'])}, split "
        f"{results['split']}; step {results['step']}; occluders of seed {results['seed']}.",
    ]
    return "\n".join(lines) + "\n"


def _draw_figure(curves: Mapping[str, Any]) -> np.ndarray:
    panels = [
        plots.draw_curves(
            curves[condition],
            f"Points of {condition} people",
            "error as the hourglass found them, mm",
            "error after each step, mm",
            width=640,
        )
        for condition in CONDITIONS
    ]
    return np.concatenate(panels, axis=1)
