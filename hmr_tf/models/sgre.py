"""SGRE: an image and a 2D pose to global rotations, estimated joint after joint along the tree.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import keypoints, model_file, sgre_joints
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import global_rotations, rotations
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import encoders, flip_test, joint_graph, pose_guidance
from hmr_tf.models.estimator import BodyEstimator
from hmr_tf.models.position_net import PositionNet, sample_map
from hmr_tf.models.rotation_chain import NUM_BRANCHES, TREE, RotationChain
from tfrecords_tools import skeletons

ESTIMATIONS = ("sequential", "direct")
NUM_JOINTS = skeletons.SGRE30.num_joints
# 5000 px of a crop of 256 px.
FOCAL = 5000.0 / 256.0
# Depths are read as shares of it, m.
DEPTH_RANGE = 2.0
# The body is no farther away than where the crop would show 2.5 m, m.
FARTHEST = FOCAL * 2.5
MEAN_CAMERA = (0.9, 0.0, 0.0)
# Added to depths, as in the release.
_DEPTH_SHIFT = 1e-4
_DEVIATION = 0.01


class SGRE(BodyEstimator):
    """Recovers a body from one image and the person's 2D pose.

    Before it is trained the model estimates the mean pose, in front of the camera.

    Args:
        config: the architecture.
        body: the body whose joints and mesh are estimated; needs the keypoint regressor that
            `config.keypoints` names, and one that knows its face.
        mean: (pose ``[72]`` axis-angle, betas ``[num_betas]``) at which estimation begins, and the
            baseline of evaluations; the default is `mean_parameters.load_mean_parameters()`.
        precision: dtype policy of the convolutions before the last map: `float32`,
            `mixed_bfloat16` or `mixed_float16`. The rest is always float32.

    Attributes:
        encoder: the image network as a whole.
        guided: the same in two parts, between which the pose is shown.
        position_net, graph, chain: the networks on the last map.
        heads: name -> the linear layers of `betas` and `camera`.

    Call: images ``[batch, size, size, 3]`` float32 RGB in [0, 1] and ``pose_2d``
    ``[batch, 30, 3]`` float32 (x, y in crop units, visibility; joints of `skeletons.SGRE30`) ->
    Estimate (`hmr_tf.outputs`) with SGRE's keys and, with ``with_vertices=True``, `vertices`. With
    a person of whom no point is visible, and with everybody without ``pose_2d``, nothing is shown
    but the image; the estimate's `pose_2d` are then the joints that the model locates by itself.
    ``view`` is taken for the sake of other models, and not used.
    """

    config_class = config_lib.SGREConfig
    mean_camera = MEAN_CAMERA
    crop_focal = FOCAL
    extra_inputs = (outputs.POSE_2D,)

    def __init__(
        self,
        config: config_lib.SGREConfig,
        body: model_file.Body,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        precision: str = "float32",
        name: str = "sgre",
    ) -> None:
        _check(config)
        super().__init__(config, body, mean, precision, name)
        self.encoder = encoders.build_encoder(
            config.encoder, config.image_size, config.pool, dtype_policy=precision
        )
        self.guided = pose_guidance.guided(self.encoder, NUM_JOINTS, config.colors, precision)
        self._build_estimators()
        self._joints = keypoints.MeshFreeKeypoints(
            sgre_joints.with_sgre_joints(body), sgre_joints.REGRESSOR, name="body_joints"
        )
        self.built = True

    def _build_estimators(self) -> None:
        """Makes what reads the last map."""
        _, betas = self._mean
        map_shape = self.guided.trunk.output_shape
        channels, num_graph = map_shape[-1], len(joint_graph.JOINTS)
        self.position_net = PositionNet(NUM_JOINTS)
        self.graph = joint_graph.JointGraph()
        self.chain = RotationChain(self._start(), self.config.estimation == "sequential")
        # Where (0, 0, x) becomes the mean camera.
        share = 2.0 * FOCAL / MEAN_CAMERA[0] / FARTHEST
        camera = [MEAN_CAMERA[1], MEAN_CAMERA[2], np.log(share / (1.0 - share))]
        self.heads = {"betas": _dense("betas", betas), "camera": _dense("camera", camera)}
        width = num_graph * joint_graph.WIDTH
        for layer, shape in (
            (self.position_net, map_shape),
            (self.graph, [None, num_graph, channels + 4]),
            (self.chain, [[None, width], [None, NUM_BRANCHES, channels]]),
            *((head, [None, width]) for head in self.heads.values()),
        ):
            with tf.name_scope(layer.name):
                layer.build(shape)

    def _start(self) -> np.ndarray:
        """Returns the mean pose `[24, 6]` as the chain writes it."""
        matrices = self.mean[outputs.ROTATIONS][0]
        if self.config.estimation == "sequential":
            matrices = global_rotations.local_to_global(matrices, TREE)
        return rotations.matrix_to_rotation_6d(matrices).numpy()

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        with_vertices: bool = False,
        view: CropView | None = None,
        pose_2d: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Estimates the body in each image; see the class."""
        if pose_2d is None:
            if self.config.needs_pose:
                raise ConfigError("This model needs everybody's 2D pose; give pose_2d.")
            pose_2d = tf.zeros([tf.shape(images)[0], NUM_JOINTS, 3])
        features = self.guided.stem(images, training=training)
        drawn = tf.cast(pose_guidance.gaussian_maps(pose_2d, features.shape[1]), features.dtype)
        features = self.guided.fusion([features, drawn], training=training)
        last_map = self.guided.trunk(features, training=training)
        cells, scores, marginals = self.position_net(last_map)
        places = cells / last_map.shape[1] - 0.5
        estimate = {
            outputs.POSE_2D: _given_or_located(pose_2d, places),
            outputs.JOINTS_UVD: places,
            outputs.JOINT_SCORES: scores,
            **self._body(last_map, tf.stop_gradient(cells), scores, training),
        }
        if training:
            estimate[outputs.HEATMAP_MARGINALS] = marginals
        return self._posed(estimate, with_vertices)

    def _body(
        self, last_map: tf.Tensor, cells: tf.Tensor, scores: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """Returns rotations, betas and camera as read at the joints located."""
        local = sample_map(last_map, cells)
        vertices = tf.concat([local, cells, scores[..., tf.newaxis]], axis=-1)
        graph = self.graph(tf.gather(vertices, joint_graph.JOINTS, axis=1), training=training)
        numbers = self.chain([graph, local[:, 1 : 1 + NUM_BRANCHES]])
        matrices = rotations.rotation_6d_to_matrix(numbers)
        if self.config.estimation == "sequential":
            turned, relative = matrices, global_rotations.global_to_local(matrices, TREE)
        else:
            turned, relative = global_rotations.local_to_global(matrices, TREE), matrices
        camera = self.heads["camera"](graph)
        depth = FARTHEST * tf.sigmoid(camera[:, 2:])
        return {
            outputs.GLOBAL_ROTATIONS: turned,
            outputs.ROTATIONS: relative,
            outputs.BETAS: self.heads["betas"](graph),
            outputs.CAMERA: tf.concat([2.0 * FOCAL / depth, camera[:, :2]], axis=-1),
        }

    def _posed(self, estimate: dict[str, tf.Tensor], with_vertices: bool) -> dict[str, tf.Tensor]:
        """Adds what follows from rotations, betas and camera."""
        matrices, betas = estimate[outputs.ROTATIONS], estimate[outputs.BETAS]
        camera = estimate[outputs.CAMERA]
        estimate[outputs.JOINTS_3D], estimate[outputs.SMPL_JOINTS_3D] = self.keypoints(
            matrices, betas
        )
        estimate[outputs.KEYPOINTS_2D] = self.project(estimate[outputs.JOINTS_3D], camera)
        estimate[outputs.BODY_JOINTS_3D], _ = self._joints(matrices, betas)
        estimate[outputs.BODY_JOINTS_2D] = self.project(estimate[outputs.BODY_JOINTS_3D], camera)
        if with_vertices:
            estimate[outputs.VERTICES] = self.body(matrices, betas)["vertices"]
        return estimate

    def flip_test(
        self,
        images: tf.Tensor,
        view: CropView | None = None,
        pose_2d: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Estimates `rotations`, `betas` and `camera` from crops and from the mirrored crops."""
        size, mirrored_pose = images.shape[2], None
        if pose_2d is not None:
            # Reversed columns take x to -x - 2 / size, as crop units count from pixel centres.
            mirrored_pose = tf.gather(pose_2d, skeletons.SGRE30.flip, axis=1)
            mirrored_pose = mirrored_pose * (-1.0, 1.0, 1.0) - (2.0 / size, 0.0, 0.0)
        plain = self(images, pose_2d=pose_2d)
        mirrored = self(tf.reverse(images, axis=[2]), pose_2d=mirrored_pose)
        return flip_test.average(plain, flip_test.mirror_estimate(mirrored, size))

    def project(
        self, points: tf.Tensor, camera: tf.Tensor, view: CropView | None = None
    ) -> tf.Tensor:
        """Projects a body's points by a pinhole before the crop's middle; see `BodyEstimator`."""
        depth = tf.math.divide_no_nan(2.0 * FOCAL, camera[:, 0])[:, tf.newaxis]
        moved = points + tf.concat([camera[:, 1:], depth], axis=-1)[:, tf.newaxis]
        return 2.0 * FOCAL * tf.math.divide_no_nan(moved[..., :2], moved[..., 2:] + _DEPTH_SHIFT)

    @property
    def needs_extra_inputs(self) -> bool:
        """Whether everybody's pose must be given."""
        return self.config.needs_pose


def _given_or_located(pose_2d: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Returns the poses given `[batch, 30, 3]`, or of who has none the joints located."""
    is_given = tf.reduce_any(pose_2d[..., 2:] > 0.0, axis=1, keepdims=True)
    located = tf.concat([2.0 * places[..., :2], tf.ones_like(places[..., :1])], axis=-1)
    return tf.where(is_given, pose_2d, located)


def _dense(name: str, start: Any) -> tf.keras.layers.Dense:
    """Returns a layer whose bias is given."""
    start = np.asarray(start, np.float32)
    return tf.keras.layers.Dense(
        len(start),
        kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
        bias_initializer=tf.keras.initializers.Constant(start),
        name=name,
        dtype="float32",
    )


def _check(config: config_lib.SGREConfig) -> None:
    for what, value, known in (
        ("colors", config.colors, pose_guidance.COLORS),
        ("estimation", config.estimation, ESTIMATIONS),
    ):
        if value not in known:
            raise ConfigError(f"Unknown {what} '{value}'; expected one of: {', '.join(known)}.")
