"""SMPLR: points of a body from volumes, corrected, then SMPL in reverse.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import gendered, keypoints, landmarks, model_file, smpl
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import volume_axes, volumes
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import denoising_autoencoder, hourglass, smpl_reverse
from hmr_tf.models.estimator import BodyEstimator

CAMERAS = ("predicted", "given")
NUM_POINTS = len(landmarks.MEAN_LENGTHS)
MEAN_CAMERA = (2.0 / volume_axes.EDGE, 0.0, 0.0)


class SMPLR(BodyEstimator):
    """Recovers a body from one image by finding points on its joints and its skin.

    Points are 41, m, camera frame, relative to the pelvis: those of `landmarks.POINTS` without it.

    Args:
        config: the architecture.
        body: the body whose points and mesh are estimated; needs the keypoint regressor that
            `config.keypoints` names.
        mean: (pose ``[72]`` axis-angle, betas ``[num_betas]``), the baseline of evaluations; the
            default is `mean_parameters.load_mean_parameters()`.
        precision: dtype policy of the hourglass: `float32`, `mixed_bfloat16` or `mixed_float16`.
            The rest is always float32.
        male: the body of men, if `body` is that of women; the shape network then says which of both
            a person has.

    Attributes:
        hourglass: images to volumes and, if it is predicted, the camera.
        autoencoder: points to corrected points; None without.
        shape_network, pose_network: lengths and directions of bones to shape and pose.

    Call: images ``[batch, size, size, 3]`` float32 RGB in [0, 1] -> Estimate (`hmr_tf.outputs`),
    with ``with_vertices=True`` also `vertices`. ``view`` is not used.
    """

    config_class = config_lib.SMPLRConfig
    mean_camera = MEAN_CAMERA

    def __init__(
        self,
        config: config_lib.SMPLRConfig,
        body: model_file.Body,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        precision: str = "float32",
        male: model_file.Body | None = None,
        name: str = "smplr",
    ) -> None:
        _check(config)
        super().__init__(config, body, mean, precision, name)
        self.male_body_model = male
        self.hourglass = _hourglass(config, precision)
        self.autoencoder = None
        if config.denoise:
            self.autoencoder = denoising_autoencoder.build_autoencoder(
                NUM_POINTS, config.dense_width, config.denoiser_dropout
            )
        width = config.dense_width
        self.shape_network = smpl_reverse.build_shape_network(body.num_betas, width)
        self.pose_network = smpl_reverse.build_pose_network(config.pose_output, width)
        self._posed_mesh, self._posed_points = self.body, _points_of(body, config.keypoints)
        if male is not None:
            gendered.check_pair(body, male)
            male_points = _points_of(male, config.keypoints)
            self._posed_points = gendered.GenderedBody(self._posed_points, male_points)
            self._posed_mesh = gendered.GenderedBody(self.body, smpl.SMPL(male))
        self._rest_joints = tf.constant(body.joint_regressor @ body.template)
        self.built = True

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        with_vertices: bool = False,
        view: CropView | None = None,
    ) -> dict[str, tf.Tensor]:
        """Estimates the body in each image; see the class."""
        del view
        drawn, camera = self.observe(images, training=training)
        uvd = self.places(drawn[-1])
        points = volume_axes.points_of(uvd, camera, self.config.axes)
        estimate = {
            outputs.JOINTS_UVD: uvd,
            outputs.CROP_CAMERA: camera,
            outputs.HEATMAP_JOINTS_3D: _with_pelvis(points),
        }
        if self.autoencoder is not None:
            points = self.denoise(points, training=training)
            estimate[outputs.DENOISED_JOINTS_3D] = _with_pelvis(points)
        matrices, betas, score = self.reverse(points, training=training)
        return {**estimate, **self.posed(matrices, betas, score, camera, with_vertices)}

    def observe(
        self, images: tf.Tensor, training: bool = False
    ) -> tuple[list[volumes.Reading], tf.Tensor]:
        """Runs the hourglass.

        Args:
            images: `[batch, size, size, 3]` float32 RGB in [0, 1].
            training: whether batch statistics and dropout are those of training.

        Returns:
            What each stack drew: maps of points, then of limbs; and `crop_camera` `[batch, 3]`:
            scale, sides of the crop per metre, and shift, m.
        """
        found = tf.nest.flatten(self.hourglass(images, training=training))
        if self.config.camera == "given":
            given = tf.constant([[1.0 / volume_axes.EDGE, 0.0, 0.0]])
            drawn = [volumes.read(logits) for logits in found]
            return drawn, tf.repeat(given, tf.shape(images)[0], axis=0)
        *found, numbers = found
        drawn = [volumes.read(logits) for logits in found]
        scale = tf.exp(numbers[:, :1]) / volume_axes.EDGE
        return drawn, tf.concat([scale, numbers[:, 1:]], axis=-1)

    def places(self, drawn: volumes.Reading) -> tf.Tensor:
        """Returns where the points `[batch, 41, 3]` are in a volume: shares of its sides."""
        return volumes.voxels_to_uvd(drawn.voxels[:, :NUM_POINTS], self.volume_sizes)

    def denoise(self, points: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns corrected points `[batch, 41, 3]`; missing ones are given as zeros."""
        own = volume_axes.from_camera(points, self.config.axes)
        return volume_axes.to_camera(self.autoencoder(own, training=training), self.config.axes)

    def reverse(
        self, points: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the pose and shape of bodies that have these points.

        Args:
            points: `[batch, 41, 3]`.
            training: whether batch statistics are those of training.

        Returns:
            Rotations `[batch, 24, 3, 3]`, camera frame; betas `[batch, S]`; `gender_score`
            `[batch]`.
        """
        matrices = self.pose_of(points, training=training)
        return (matrices, *self.shape_of(points, training=training))

    def pose_of(self, points: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the rotations alone; see `reverse`."""
        own = volume_axes.from_camera(points, self.config.axes)
        _, directions = smpl_reverse.bone_features(own)
        turn = tf.constant(volume_axes.rotation(self.config.axes))
        if self.config.upright:
            upright = smpl_reverse.upright(own, self._rest_joints)
            directions = tf.linalg.matmul(directions, upright)
            turn = tf.linalg.matmul(tf.broadcast_to(turn, tf.shape(upright)), upright)
        matrices = self.pose_network(directions, training=training)
        root = tf.linalg.matmul(tf.broadcast_to(turn, tf.shape(matrices[:, 0])), matrices[:, 0])
        return tf.concat([root[:, tf.newaxis], matrices[:, 1:]], axis=1)

    def shape_of(self, points: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns betas and gender score alone; see `reverse`."""
        lengths, _ = smpl_reverse.bone_features(points)
        shape = self.shape_network(lengths, training=training)
        return shape[:, :-1], shape[:, -1]

    def posed(
        self,
        matrices: tf.Tensor,
        betas: tf.Tensor,
        score: tf.Tensor,
        camera: tf.Tensor,
        with_vertices: bool = False,
    ) -> dict[str, tf.Tensor]:
        """Returns what follows of an Estimate from what `reverse` gave and the crop's camera."""
        which = () if self.male_body_model is None else (score,)
        points, joints = self._posed_points(matrices, betas, *which)
        # The crop's camera sees a body whose pelvis is the origin.
        shift = camera[:, 1:] - joints[:, 0, :2]
        camera = tf.concat([2.0 * camera[:, :1], shift], axis=-1)
        joints_3d, skin = tf.split(points, [-1, len(landmarks.NAMES)], axis=1)
        estimate = {
            outputs.ROTATIONS: matrices,
            outputs.BETAS: betas,
            outputs.GENDER_SCORE: score,
            outputs.CAMERA: camera,
            outputs.JOINTS_3D: joints_3d,
            outputs.KEYPOINTS_2D: self.project(joints_3d, camera),
            outputs.SMPL_JOINTS_3D: joints,
            outputs.LANDMARKS_3D: skin,
        }
        if with_vertices:
            estimate[outputs.VERTICES] = self._posed_mesh(matrices, betas, *which)["vertices"]
        return estimate

    @property
    def volume_sizes(self) -> tuple[int, int, int]:
        """Numbers of voxels along u, v and d."""
        side = self.config.image_size // hourglass.STRIDE
        return side, side, self.config.depths

    @property
    def parts(self) -> dict[str, tf.keras.Model]:
        """The networks that are trained, saved and imported by themselves, by name."""
        found = {"hourglass": self.hourglass, "autoencoder": self.autoencoder}
        found.update(shape=self.shape_network, pose=self.pose_network)
        return {name: part for name, part in found.items() if part is not None}


def _hourglass(config: config_lib.SMPLRConfig, precision: str) -> tf.keras.Model:
    """Volumes of all stacks and, if it is predicted, the camera's three numbers."""
    num_maps = NUM_POINTS + len(landmarks.LIMBS) * config.limb_maps
    network = hourglass.build_hourglass(
        config.image_size,
        num_maps,
        config.depths,
        config.num_stacks,
        config.hourglass_width,
        config.hourglass_dropout,
        precision,
    )
    *drawn, features = network.outputs
    if config.camera == "given":
        return tf.keras.Model(network.input, drawn, name="hourglass")
    head = tf.keras.layers.Dense(3, kernel_initializer="zeros", name="camera", dtype="float32")
    return tf.keras.Model(network.input, [*drawn, head(features)], name="hourglass")


def _points_of(body: model_file.Body, regressor: str) -> keypoints.MeshFreeKeypoints:
    """Keypoints, then landmarks."""
    return keypoints.MeshFreeKeypoints(
        landmarks.with_landmarks(body, regressor), landmarks.REGRESSOR
    )


def _with_pelvis(points: tf.Tensor) -> tf.Tensor:
    return tf.pad(points, [[0, 0], [1, 0], [0, 0]])


def _check(config: config_lib.SMPLRConfig) -> None:
    for what, value, known in (
        ("camera", config.camera, CAMERAS),
        ("axes", config.axes, volume_axes.AXES),
        ("pose output", config.pose_output, smpl_reverse.ROTATIONS),
    ):
        if value not in known:
            raise ConfigError(f"Unknown {what} '{value}'; expected one of: {', '.join(known)}.")
    if config.axes == "release" and config.camera != "given":
        raise ConfigError("The release's axes need a given camera; set camera to 'given'.")
