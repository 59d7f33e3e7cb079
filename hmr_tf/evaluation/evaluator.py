"""Scores a model on records, batch by batch, beside the mean pose as a baseline.

Memory does not grow with the number of people, but for a few numbers per person; of the images only
a few are kept, for looking at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import Body
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.evaluation import crop_views, replicas
from hmr_tf.evaluation.evaluation import Evaluation, sample_names
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.evaluation.protocol import Protocol
from hmr_tf.evaluation.scoring import Scorer
from hmr_tf.evaluation.segmentation import Segmentation
from hmr_tf.geometry import rotations as rotations_lib
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import extra_inputs
from tfrecords_tools import schema, skeletons

__all__ = ["Evaluation", "Evaluator", "evaluate", "mean_estimate", "score_estimates"]

Batch = Mapping[str, tf.Tensor]
Estimator = Callable[[Batch], Mapping[str, tf.Tensor]]
# What is compared, and what a model sees beside it.
_NEEDED = (
    *("keypoints_2d", "visibility", "window", "center", "joints_3d", "has_3d"),
    *("joints_24_3d", "pose_axis_angle", "betas", "has_smpl", "gender"),
    *("intrinsics", "has_intrinsics"),
)
_SEEN = ("image", "translation", "has_translation")
# Of an estimate.
_COMPARED = (outputs.ROTATIONS, outputs.BETAS, outputs.CAMERA, outputs.HEATMAP_JOINTS_3D)
# Regressors that give 2D keypoints, in the order of preference, and their joint sets.
_KEYPOINTS_2D = {"cocoplus": skeletons.COCOPLUS19, "j24": skeletons.J24}


class Evaluator:
    """Scores a model, again and again while its weights change.

    Args:
        model: a model of `hmr_tf.models`.
        protocol: what is measured.
        mean: (pose ``[72]`` axis-angle, betas) of the baseline; by default what the model's
            training began with.
        true_bodies: gender (`male`, `female`) -> the body of true people, of the kind of the
            model's body; the model's own stands for those that are missing.
        flip_test: whether estimates are averaged with those of the mirrored crops.
        strategy: of which every replica takes a part of each batch; the model's variables were
            made in its scope. None runs where the caller is.
        segmentation: labels of pixels to compare with, too.

    Attributes:
        genders: genders whose true people are posed with a body of their own.

    Raises:
        ConfigError: if the model's body cannot give what the protocol compares.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        protocol: Protocol,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        true_bodies: Mapping[str, Body] | None = None,
        flip_test: bool = False,
        strategy: tf.distribute.Strategy | None = None,
        segmentation: Segmentation | None = None,
    ) -> None:
        check_body(model.body_model, protocol)
        self._model = model
        self._protocol = protocol
        self._segmentation = segmentation
        scorer = Scorer(protocol, model.body_model, true_bodies)
        self.genders = scorer.genders
        mean = mean_estimate(model, mean)
        step = _make_step(model, scorer, mean, flip_test, with_meshes=segmentation is not None)
        self._step = step if strategy is None else replicas.spread(step, strategy)

    def run(
        self,
        batches: Iterable[Batch],
        limit: int | None = None,
        on_progress: Callable[[int], None] | None = None,
        examples: ExamplePicker | None = None,
    ) -> Evaluation:
        """Scores the model as it is now; a metric whose truth nobody has is NaN throughout.

        Args:
            batches: of `hmr_tf.data.pipeline.evaluation_dataset`.
            limit: people after which to stop; None for all.
            on_progress: called after every batch with its number of people.
            examples: keeps people for looking at; by default few.

        Raises:
            DataError: if there are no people.
        """
        picker = ExamplePicker() if examples is None else examples
        errors, baseline, names = [], [], []
        num_people = 0
        for batch in batches:
            if limit is not None and num_people + len(batch["image"]) > limit:
                batch = {key: value[: limit - num_people] for key, value in batch.items()}
            seen = {key: batch[key] for key in (*_SEEN, *_NEEDED)}
            both = self._step({**seen, **extra_inputs.of_batch(self._model, batch)})
            mine, means = (self._numbers(found, batch) for found in both)
            errors.append(mine)
            baseline.append(means)
            names.append(sample_names(batch))
            picker.add(_first_number(mine), batch, names[-1]["filename"])
            count = len(batch["image"])
            num_people += count
            if on_progress is not None:
                on_progress(count)
            if limit is not None and num_people >= limit:
                break
        if not num_people:
            raise DataError("the records hold no people; convert the split that is evaluated.")
        return Evaluation(
            self._protocol, _joined(errors), _joined(baseline), _joined(names), picker
        )

    def _numbers(self, found: dict[str, tf.Tensor], batch: Batch) -> dict[str, np.ndarray]:
        """Returns the errors that were found, with counts of pixels if they are wanted."""
        found = {name: values.numpy() for name, values in found.items()}
        if self._segmentation is None:
            return found
        meshes = found.pop(outputs.VERTICES), found.pop(outputs.CAMERA)
        return {**found, **self._segmentation.count_batch(*meshes, batch)}


def evaluate(
    model: tf.keras.Model,
    batches: Iterable[Batch],
    protocol: Protocol,
    limit: int | None = None,
    mean: tuple[np.ndarray, np.ndarray] | None = None,
    on_progress: Callable[[int], None] | None = None,
    examples: ExamplePicker | None = None,
    **options: Any,
) -> Evaluation:
    """Scores a model once; the arguments are those of `Evaluator` and `Evaluator.run`.

    Raises:
        ConfigError: if the model's body cannot give what the protocol compares.
        DataError: if there are no people, or none with the truth that the protocol needs.
    """
    evaluator = Evaluator(model, protocol, mean, **options)
    result = evaluator.run(batches, limit, on_progress, examples)
    result.check_truth()
    return result


def score_estimates(
    estimator: Estimator,
    batches: Iterable[Batch],
    protocol: Protocol,
    body: Body,
    true_bodies: Mapping[str, Body] | None = None,
    on_progress: Callable[[int], None] | None = None,
    examples: ExamplePicker | None = None,
) -> Evaluation:
    """Scores estimates that were made elsewhere.

    Args:
        estimator: from a batch to what `Scorer.errors` takes, and optionally `is_estimated` `[B]`
            bool; people who are not estimated are passed over.
        batches: of `hmr_tf.data.pipeline.evaluation_dataset`.
        protocol: what is measured.
        body: of which estimated rotations and shapes are.
        true_bodies, on_progress, examples: as in `Evaluator`.

    Raises:
        DataError: if nobody is estimated, or none with the truth that the protocol needs.
    """
    check_body(body, protocol)
    scorer = Scorer(protocol, body, true_bodies)
    score = tf.function(scorer.errors, reduce_retracing=True, autograph=False)
    picker = ExamplePicker() if examples is None else examples
    errors, names = [], []
    for batch in batches:
        estimate = dict(estimator(batch))
        chosen = estimate.pop("is_estimated", None)
        if chosen is not None:
            estimate = {k: tf.boolean_mask(v, chosen) for k, v in estimate.items()}
            batch = {k: tf.boolean_mask(v, chosen) for k, v in batch.items()}
        if not len(batch["image"]):
            continue
        found = score(estimate, {key: batch[key] for key in _NEEDED})
        errors.append({name: values.numpy() for name, values in found.items()})
        names.append(sample_names(batch))
        picker.add(_first_number(errors[-1]), batch, names[-1]["filename"])
        if on_progress is not None:
            on_progress(len(batch["image"]))
    if not errors:
        raise DataError("none of the people in the records is among the estimates.")
    result = Evaluation(protocol, _joined(errors), {}, _joined(names), picker)
    result.check_truth()
    return result


def check_body(body: Body, protocol: Protocol) -> None:
    """Refuses a body without the keypoint regressor that a protocol's 3D joints need.

    Raises:
        ConfigError: if it lacks it.
    """
    name = protocol.regressor
    if protocol.needs_joints and name not in body.keypoint_regressors:
        known = ", ".join(sorted(body.keypoint_regressors)) or "none"
        raise ConfigError(
            f"protocol {protocol.name} compares joints of the keypoint regressor '{name}', which "
            f"the model's body lacks (it has: {known}). Give its file with --joint_regressor, "
            "e.g. J_regressor_h36m.npy."
        )


def mean_estimate(
    model: tf.keras.Model, mean: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, tf.Tensor]:
    """Returns the Estimate with which the model began before it was trained.

    Pose, shape and camera are the mean parameters' own, so it faces the camera upright.

    Args:
        model: a model of `hmr_tf.models`.
        mean: (pose ``[72]`` axis-angle, betas), if not the model's own.

    Returns:
        An Estimate of one row, `vertices` included.
    """
    start = model.mean
    if mean is not None:
        pose = tf.reshape(tf.constant(mean[0], tf.float32), [1, -1, 3])
        start[outputs.ROTATIONS] = rotations_lib.axis_angle_to_matrix(pose)
        start[outputs.BETAS] = [mean[1]]
    keys = (outputs.ROTATIONS, outputs.BETAS, outputs.CAMERA)
    rotations, betas, camera = (tf.constant(start[key], tf.float32) for key in keys)
    joints_3d, smpl_joints_3d = model.keypoints(rotations, betas)
    return {
        outputs.ROTATIONS: rotations,
        outputs.BETAS: betas,
        outputs.CAMERA: camera,
        outputs.JOINTS_3D: joints_3d,
        outputs.SMPL_JOINTS_3D: smpl_joints_3d,
        outputs.KEYPOINTS_2D: model.project(joints_3d, camera),
        outputs.VERTICES: model.body(rotations, betas)["vertices"],
    }


def _make_step(
    model: tf.keras.Model,
    scorer: Scorer,
    mean: Mapping[str, tf.Tensor],
    flip_test: bool,
    with_meshes: bool,
) -> Callable[[Batch], tuple[dict, dict]]:
    """Returns the graph function from a batch to the errors of the model and of the mean pose.

    With meshes, `vertices` and `camera` stand beside the errors.
    """
    project_2d = _make_projector(model)

    def score(
        estimate: Mapping[str, tf.Tensor], batch: Batch, view: CropView
    ) -> dict[str, tf.Tensor]:
        errors = scorer.errors(project_2d(estimate, view), batch)
        if not with_meshes:
            return errors
        mesh = model.body(estimate[outputs.ROTATIONS], estimate[outputs.BETAS])
        return {
            **errors,
            outputs.VERTICES: mesh["vertices"],
            outputs.CAMERA: estimate[outputs.CAMERA],
        }

    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Batch) -> tuple[dict, dict]:
        images = batch["image"]
        view = crop_views.batch_view(batch, model.body)
        beside = extra_inputs.of_batch(model, batch)
        if flip_test:
            estimate = model.flip_test(images, view, **beside)
        else:
            estimate = model(images, training=False, view=view, **beside)
        repeated = {
            key: tf.repeat(mean[key], tf.shape(images)[0], axis=0)
            for key in (outputs.ROTATIONS, outputs.BETAS, outputs.CAMERA)
        }
        return score(estimate, batch, view), score(repeated, batch, view)

    return step


def _make_projector(
    model: tf.keras.Model,
) -> Callable[[Mapping[str, tf.Tensor], CropView], dict[str, tf.Tensor]]:
    """Returns what adds cocoplus keypoints in the crop to rotations, betas and camera.

    Of a body that has no such regressor, the same joints of J24; without either there are none.
    """
    body = model.body_model
    name = next((n for n in _KEYPOINTS_2D if n in body.keypoint_regressors), None)
    regress = None if name is None else MeshFreeKeypoints(body, name)

    def add_keypoints(estimate: Mapping[str, tf.Tensor], view: CropView) -> dict[str, tf.Tensor]:
        found = {key: estimate[key] for key in _COMPARED if key in estimate}
        if regress is not None:
            joints, _ = regress(found[outputs.ROTATIONS], found[outputs.BETAS])
            joints = schema.rearrange(joints, _KEYPOINTS_2D[name], skeletons.COCOPLUS19)
            found[outputs.KEYPOINTS_2D] = model.project(joints, found[outputs.CAMERA], view)
        return found

    return add_keypoints


def _first_number(errors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns `[B]` numbers by which people are the best and the worst: of the first source."""
    values = next(iter(errors.values()))
    if values.ndim == 1:
        return values
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=tuple(range(1, values.ndim)))
    count = known.sum(axis=tuple(range(1, values.ndim)))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
