"""The settings of `sgre`: architecture and losses."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class SGREConfig:
    """The architecture of `sgre`; stored in every checkpoint. The defaults are its release's.

    Attributes:
        encoder: name in ``hmr_tf.models.ENCODERS``, of a network whose stem ends in a pool.
        pool: first pool of the pre-activation ResNets: `slim` (original release), `keras`, `hmr2`.
        image_size: side of the square input crop, px.
        window_px: side of what the crop shows, in px of an image in which the diagonal of the
            person's box is 150 px (the release's crop is 1.25 times the longer side of the box).
        colors: `raw` for images in [0, 1] as they are (the release), or `imagenet` as the encoder
            normalises them.
        keypoints: keypoint regressor of the body that gives `joints_3d`.
        estimation: `sequential`, global rotations each from its parent's (SGRE), or `direct`,
            rotations relative to the parents', each on its own, for comparison.
        needs_pose: whether everybody's 2D pose must be given (the release); else who has none is
            shown as they are, and the joints located in the crop are their pose.
    """

    encoder: str = "resnet50_v1"
    pool: str = "slim"
    image_size: int = 256
    window_px: float = 175.0
    colors: str = "raw"
    keypoints: str = "cocoplus"
    estimation: str = "sequential"
    needs_pose: bool = True


@dataclasses.dataclass(frozen=True)
class SGRELossConfig:
    """Weights of SGRE's losses; the defaults are its release's, where all it has are 1.

    Attributes:
        body_joint_img_weight, smpl_joint_img_weight: weights of the error of the joints in the
            crop's volume, against labels and against bodies.
        smpl_pose_weight: weight of the mean square of the rotation matrices.
        smpl_shape_weight: weight of the mean absolute error of the betas.
        body_joint_proj_weight: weight of the reprojection error against labels.
        body_joint_cam_weight, smpl_joint_cam_weight: weights of the error of the joints relative
            to the pelvis, against labels and against bodies.
        marginal_weight: weight of the cross-entropy between the marginals of the joints' volumes
            and a Gaussian at each of the body's joints, which finds limbs and their depths from
            random weights; not in the release.
        own_pose_share: share of the people in training whose given pose is withheld, so that the
            model finds them by itself.
        use_pose_errors: whether given poses get the synthetic errors of detectors.
    """

    body_joint_img_weight: float = 1.0
    smpl_joint_img_weight: float = 1.0
    smpl_pose_weight: float = 1.0
    smpl_shape_weight: float = 1.0
    body_joint_proj_weight: float = 1.0
    body_joint_cam_weight: float = 1.0
    smpl_joint_cam_weight: float = 1.0
    marginal_weight: float = 0.0
    own_pose_share: float = 0.0
    use_pose_errors: bool = True
