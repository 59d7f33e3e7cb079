"""What all models are: settings, a body, a mean, and what is asked of them by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import keypoints, mean_parameters, model_file, smpl
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import rotations
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import flip_test


class BodyEstimator(tf.keras.Model):
    """Recovers a body from one image; the base of every model in `hmr_tf.models.MODELS`.

    A model calls this constructor, builds its networks, sets ``built``, and returns an Estimate
    (`hmr_tf.outputs`) from `call`. All variables exist once it is constructed. The body's arrays
    are constants: they are neither trained nor saved with the weights.

    Args:
        config: the architecture, a `config_class`.
        body: the body whose joints and mesh are estimated; needs the keypoint regressor that
            `config.keypoints` names.
        mean: (pose ``[72]`` axis-angle, betas ``[num_betas]``), the baseline of evaluations; the
            default is `mean_parameters.load_mean_parameters()`.
        precision: dtype policy of the image network: `float32`, `mixed_bfloat16` or
            `mixed_float16`. The rest is always float32.

    Attributes:
        config_class: dataclass of the settings.
        mean_camera: (scale, tx, ty) of the baseline.
        crop_focal: the camera's focal length in sides of the crop; None if it follows the image.
        extra_inputs, needs_extra_inputs: see `hmr_tf.models.extra_inputs`.
        config, precision: as given.
        body: the `SMPL` layer.
        keypoints: the `MeshFreeKeypoints` layer of `joints_3d`.
        body_model: the `Body` given.

    Raises:
        ConfigError: if mean and body have different numbers of betas.
    """

    config_class: type
    mean_camera: tuple[float, float, float]
    crop_focal: float | None = None
    extra_inputs: tuple[str, ...] = ()
    needs_extra_inputs = False

    def __init__(
        self,
        config: Any,
        body: model_file.Body,
        mean: tuple[np.ndarray, np.ndarray] | None,
        precision: str,
        name: str,
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.config = config
        self.precision = precision
        self.body_model = body
        mean_pose, mean_betas = mean_parameters.load_mean_parameters() if mean is None else mean
        if len(mean_betas) != body.num_betas:
            raise ConfigError(
                f"The mean has {len(mean_betas)} betas and the body {body.num_betas}; "
                "give a mean that fits the body."
            )
        self._mean = (np.asarray(mean_pose, np.float32), np.asarray(mean_betas, np.float32))
        self.body = smpl.SMPL(body)
        self.keypoints = keypoints.MeshFreeKeypoints(body, regressor=config.keypoints)

    def project(
        self, points: tf.Tensor, camera: tf.Tensor, view: CropView | None = None
    ) -> tf.Tensor:
        """Projects a body's points into the crop; by default in weak perspective.

        Args:
            points: `[batch, K, 3]` m, camera frame, not translated.
            camera: `[batch, 3]` (scale, tx, ty) of an Estimate.
            view: where in the picture the crops lie, for models whose camera depends on it.

        Returns:
            `[batch, K, 2]` crop units.
        """
        del view
        return camera_lib.weak_perspective(points, camera)

    def flip_test(self, images: tf.Tensor, view: CropView | None = None) -> dict[str, tf.Tensor]:
        """Estimates `rotations`, `betas` and `camera` from crops and from the mirrored crops.

        Args:
            images: `[batch, size, size, 3]` float32 RGB in [0, 1].
            view: as in `project`.

        Returns:
            The mean of both; see `hmr_tf.models.flip_test.average`.
        """
        del view
        return flip_test.estimate(self, images)

    @property
    def mean(self) -> dict[str, np.ndarray]:
        """The baseline of evaluations: `rotations`, `betas` and `camera` of one row each."""
        pose, betas = self._mean
        matrices = rotations.axis_angle_to_matrix(pose.reshape(1, -1, 3)).numpy()
        camera = np.float32([self.mean_camera])
        return {outputs.ROTATIONS: matrices, outputs.BETAS: betas[None], outputs.CAMERA: camera}

    @property
    def generator_variables(self) -> list[tf.Variable]:
        """Trainable variables of what estimates: all, but for those of discriminators."""
        return self.trainable_variables

    def get_config(self) -> dict[str, Any]:
        """Returns the architecture as plain types; the body is named by its kind."""
        return {
            "config": config_lib.to_dict(self.config),
            "body": self.body_model.kind,
            "precision": self.precision,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        body: model_file.Body | None = None,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        **others: Any,
    ) -> BodyEstimator:
        """Builds a model from `get_config`.

        Args:
            config: what `get_config` returned.
            body: the body; by default the embedded one that the config names.
            mean: as in the constructor; weights restored afterwards replace what depends on it.
            **others: of the model's constructor.

        Returns:
            The model with new weights.
        """
        return cls(
            config_lib.from_dict(cls.config_class, config["config"]),
            model_file.load_body(config["body"]) if body is None else body,
            mean,
            precision=config["precision"],
            name=config["name"],
            **others,
        )
