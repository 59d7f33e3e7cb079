"""SMPLR's training, stage by stage: hourglass, autoencoder, shape and pose, then all together.

A stage trains some parts of the model and leaves the others as they are, statistics of batches
included; it begins with the weights of an earlier one (`--initial_weights`). No gradient passes
through a part that is not trained. What the release calls its noise is drawn anew in every step;
that of the law `hourglass` from errors which the stage begins by collecting.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf import outputs
from hmr_tf.body.model_file import NUM_JOINTS
from hmr_tf.data import root_crop, smplr_targets
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import rotations, volume_axes, volumes
from hmr_tf.training import hourglass_errors, point_noise, smplr_losses
from hmr_tf.training.supervised import Batch, SupervisedTask
from hmr_tf.training.task import Views

_VOLUMES = {
    "cross_entropy": smplr_losses.volume_cross_entropy,
    "sigmoid": smplr_losses.volume_sigmoid_loss,
}
_GENDERS = {"logistic": smplr_losses.gender_loss, "l1": smplr_losses.gender_l1_loss}
# Keys of what `SMPLRTask.estimate` adds.
_DRAWN, _LOCATED = "drawn", "located"


@dataclasses.dataclass(frozen=True)
class Stage:
    """What is trained, and by which losses.

    Attributes:
        parts: names of `SMPLR.parts`.
        losses: name of each loss -> the field of its weight in `SMPLRLossConfig`.
    """

    parts: tuple[str, ...]
    losses: Mapping[str, str]


_OF_HOURGLASS = {
    "volume": "volume_weight",
    "coordinates": "coordinates_weight",
    "crop_camera": "crop_camera_weight",
}
_OF_AUTOENCODER = {"denoised": "denoised_weight"}
_OF_SHAPE = {
    "betas": "betas_l1_weight",
    "betas_size": "betas_size_weight",
    "gender": "gender_weight",
}
_OF_POSE = {"pose": "pose_l1_weight"}
_OF_BODY = {"body_joints": "body_joints_weight", "body_landmarks": "body_landmarks_weight"}
_OF_BOTH = {**_OF_POSE, **_OF_SHAPE, **_OF_BODY}
STAGES = {
    "hourglass": Stage(("hourglass",), _OF_HOURGLASS),
    "autoencoder": Stage(("autoencoder",), _OF_AUTOENCODER),
    "shape": Stage(("shape",), _OF_SHAPE),
    "pose": Stage(("pose",), _OF_POSE),
    "reverse": Stage(("shape", "pose"), _OF_BOTH),
    "end_to_end": Stage(
        ("hourglass", "autoencoder", "shape", "pose"),
        {**_OF_HOURGLASS, **_OF_AUTOENCODER, **_OF_BOTH},
    ),
}


class SMPLRTask(SupervisedTask):
    """Trains parts of `hmr_tf.models.smplr.SMPLR`; losses are an `SMPLRLossConfig`.

    Of parts that a stage does not train, the optimizer gets gradients of zero, which leave them as
    they are.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if self._losses.stage not in STAGES:
            raise ConfigError(
                f"Unknown stage '{self._losses.stage}'; expected one of: {', '.join(STAGES)}."
            )
        self._stage = STAGES[self._losses.stage]
        if self._stage.parts == ("autoencoder",) and not self._model_config.denoise:
            raise ConfigError("There is no autoencoder to train; set denoise.")
        # Of the hourglass, once it has been asked (`prepare`).
        self._errors: tf.Tensor | None = None
        if self._needs_errors and not self._initial_folder:
            raise ConfigError(
                f"The stage '{self._losses.stage}' cannot have the noise of an hourglass that is "
                "not trained; train it in an earlier stage, give --initial_weights, or take "
                "another --noise_law."
            )

    @property
    def needs_images(self) -> bool:
        """Whether the hourglass is trained, or asked."""
        return "hourglass" in self._stage.parts or self._losses.source == "images"

    @property
    def _needs_errors(self) -> bool:
        return self._losses.noise_law == "hourglass" and not self.needs_images

    def prepare(self, make_dataset: Callable[[int], tf.data.Dataset]) -> None:
        """Collects the hourglass's errors on people of the training, if they are the noise."""
        if self._needs_errors:
            elements = make_dataset(hourglass_errors.BATCH_SIZE)
            count = hourglass_errors.COUNT
            self._errors = hourglass_errors.collect(self.model, elements, count)

    def views(self, element: Any) -> Views:
        """Shows the first images of a batch, if there are any."""
        return super().views(element) if self.needs_images else Views()

    def targets(self) -> smplr_targets.SMPLRTargets:
        """Returns what makes the targets in the input graph."""
        squares = root_crop.squares_of(self._model_config, self._body)
        return smplr_targets.SMPLRTargets(self._body, squares)

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """The stage's losses, as far as they have a weight."""
        weights = {name: getattr(self._losses, field) for name, field in self._stage.losses.items()}
        if not self._model_config.denoise:
            weights.pop("denoised", None)
        return {name: weight for name, weight in weights.items() if weight}

    def estimate(self, batch: Batch, seed: tf.Tensor | None) -> dict[str, Any]:
        """Runs the model, the stage's parts as in training; see `SupervisedTask`."""
        model, is_trained = self.model, self._is_trained
        drawn: list[volumes.Reading] = []
        if self.needs_images:
            points, camera, drawn = hourglass_errors.locate_points(
                model, batch, training=is_trained("hourglass")
            )
        else:
            points, camera = self._disturbed(batch["points"], seed), batch["points_camera"]
        if not is_trained("hourglass"):
            points = tf.stop_gradient(points)
        estimate = {_DRAWN: drawn, _LOCATED: points, outputs.CROP_CAMERA: camera}
        if model.autoencoder is not None:
            points = model.denoise(points, training=is_trained("autoencoder"))
            estimate[outputs.DENOISED_JOINTS_3D] = points
            if not is_trained("autoencoder"):
                points = tf.stop_gradient(points)
        matrices = model.pose_of(points, training=is_trained("pose"))
        shape = model.shape_of(points, training=is_trained("shape"))
        return {**estimate, **model.posed(matrices, *shape, camera)}

    def terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Computes the stage's losses, without their weights."""
        made: dict[str, losses_lib.Loss] = {}
        if self._is_trained("hourglass"):
            made.update(self._hourglass_terms(estimate, batch))
        known, points = batch["has_smpl"], batch["points"]
        l1 = smplr_losses.l1_loss
        if "denoised" in self.loss_weights:
            made["denoised"] = l1(estimate[outputs.DENOISED_JOINTS_3D], points, known)
        betas = estimate[outputs.BETAS]
        pose = tf.reshape(batch["pose_axis_angle"], [-1, NUM_JOINTS, 3])
        body = estimate[outputs.SMPL_JOINTS_3D]
        skin = estimate[outputs.LANDMARKS_3D] - body[:, :1]
        num_joints = NUM_JOINTS - 1
        made.update(
            pose=l1(estimate[outputs.ROTATIONS], rotations.axis_angle_to_matrix(pose), known),
            betas=l1(betas, batch["betas"], known),
            betas_size=l1(betas, tf.zeros_like(betas), known),
            gender=_GENDERS[self._losses.gender_form](
                estimate[outputs.GENDER_SCORE], batch["gender"]
            ),
            body_joints=l1(body[:, 1:] - body[:, :1], points[:, :num_joints], known),
            body_landmarks=l1(skin, points[:, num_joints:], known),
        )
        return {name: made[name] for name in self.loss_weights}

    def _hourglass_terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Volumes of all stacks, the points read off them, and the camera."""
        losses, sizes = self._losses, self.model.volume_sizes
        known = batch["has_points_camera"]
        axes = self._model_config.axes
        places = volume_axes.places_of(batch["points"], batch["points_camera"], axes)
        voxels = volumes.uvd_to_voxels(places, sizes)
        limbs = None
        if self._model_config.limb_maps:
            limbs = smplr_losses.limb_maps(voxels, sizes, losses.limb_targets)
        draw = _VOLUMES[losses.volume_loss]
        drawn, coordinates = [], []
        for reading in estimate[_DRAWN]:
            drawn.append(draw(reading, voxels, known, limbs))
            found = reading.voxels[:, : voxels.shape[1]]
            coordinates.append(smplr_losses.l1_loss(found, voxels, known))
        camera = smplr_losses.l1_loss(estimate[outputs.CROP_CAMERA], batch["points_camera"], known)
        return {"volume": _sum(drawn), "coordinates": _sum(coordinates), "crop_camera": camera}

    def _disturbed(self, points: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        losses = self._losses
        return point_noise.disturb(
            points,
            tf.zeros([2], tf.int32) if seed is None else seed,
            losses.noise_law,
            self._errors,
            losses.swap_probability,
            losses.missing_probability,
        )

    def _is_trained(self, part: str) -> bool:
        return part in self._stage.parts


def _sum(parts: list[losses_lib.Loss]) -> losses_lib.Loss:
    """Adds up the means of stacks, which count the same."""
    return losses_lib.Loss(tf.add_n([part.total for part in parts]), parts[0].count)
