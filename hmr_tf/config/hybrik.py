"""The settings of `hybrik`: architecture and losses."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class HybrIKConfig:
    """The architecture of `hybrik`; stored in every checkpoint. The defaults are its release's.

    Attributes:
        encoder: name in ``hmr_tf.models.ENCODERS``.
        pool: first pool of the pre-activation ResNets: `slim` (original release), `keras`, `hmr2`.
        image_size: side of the square input crop, px, a multiple of 32.
        window_px: side of what the crop shows, in px of an image in which the diagonal of the
            person's box is 150 px (the release's crop is 1.25 times the longer side of the box).
        colors: how images are normalised: `imagenet`, or `release`, whose statistics stand in the
            order of blue, green, red.
        keypoints: keypoint regressor of the body that gives `joints_3d`.
        num_joints: joints that are located: 29, or 24 without the leaves of the skeleton, whose
            rotations are then regressed.
        joints_from: what locates them: `heatmaps` or `features` (the release's regression models).
        deconv_width: channels of the transposed convolutions before the heatmaps.
        heatmap_stride: side of a cell of the heatmaps, px of the crop; they have as many depths as
            cells on a side.
        hidden_units: width of the two layers before the heads; 0 for none.
        dropout: share of their units dropped while training.
        camera: `predicted` (scale and shift), `refined` (scale alone, in inference solved again
            from the skeleton: the release's HRNet models) or `given` (from outside).
        depth_range: m; depths are read as shares of it.
        switch_m: distance from where the adaptive solver aims, m, beyond which a bone takes its own
            direction; 0 for never, as in the paper.
        train_root: how the global rotation is solved while training: `closed_form` (release) or
            `svd`.
    """

    encoder: str = "resnet34_v1"
    pool: str = "slim"
    image_size: int = 256
    window_px: float = 175.0
    colors: str = "imagenet"
    keypoints: str = "cocoplus"
    num_joints: int = 29
    joints_from: str = "heatmaps"
    deconv_width: int = 256
    heatmap_stride: int = 4
    hidden_units: int = 1024
    dropout: float = 0.5
    camera: str = "predicted"
    depth_range: float = 2.2
    switch_m: float = 0.015
    train_root: str = "closed_form"


@dataclasses.dataclass(frozen=True)
class HybrIKLossConfig:
    """Forms and weights of HybrIK's losses; the defaults are its release's with estimated camera.

    Attributes:
        uvd_weight: weight of the error of the heatmaps' joints.
        uvd_loss: its form: `l1`, in 64ths of the crop, or `laplace`, the likelihood under a Laplace
            distribution whose width the model estimates for each joint.
        marginal_weight: weight of the cross-entropy between the heatmaps' marginals and a Gaussian
            at each joint, which finds limbs from random weights; not in the release.
        betas_weight: weight of the mean square of the betas alone.
        pose_weight: weight of the mean square of the rotation matrices alone.
        twist_weight: weight of the mean square of the twists' cosines and sines.
        weak_camera_weight: weight of the mean squares of the camera's scale and of its shift.
        drop_outside: whether joints with labels in 3D that lie outside of the crop, or beyond its
            depth, are not supervised (the release's models with a given camera).
    """

    uvd_weight: float = 1.0
    uvd_loss: str = "l1"
    marginal_weight: float = 0.0
    betas_weight: float = 1.0
    pose_weight: float = 0.01
    twist_weight: float = 1.0
    weak_camera_weight: float = 1.0
    drop_outside: bool = False
