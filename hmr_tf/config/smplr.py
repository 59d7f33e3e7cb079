"""The settings of `smplr`: architecture, stages and losses."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class SMPLRConfig:
    """The architecture of `smplr`; stored in every checkpoint.

    The defaults mend what the release got wrong; `hmr_tf.weights.smplr` has the release's settings.

    Attributes:
        image_size: side of the square input crop, px, a multiple of 4; the volumes have a quarter
            of it as rows and columns.
        window_px: side of what the crop shows, in px of an image in which the diagonal of the
            person's box is 150 px.
        keypoints: keypoint regressor of the body that gives `joints_3d`.
        num_stacks: hourglasses, one after the other.
        hourglass_width: channels of their units, a multiple of 8.
        depths: voxels of a volume in depth.
        limb_maps: whether the hourglasses draw arms and legs beside the points.
        hourglass_dropout: share dropped between hourglasses while training (0.1 in the release).
        camera: `predicted` (scale and shift, regressed) or `given`: the crop is 2.5 m wide where
            the pelvis is, and the pelvis is its middle (release).
        axes: the volumes' axes: those of the `camera`, or those of the `release`, in which what is
            up in the picture is depth in the volume; with a given camera only.
        denoise: whether the autoencoder stands between the hourglass and the networks of pose and
            shape.
        denoiser_dropout: share dropped within it while training (0.2 in the release).
        dense_width: units of the widest fully connected layers.
        pose_output: what the pose network gives: `6d`, `svd` (matrices, made rotations) or `raw`
            (matrices as they are: the release, whose weights fit `svd`, too).
        upright: whether points are turned upright by hips and spine before the pose network reads
            them (not in the release).
    """

    image_size: int = 256
    window_px: float = 175.0
    keypoints: str = "cocoplus"
    num_stacks: int = 5
    hourglass_width: int = 256
    depths: int = 16
    limb_maps: bool = True
    hourglass_dropout: float = 0.0
    camera: str = "predicted"
    axes: str = "camera"
    denoise: bool = True
    denoiser_dropout: float = 0.0
    dense_width: int = 1024
    pose_output: str = "6d"
    upright: bool = True

    @property
    def has_metric_crops(self) -> bool:
        """Whether a crop shows 2.5 m around the pelvis, where that is known, not `window_px`."""
        return self.camera == "given"


@dataclasses.dataclass(frozen=True)
class SMPLRLossConfig:
    """What one stage of SMPLR's training learns, from what, and the losses' weights.

    Errors of points are in metres, those of the volumes' points in voxels.

    Attributes:
        stages: (name, steps) pairs of stages that are trained one after the other, each from the
            weights of the one before; without any, one run of `stage`.
        stage_rates: (name, learning rate) pairs of those that do not have
            `generator_learning_rate`.
        stage_batches: (name, batch size) pairs of those that do not have `batch_size`.
        stage: the part that is trained: `hourglass`, `autoencoder`, `shape`, `pose`, `reverse`
            (shape and pose, also through the body) or `end_to_end` (all).
        source: what the parts behind the hourglass learn from: points of the `labels`, with noise,
            or what the hourglass finds in `images`.
        noise_law: noise on the labels' points: `none`, `uniform` (release), `normal` or `hourglass`
            (errors that the hourglass of an earlier stage makes on people of the training).
        swap_probability: share of arms, and of legs, whose sides the noise confuses.
        missing_probability: share of points that the noise leaves out.
        volume_loss: `cross_entropy` of each map, or `sigmoid`, of each voxel by itself (release).
        limb_targets: how arms and legs are drawn: `tube`, or as in the `release`.
        volume_weight: weight of the volumes' loss.
        coordinates_weight: weight of the points read off them (0 in the release).
        crop_camera_weight: weight of the crop's scale and shift, where they are predicted.
        denoised_weight: weight of the autoencoder's points.
        pose_l1_weight: weight of the rotation matrices.
        betas_l1_weight: weight of the betas.
        betas_size_weight: weight of the betas' own size.
        gender_weight: weight of the gender.
        gender_form: `logistic`, or `l1` from 1 or -1 (release).
        body_joints_weight, body_landmarks_weight: weights of joints and landmarks of the body that
            is estimated.
    """

    stages: tuple[tuple[str, float], ...] = ()
    stage_rates: tuple[tuple[str, float], ...] = ()
    stage_batches: tuple[tuple[str, float], ...] = ()
    stage: str = "end_to_end"
    source: str = "labels"
    noise_law: str = "normal"
    swap_probability: float = 0.0
    missing_probability: float = 0.1
    volume_loss: str = "cross_entropy"
    limb_targets: str = "tube"
    volume_weight: float = 1.0
    coordinates_weight: float = 1.0
    crop_camera_weight: float = 1.0
    denoised_weight: float = 1.0
    pose_l1_weight: float = 1.0
    betas_l1_weight: float = 1.0
    betas_size_weight: float = 0.01
    gender_weight: float = 1.0
    gender_form: str = "logistic"
    body_joints_weight: float = 1.0
    body_landmarks_weight: float = 1.0
