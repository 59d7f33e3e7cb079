"""HMR: an encoder, an iterative regressor, a body and the discriminators that judge it.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import model_file
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.geometry import rotations as rotations_lib
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import discriminator, encoders, regressor
from hmr_tf.models.estimator import BodyEstimator

ROTATION_FORMS = ("axis_angle", "6d_interleaved", "6d_contiguous")
PROJECTIONS = ("weak_perspective", "perspective")
_DISCRIMINATORS = {
    "hmr": {},
    "mmhuman3d": {"embedding_activation": None, "shape_units": (5,)},
}
_NUM_JOINTS = 24
# Times the global rotation's columns: half a turn about x before it.
_BASE_TURN = np.ones((_NUM_JOINTS, 1, 3), np.float32)
_BASE_TURN[0] = (1.0, -1.0, -1.0)
# The crop that `focal_px` belongs to.
_FOCAL_CROP_PX = 224.0


def encode_pose(pose_axis_angle: np.ndarray, rotation: str) -> np.ndarray:
    """Writes an axis-angle pose in the numbers that a regressor of that rotation form estimates.

    Args:
        pose_axis_angle: `[72]` radians.
        rotation: one of `ROTATION_FORMS`.

    Returns:
        `[72]` or `[144]` float32, joint by joint.
    """
    pose = np.asarray(pose_axis_angle, np.float64).reshape(_NUM_JOINTS, 3)
    if rotation == "axis_angle":
        return pose.astype(np.float32).reshape(-1)
    columns = Rotation.from_rotvec(pose).as_matrix()[..., :2]
    if rotation == "6d_contiguous":
        columns = np.swapaxes(columns, -1, -2)
    return columns.astype(np.float32).reshape(-1)


def decode_pose(pose: tf.Tensor, rotation: str) -> tf.Tensor:
    """Turns a regressor's pose numbers into rotation matrices.

    Args:
        pose: `[batch, 72]` or `[batch, 144]`, joint by joint.
        rotation: one of `ROTATION_FORMS`.

    Returns:
        `[batch, 24, 3, 3]` float32.
    """
    if rotation == "axis_angle":
        return rotations_lib.axis_angle_to_matrix(tf.reshape(pose, [-1, _NUM_JOINTS, 3]))
    layout = rotation[len("6d_") :]
    return rotations_lib.rotation_6d_to_matrix(
        tf.reshape(pose, [-1, _NUM_JOINTS, 6]), layout=layout
    )


def project(
    points: tf.Tensor, camera: tf.Tensor, projection: str, focal_px: float = 5000.0
) -> tf.Tensor:
    """Projects a body's points into the crop.

    `perspective` sees the body from 2 focal / (224 scale) m, with the crop's centre as principal
    point: what lies at z = 0 lands where `weak_perspective` puts it.

    Args:
        points: `[batch, K, 3]` m, camera frame, not translated.
        camera: `[batch, 3]` (scale, tx, ty).
        projection: one of `PROJECTIONS`.
        focal_px: focal length of `perspective`, px of a crop of 224 px.

    Returns:
        `[batch, K, 2]` crop units.
    """
    if projection == "weak_perspective":
        return camera_lib.weak_perspective(points, camera)
    translation = camera_lib.camera_to_translation(camera, focal_px, _FOCAL_CROP_PX)
    # Crop units: half the crop is one.
    focal = tf.fill(tf.shape(camera)[:1], 2.0 * focal_px / _FOCAL_CROP_PX)
    return camera_lib.perspective(
        points + translation[:, tf.newaxis], focal, tf.zeros_like(camera[:, :2])
    )


class HMR(BodyEstimator):
    """Recovers a body from one image.

    Args:
        config: the architecture.
        body: the body whose joints and mesh are estimated; needs the keypoint regressor that
            `config.keypoints` names.
        mean: (pose ``[72]`` axis-angle, betas ``[num_betas]``) at which the regressor begins; the
            default is `mean_parameters.load_mean_parameters()`.
        precision: dtype policy of the encoder: `float32`, `mixed_bfloat16` or `mixed_float16`. The
            rest is always float32.

    Attributes:
        encoder: images to features.
        draws_heatmaps: whether the encoder also gives heatmaps of the keypoints.
        regressor: features to camera, pose and betas.
        discriminator: the 25 critics.

    Call: images ``[batch, size, size, 3]`` float32 RGB in [0, 1] -> Estimate (`hmr_tf.outputs`) of
    the last iteration; with ``with_vertices=True`` also `vertices`. ``view``, where crops lie in
    the picture, is not used: the camera knows the crop alone.
    """

    config_class = config_lib.HMRConfig

    def __init__(
        self,
        config: config_lib.HMRConfig,
        body: model_file.Body,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        precision: str = "float32",
        name: str = "hmr",
    ) -> None:
        _check(config)
        super().__init__(config, body, mean, precision, name)
        mean_pose, mean_betas = self._mean
        self.encoder = encoders.build_encoder(
            config.encoder, config.image_size, config.pool, dtype_policy=precision
        )
        self.regressor = regressor.IterativeRegressor(
            encode_pose(mean_pose, config.rotation),
            mean_betas,
            form=config.regressor,
            num_iterations=config.num_iterations,
            hidden_units=config.hidden_units,
            dropout=config.dropout,
            train_mean=config.train_mean,
        )
        self.discriminator = discriminator.Discriminator(**_DISCRIMINATORS[config.discriminator])
        self.draws_heatmaps = isinstance(self.encoder.output, dict)
        shape = self.encoder.output_shape
        self.regressor.build(shape[outputs.FEATURES] if self.draws_heatmaps else shape)
        self.discriminator.build(
            {
                "rotations": [None, discriminator.NUM_JOINTS, 3, 3],
                "betas": [None, self.regressor.num_betas],
            }
        )
        self.built = True

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        with_vertices: bool = False,
        view: CropView | None = None,
    ) -> dict[str, tf.Tensor]:
        """Estimates the body in each image; see the class."""
        estimate = self.stages(images, training=training)[-1]
        for key in (outputs.HEATMAPS, outputs.DEPTHS):
            estimate.pop(key, None)
        if with_vertices:
            mesh = self.body(estimate[outputs.ROTATIONS], estimate[outputs.BETAS])
            estimate[outputs.VERTICES] = mesh["vertices"]
        return estimate

    def project(
        self, points: tf.Tensor, camera: tf.Tensor, view: CropView | None = None
    ) -> tf.Tensor:
        """Projects a body's points into the crop; see the function `project`."""
        return project(points, camera, self.config.projection, self.config.focal_px)

    @property
    def mean(self) -> dict[str, np.ndarray]:
        """Where estimation begins: `rotations`, `betas` and `camera` of one row each."""
        start = self.regressor
        with tf.init_scope():  # Numbers, also where a graph is being traced.
            pose = tf.constant([start.mean_pose], tf.float32)
            rotations = decode_pose(pose, self.config.rotation).numpy()
        return {
            outputs.ROTATIONS: rotations,
            outputs.BETAS: np.float32([start.mean_betas]),
            outputs.CAMERA: np.float32([start.mean_camera]),
        }

    def stages(
        self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None
    ) -> list[dict[str, tf.Tensor]]:
        """Estimates with every iteration kept, for the adversary and for looking inside.

        Args:
            images: `[batch, size, size, 3]` float32 RGB in [0, 1].
            training: whether batch statistics and dropout are those of training.
            seed: `[2]` int32; makes dropout a function of this seed alone, so that a resumed run
                repeats.

        Returns:
            One dict per iteration with `rotations`, `betas`, `camera` and `pose` ``[batch, 72 or
            144]`` (the regressor's own numbers); the last is a whole Estimate, with the `heatmaps`
            and `depths` of an encoder that draws them.
        """
        features = self.encoder(images, training=training)
        seen = features if self.draws_heatmaps else {outputs.FEATURES: features}
        features = seen[outputs.FEATURES]
        stages = self.regressor(features, training=training, seed=seed)
        for stage in stages:
            rotations = decode_pose(stage["pose"], self.config.rotation)
            if self.config.rotate_base:
                rotations *= _BASE_TURN
            stage[outputs.ROTATIONS] = rotations
        last = stages[-1]
        joints_3d, smpl_joints_3d = self.keypoints(last[outputs.ROTATIONS], last[outputs.BETAS])
        last[outputs.JOINTS_3D] = joints_3d
        last[outputs.SMPL_JOINTS_3D] = smpl_joints_3d
        if self.draws_heatmaps:
            last[outputs.HEATMAPS] = seen[outputs.HEATMAPS]
            last[outputs.DEPTHS] = seen[outputs.DEPTHS]
        last[outputs.KEYPOINTS_2D] = self.project(joints_3d, last[outputs.CAMERA])
        return stages

    @property
    def generator_variables(self) -> list[tf.Variable]:
        """Trainable variables of the encoder and the regressor, the mean included."""
        return self.encoder.trainable_variables + self.regressor.trainable_variables


def _check(config: config_lib.HMRConfig) -> None:
    for what, value, known in (
        ("rotation form", config.rotation, ROTATION_FORMS),
        ("projection", config.projection, PROJECTIONS),
        ("discriminator", config.discriminator, tuple(_DISCRIMINATORS)),
    ):
        if value not in known:
            raise ConfigError(f"Unknown {what} '{value}'; expected one of: {', '.join(known)}.")
    for name in ("num_iterations", "hidden_units"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1; got {getattr(config, name)}.")
