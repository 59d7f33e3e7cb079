"""HybrIK: joints from heatmaps, twists from features, rotations by inverse kinematics.

Reference: J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human
Pose and Shape Estimation, CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import outputs
from hmr_tf.body import inverse_kinematics, model_file
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import crop_pinhole, heatmaps, rotations
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.models import encoders, heatmap_head, hybrik_flip, linear_heads
from hmr_tf.models.estimator import BodyEstimator
from tfrecords_tools import skeletons

COLORS = ("imagenet", "release")
JOINTS_FROM = ("heatmaps", "features")
# Numbers of the camera that each kind regresses.
CAMERAS = {"predicted": 3, "refined": 1, "given": 0}
NUM_TWISTS = 23
# 1000 px of a crop of 256 px.
FOCAL = 1000.0 / 256.0
MEAN_CAMERA = (0.9, 0.0, 0.0)
# Keeps the depth of a camera of scale 0 finite, as in the release.
_SCALE_SHIFT = 1e-9 / 256.0
_IMAGENET = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
_RELEASE = np.float32([[0.406, 0.457, 0.480], [0.225, 0.224, 0.229]])


class HybrIK(BodyEstimator):
    """Recovers a body from one image by finding its joints.

    While training, rotations are solved by the naive method and give the joints no gradient;
    otherwise by the adaptive one.

    Args:
        config: the architecture.
        body: the body whose joints and mesh are estimated; needs the keypoint regressor that
            `config.keypoints` names, and the points of its surface where the skeleton ends.
        mean: (pose ``[72]`` axis-angle, betas ``[num_betas]``): shapes are estimated relative to
            these, and both are the baseline of evaluations; the default is
            `mean_parameters.load_mean_parameters()`.
        precision: dtype policy of encoder and transposed convolutions: `float32`, `mixed_bfloat16`
            or `mixed_float16`. The rest is always float32.

    Attributes:
        encoder: images to features.
        heatmap_head: the encoder's last map to marginals of the joints' volumes; None if joints
            come from features.
        heads: features to shape, twists and the like.

    Call: images ``[batch, size, size, 3]`` float32 RGB in [0, 1] -> Estimate (`hmr_tf.outputs`)
    with the keys of `observe`, `heatmap_joints_3d` and, with ``with_vertices=True``, `vertices`.
    ``view``, a `CropView`, says where in the picture the crops lie; ``seed`` makes dropout a
    function of this seed alone.
    """

    config_class = config_lib.HybrIKConfig
    mean_camera = MEAN_CAMERA

    def __init__(
        self,
        config: config_lib.HybrIKConfig,
        body: model_file.Body,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        precision: str = "float32",
        name: str = "hybrik",
    ) -> None:
        _check(config)
        super().__init__(config, body, mean, precision, name)
        self.crop_focal = None if config.camera == "given" else FOCAL
        self.encoder = encoders.build_encoder(
            config.encoder, config.image_size, config.pool, dtype_policy=precision
        )
        self._seen = encoders.with_map(self.encoder)
        features, last_map = self._seen.output_shape
        self.heatmap_head = None
        if config.joints_from == "heatmaps":
            self.heatmap_head = heatmap_head.build_heatmap_head(
                last_map[1:],
                config.image_size,
                config.num_joints,
                config.deconv_width,
                config.heatmap_stride,
                precision,
            )
        _, mean_betas = self._mean
        means = {"betas": mean_betas, "camera": MEAN_CAMERA[: CAMERAS[config.camera]]}
        sizes = _head_sizes(config, body.num_betas)
        self.heads = linear_heads.LinearHeads(
            sizes, {k: means[k] for k in means if k in sizes}, config.hidden_units, config.dropout
        )
        self.heads.build(features)
        inverse_kinematics.rest_skeleton(body, mean_betas[np.newaxis])  # Refuses other bodies.
        bones = np.zeros([config.num_joints - 1, config.num_joints], np.float32)
        for bone, (child, parent) in enumerate(skeletons.HYBRIK29.bones[: len(bones)]):
            bones[bone, [child, parent]] = 1.0, -1.0
        self._bones = bones
        self.built = True

    def call(
        self,
        images: tf.Tensor,
        training: bool = False,
        with_vertices: bool = False,
        view: CropView | None = None,
        seed: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Estimates the body in each image; see the class."""
        observed = self.observe(images, training=training, seed=seed)
        return self.solve(observed, training, with_vertices, view)

    def flip_test(self, images: tf.Tensor, view: CropView | None = None) -> dict[str, tf.Tensor]:
        """Estimates people from their crops and from the mirrored crops.

        What was seen is averaged before the rotations are solved, once.
        """
        plain = self.observe(images)
        mirrored = self.observe(tf.reverse(images, axis=[2]))
        return self.solve(
            hybrik_flip.average(plain, hybrik_flip.mirror(mirrored, images.shape[2])), view=view
        )

    def observe(
        self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Returns what the network reads off images.

        Args:
            images: `[batch, size, size, 3]` float32 RGB in [0, 1].
            training: whether batch statistics and dropout are those of training.
            seed: `[2]` int32, of dropout.

        Returns:
            `joints_uvd`, `betas`, `twist`, `leaf_quaternions`, `crop_camera`, `sigma` and
            `heatmap_marginals` (`hmr_tf.outputs`), as far as the variant has them.
        """
        if self.config.colors == "release":
            gain = _IMAGENET[1] / _RELEASE[1]  # The encoder takes ImageNet's back.
            images = images * gain + (_IMAGENET[0] - _RELEASE[0] * gain)
        features, last_map = self._seen(images, training=training)
        found = self.heads(features, training=training, seed=seed)
        observed = {
            outputs.BETAS: found["betas"],
            outputs.TWIST: tf.reshape(found["twist"], [-1, NUM_TWISTS, 2]),
        }
        if self.heatmap_head is None:
            observed[outputs.JOINTS_UVD] = tf.reshape(
                found["joints_uvd"], [-1, self.config.num_joints, 3]
            )
        else:
            marginals = self.heatmap_head(last_map, training=training)
            cells = heatmaps.expected_cells(marginals)
            observed[outputs.JOINTS_UVD] = cells / marginals.shape[-1] - 0.5
            observed[outputs.HEATMAP_MARGINALS] = marginals
        if "leaf_quaternions" in found:
            observed[outputs.LEAF_QUATERNIONS] = tf.reshape(found["leaf_quaternions"], [-1, 5, 4])
        if "camera" in found:
            shift = [[0, 0], [0, 3 - found["camera"].shape[1]]]
            observed[outputs.CROP_CAMERA] = tf.pad(found["camera"], shift)
            observed[outputs.SIGMA] = tf.sigmoid(found["sigma"])
        return observed

    def solve(
        self,
        observed: Mapping[str, tf.Tensor],
        training: bool = False,
        with_vertices: bool = False,
        view: CropView | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns the Estimate of what was observed.

        Args:
            observed: what `observe` returned.
            training: whether rotations are solved as in training.
            with_vertices: whether the mesh is posed.
            view: where in the picture the crops lie; by default around its principal point.
        """
        estimate = dict(observed)
        uvd = observed[outputs.JOINTS_UVD]
        rest = inverse_kinematics.rest_skeleton(self.body_model, observed[outputs.BETAS])
        rest = rest[:, : self.config.num_joints]
        view = self._complete(view, uvd)
        if self.config.camera == "refined" and not training:
            estimate[outputs.CROP_CAMERA] = self._refined(observed, rest, view)
        depth = self._root_depth(estimate, rest, view)
        points = self._points(uvd, depth, view)
        pelvis = points[:, 0]
        estimate[outputs.HEATMAP_JOINTS_3D] = points - points[:, :1]
        matrices = self._rotations(
            estimate, rest, "naive" if training else "adaptive", training=training
        )
        estimate[outputs.ROTATIONS] = matrices
        # A crop's own pinhole puts the pelvis where the heatmap does.
        distance = pelvis[:, 2] - rest[:, 0, 2]
        shift = uvd[:, 0, :2] / view.focal * pelvis[:, 2:] - rest[:, 0, :2]
        scale = tf.math.divide_no_nan(2.0 * view.focal[:, 0], distance)
        estimate[outputs.CAMERA] = tf.concat([scale[:, tf.newaxis], shift], axis=-1)
        return self._posed(estimate, view, with_vertices, training)

    def _posed(
        self, estimate: dict[str, tf.Tensor], view: CropView, with_vertices: bool, training: bool
    ) -> dict[str, tf.Tensor]:
        """Adds what follows from rotations, betas and camera."""
        matrices, betas = estimate[outputs.ROTATIONS], estimate[outputs.BETAS]
        estimate[outputs.JOINTS_3D], estimate[outputs.SMPL_JOINTS_3D] = self.keypoints(
            matrices, betas
        )
        estimate[outputs.KEYPOINTS_2D] = self.project(
            estimate[outputs.JOINTS_3D], estimate[outputs.CAMERA], view
        )
        if with_vertices:
            estimate[outputs.VERTICES] = self.body(matrices, betas)["vertices"]
        if not training:
            estimate.pop(outputs.HEATMAP_MARGINALS, None)
        return estimate

    def project(
        self, points: tf.Tensor, camera: tf.Tensor, view: CropView | None = None
    ) -> tf.Tensor:
        """Projects a body's points by a pinhole; see `BodyEstimator`.

        The view is the one that was given for the Estimate.
        """
        view = self._complete(view, camera)
        depth = tf.math.divide_no_nan(2.0 * view.focal[:, 0], camera[:, 0])[:, tf.newaxis]
        # The crop's pinhole looks along its own middle, that of the view along the principal point.
        shift = camera[:, 1:] + view.offset / view.focal * depth
        points = points + tf.concat([shift, depth], axis=-1)[:, tf.newaxis]
        uvd = crop_pinhole.points_to_uvd(points, depth[:, 0], view.focal, view.offset, 1.0)
        return 2.0 * uvd[..., :2]

    def _complete(self, view: CropView | None, like: tf.Tensor) -> CropView:
        """Returns the view with this model's focal length where it is the model's or unknown."""
        view = crop_pinhole.centred_view(tf.shape(like)[0]) if view is None else view
        own = tf.fill(tf.shape(view.focal), FOCAL)
        if self.crop_focal is not None:
            return view._replace(focal=own)
        return view._replace(focal=tf.where(view.focal > 0.0, view.focal, own))

    def _points(self, uvd: tf.Tensor, depth: tf.Tensor, view: CropView) -> tf.Tensor:
        return crop_pinhole.uvd_to_points(
            uvd, depth, view.focal, view.offset, self.config.depth_range
        )

    def _root_depth(
        self, estimate: Mapping[str, tf.Tensor], rest: tf.Tensor, view: CropView
    ) -> tf.Tensor:
        """Returns the pelvis' depth `[batch]`, m: the camera's, or given, or the skeleton's."""
        if outputs.CROP_CAMERA in estimate:
            return FOCAL / (estimate[outputs.CROP_CAMERA][:, 0] + _SCALE_SHIFT)
        square_length = tf.reduce_sum(tf.square(self._bones @ rest), axis=[1, 2])
        by_bones = crop_pinhole.depth_by_bones(
            estimate[outputs.JOINTS_UVD],
            view.focal,
            view.offset,
            self.config.depth_range,
            self._bones,
            square_length,
        )
        return tf.where(view.root_depth > 0.0, view.root_depth, by_bones)

    def _refined(
        self, observed: Mapping[str, tf.Tensor], rest: tf.Tensor, view: CropView
    ) -> tf.Tensor:
        """Returns the camera `[batch, 3]` with its scale solved from the naive skeleton."""
        uvd, camera = observed[outputs.JOINTS_UVD], observed[outputs.CROP_CAMERA]
        points = self._points(uvd, self._root_depth(observed, rest, view), view)
        guess = {**observed, outputs.HEATMAP_JOINTS_3D: points - points[:, :1]}
        matrices = self._rotations(guess, rest, "naive", root="closed_form")
        _, joints = self.keypoints(matrices, observed[outputs.BETAS])
        count = joints.shape[1]
        # From the pelvis' plane, not from the camera's.
        pelvis = tf.concat([points[:, :1, :2], uvd[:, :1, 2:] * self.config.depth_range], axis=-1)
        weights = tf.maximum(1.0 - 10.0 * observed[outputs.SIGMA], 0.0)
        scale = crop_pinhole.refined_scale(
            camera[:, 0],
            uvd[:, :count],
            joints - joints[:, :1] + pelvis,
            weights[:, :count],
            view.focal,
            view.offset,
        )
        return tf.concat([scale[:, tf.newaxis], camera[:, 1:]], axis=-1)

    def _rotations(
        self,
        estimate: Mapping[str, tf.Tensor],
        rest: tf.Tensor,
        method: str,
        root: str = "svd",
        training: bool = False,
    ) -> tf.Tensor:
        """Solves the rotations `[batch, 24, 3, 3]`."""
        leaves = None
        if outputs.LEAF_QUATERNIONS in estimate:
            leaves = rotations.quaternion_to_matrix(estimate[outputs.LEAF_QUATERNIONS])
        return inverse_kinematics.solve(
            tf.stop_gradient(estimate[outputs.HEATMAP_JOINTS_3D]),
            rest,
            estimate[outputs.TWIST],
            method=method,
            switch=self.config.switch_m or None,
            root=self.config.train_root if training else root,
            leaf_rotations=leaves,
        )


def _head_sizes(config: config_lib.HybrIKConfig, num_betas: int) -> dict[str, int]:
    """Returns how many numbers each head gives."""
    sizes = {"betas": num_betas, "twist": 2 * NUM_TWISTS}
    if config.num_joints == model_file.NUM_JOINTS:
        sizes["leaf_quaternions"] = 4 * len(inverse_kinematics.LEAF_PARENTS)
    if config.camera != "given":
        sizes["camera"] = CAMERAS[config.camera]
        sizes["sigma"] = config.num_joints
    if config.joints_from == "features":
        sizes["joints_uvd"] = 3 * config.num_joints
    return sizes


def _check(config: config_lib.HybrIKConfig) -> None:
    counts = (model_file.NUM_JOINTS, skeletons.HYBRIK29.num_joints)
    for what, value, known in (
        ("colors", config.colors, COLORS),
        ("source of joints", config.joints_from, JOINTS_FROM),
        ("camera", config.camera, tuple(CAMERAS)),
        ("root solver", config.train_root, inverse_kinematics.ROOTS),
        ("number of joints", config.num_joints, counts),
    ):
        if value not in known:
            raise ConfigError(
                f"Unknown {what} '{value}'; expected one of: {', '.join(map(str, known))}."
            )
