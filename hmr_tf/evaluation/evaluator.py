"""Scores a model on records, batch by batch, beside the mean pose as a baseline.

Memory does not grow with the number of people, but for one number per person and metric; of the
images only a few are kept, for the contact sheet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Callable

import numpy as np
import tensorflow as tf

from hmr_tf import metrics, outputs
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.evaluation.protocols import Protocol
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import rotations as rotations_lib
from hmr_tf.models.hmr import decode_pose, encode_pose

Batch = Mapping[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        errors: metric -> `[num_people]` float32 of the model; NaN where a person has no truth.
        baseline: the same of the mean pose.
        names: file name of each person's image.
        examples: people kept for looking at.
    """

    errors: dict[str, np.ndarray]
    baseline: dict[str, np.ndarray]
    names: list[str]
    examples: ExamplePicker

    @property
    def num_people(self) -> int:
        """People that were looked at."""
        return len(self.names)

    def report(self) -> dict[str, Any]:
        """Returns means, medians, the baseline's means and the ratio of both, plain JSON types."""
        model = {name: _mean(values) for name, values in self.errors.items()}
        baseline = {name: _mean(values) for name, values in self.baseline.items()}
        return {
            "num_people": self.num_people,
            "metrics": model,
            "baseline": baseline,
            "ratio": {
                name: model[name] / baseline[name] if model[name] is not None else None
                for name in model
            },
            "median": {name: _median(values) for name, values in self.errors.items()},
            "num_measured": {
                name: int(np.isfinite(values).sum()) for name, values in self.errors.items()
            },
        }


class Evaluator:
    """Scores a model, again and again while its weights change.

    Args:
        model: a model of `hmr_tf.models`.
        protocol: what is measured.
        mean: (pose ``[72]`` axis-angle, betas) of the baseline; by default what the model's
            regressor was made with.

    Raises:
        ConfigError: if the model's keypoints are not the protocol's.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        protocol: Protocol,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        if model.config.keypoints != protocol.keypoints:
            raise ConfigError(
                f"protocol {protocol.name} compares the keypoints '{protocol.keypoints}'; the "
                f"model estimates '{model.config.keypoints}'."
            )
        self._protocol = protocol
        self._step = _make_step(model, protocol, mean_estimate(model, mean))

    def run(
        self,
        batches: Iterable[Batch],
        limit: int | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Evaluation:
        """Scores the model as it is now; a metric whose truth nobody has is NaN throughout.

        Args:
            batches: of `hmr_tf.data.pipeline.evaluation_dataset`.
            limit: people after which to stop; None for all.
            on_progress: called after every batch with its number of people.

        Raises:
            DataError: if there are no people.
        """
        metric_names = self._protocol.metrics
        parts: list[tuple[dict, dict]] = []
        names: list[str] = []
        examples = ExamplePicker()
        for batch in batches:
            if limit is not None and len(names) + len(batch["image"]) > limit:
                batch = {key: value[: limit - len(names)] for key, value in batch.items()}
            errors, baseline = self._step(_needed(batch))
            errors = {name: values.numpy() for name, values in errors.items()}
            parts.append((errors, {name: values.numpy() for name, values in baseline.items()}))
            batch_names = [name.decode(errors="replace") for name in batch["filename"].numpy()]
            examples.add(errors[metric_names[0]], batch, batch_names)
            names += batch_names
            if on_progress is not None:
                on_progress(len(batch_names))
            if limit is not None and len(names) >= limit:
                break
        if not parts:
            raise DataError("the records hold no people; convert the split that is evaluated.")
        joined = [
            {name: np.concatenate([part[which][name] for part in parts]) for name in metric_names}
            for which in (0, 1)
        ]
        return Evaluation(joined[0], joined[1], names, examples)


def evaluate(
    model: tf.keras.Model,
    batches: Iterable[Batch],
    protocol: Protocol,
    limit: int | None = None,
    mean: tuple[np.ndarray, np.ndarray] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Scores a model once; the arguments are those of `Evaluator` and `Evaluator.run`.

    Raises:
        ConfigError: if the model's keypoints are not the protocol's.
        DataError: if there are no people, or none with the truth that the protocol needs.
    """
    result = Evaluator(model, protocol, mean).run(batches, limit, on_progress)
    _check_truth(result.errors, protocol)
    return result


def mean_estimate(
    model: tf.keras.Model, mean: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, tf.Tensor]:
    """Returns the Estimate with which the model's regressor began before it was trained.

    Pose, shape and camera are the mean parameters' own, so it faces the camera upright.

    Args:
        model: a model with a `regressor`.
        mean: (pose ``[72]`` axis-angle, betas), if not the regressor's own.

    Returns:
        An Estimate of one row, `vertices` included.
    """
    regressor = model.regressor
    rotation = model.config.rotation
    pose, betas = (regressor.mean_pose, regressor.mean_betas)
    if mean is not None:
        pose, betas = encode_pose(mean[0], rotation), mean[1]
    rotations = decode_pose(tf.constant([pose], tf.float32), rotation)
    betas = tf.constant([betas], tf.float32)
    camera = tf.constant([regressor.mean_camera])
    joints_3d, smpl_joints_3d = model.keypoints(rotations, betas)
    return {
        outputs.ROTATIONS: rotations,
        outputs.BETAS: betas,
        outputs.CAMERA: camera,
        outputs.JOINTS_3D: joints_3d,
        outputs.SMPL_JOINTS_3D: smpl_joints_3d,
        outputs.KEYPOINTS_2D: camera_lib.weak_perspective(joints_3d, camera),
        outputs.VERTICES: model.body(rotations, betas)["vertices"],
    }


def true_vertices(model: tf.keras.Model, batch: Batch) -> tf.Tensor:
    """Returns the true meshes of a batch on the model's body, `[B, V, 3]` m, camera frame.

    Args:
        model: its body poses the truth.
        batch: `pose_axis_angle` `[B, 72]` and `betas` `[B, 10]`.
    """
    pose = tf.reshape(batch["pose_axis_angle"], [-1, 24, 3])
    betas, num_betas = batch["betas"], model.body_model.num_betas
    # A body with more coefficients takes zeros; one with fewer cannot make the true shape.
    if num_betas < betas.shape[-1]:
        raise ConfigError(
            f"the true shapes have {betas.shape[-1]} betas, the model's body {num_betas}."
        )
    betas = tf.pad(betas, [[0, 0], [0, num_betas - betas.shape[-1]]])
    return model.body(rotations_lib.axis_angle_to_matrix(pose), betas)["vertices"]


def _make_step(
    model: tf.keras.Model, protocol: Protocol, mean: Mapping[str, tf.Tensor]
) -> Callable[[Batch], tuple[dict, dict]]:
    """Returns the graph function from a batch to the errors of the model and of the mean pose."""

    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> tuple[dict, dict]:
        estimate = model(batch["image"], training=False, with_vertices=True)
        size = tf.shape(batch["image"])[0]
        repeated = {
            key: tf.repeat(value, size, axis=0)
            for key, value in mean.items()
            if key in (outputs.JOINTS_3D, outputs.KEYPOINTS_2D, outputs.VERTICES)
        }
        vertices = true_vertices(model, batch)
        return (
            _errors(estimate, batch, vertices, protocol),
            _errors(repeated, batch, vertices, protocol),
        )

    return step


def _errors(
    estimate: Mapping[str, tf.Tensor], batch: Batch, vertices: tf.Tensor, protocol: Protocol
) -> dict[str, tf.Tensor]:
    """Returns metric -> `[B]`; NaN where the truth is unknown."""
    joints = estimate[outputs.JOINTS_3D][:, : protocol.num_joints]
    truth, visibility = batch["joints_3d"], batch["visibility"]
    # One crop unit is half a window.
    keypoints_2d = metrics.keypoint_error(
        estimate[outputs.KEYPOINTS_2D], batch["keypoints_2d"], visibility
    )
    has_keypoints = tf.reduce_any(visibility > 0, axis=-1)
    values = {
        "mpjpe_mm": (metrics.mpjpe(joints, truth, protocol.root), batch["has_3d"] > 0),
        "pa_mpjpe_mm": (metrics.pa_mpjpe(joints, truth), batch["has_3d"] > 0),
        "pve_mm": (metrics.pve(estimate[outputs.VERTICES], vertices), batch["has_smpl"] > 0),
        "keypoints_2d_px": (0.5 * batch["window"] * keypoints_2d, has_keypoints),
    }
    return {name: tf.where(values[name][1], values[name][0], np.nan) for name in protocol.metrics}


def _needed(batch: Batch) -> dict[str, tf.Tensor]:
    """Leaves out of a batch what the graph function does not use, strings among it."""
    keys = (
        *("image", "keypoints_2d", "visibility", "joints_3d", "has_3d"),
        *("pose_axis_angle", "betas", "has_smpl", "window"),
    )
    return {key: batch[key] for key in keys}


def _check_truth(errors: Mapping[str, np.ndarray], protocol: Protocol) -> None:
    missing = [name for name, values in errors.items() if not np.isfinite(values).any()]
    if missing:
        raise DataError(
            f"no person in the records has the truth that protocol {protocol.name} needs for "
            f"{', '.join(missing)}; convert a folder that `synthesize` wrote, with its "
            "smpl_truth.npz."
        )


def _mean(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean(dtype=np.float64)) if values.size else None


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None
