"""The settings of `hmr`: architecture and losses."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class HMRConfig:
    """The architecture of `hmr`; stored in every checkpoint.

    Attributes:
        encoder: name in ``hmr_tf.models.ENCODERS``.
        pool: first pool of the pre-activation ResNets: `slim` (original release), `keras`, `hmr2`.
        image_size: side of the square input crop, px.
        window_px: side of what the crop shows, in px of an image in which the diagonal of the
            person's box is 150 px (the original release's person in its 224 px crop).
        rotation: what the regressor estimates per joint: `axis_angle` (original release),
            `6d_interleaved` (SPIN, mmhuman3d) or `6d_contiguous` (4D-Humans).
        regressor: `joint` (one output layer, ReLU: original release) or `separate`
            (three heads without activations: SPIN, mmhuman3d).
        num_iterations: rounds of iterative error feedback.
        hidden_units: width of the regressor's two hidden layers.
        dropout: share of units dropped in the regressor while training.
        train_mean: whether the mean parameters are trained, as in the original release.
        keypoints: keypoint regressor of the body that the 2D and 3D losses use.
        projection: how keypoints get into the crop: `weak_perspective` (original release) or
            `perspective` (SPIN, mmhuman3d), a pinhole that agrees with it at the body's depth.
        focal_px: focal length of `perspective`, px of a crop of 224 px.
        discriminator: `hmr` (original release) or `mmhuman3d` (no activation in the embedding and
            one hidden layer in the shape critic, as in pytorch_HMR too).
        rotate_base: whether the body is turned by half a turn about its own x axis before the
            global rotation estimated (pytorch_HMR).
    """

    encoder: str = "resnet50_v2"
    pool: str = "slim"
    image_size: int = 224
    window_px: float = 224.0
    rotation: str = "axis_angle"
    regressor: str = "joint"
    num_iterations: int = 3
    hidden_units: int = 1024
    dropout: float = 0.5
    train_mean: bool = True
    keypoints: str = "cocoplus"
    projection: str = "weak_perspective"
    focal_px: float = 5000.0
    discriminator: str = "hmr"
    rotate_base: bool = False


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Forms and weights of the losses; the defaults are the original release's.

    The forms are `l1`, `mse`, `half_mse` (half the square) and `smooth_l1` (half the square below
    an error of 1, the error less a half beyond).

    Attributes:
        keypoints_2d_weight: weight of the reprojection loss.
        keypoints_2d_loss: its form; errors in crop units.
        joints_3d_weight: weight of the 3D joint loss, relative to the middle of the hips.
        joints_3d_loss: its form; errors in metres.
        smpl_weight: weight of the pose and shape loss: half the squares of rotation matrices and
            betas, together.
        pose_weight: weight of the mean square of the rotation matrices alone (SPIN, mmhuman3d).
        betas_weight: weight of the mean square of the betas alone (SPIN, mmhuman3d).
        vertices_weight: weight of the mean absolute error of the mesh's coordinates, each mesh
            about its own origin (mmhuman3d).
        camera_weight: weight of exp(-10 scale)^2, which keeps the camera's scale positive (SPIN).
        adversarial_weight: weight of the discriminators' loss on the generator: a sum over its 25
            outputs (mmhuman3d takes their mean: 1/25 of its weight is the same).
        adversarial_stages: which iterations the discriminators judge: `all` (original release) or
            `last` (mmhuman3d).
        critic_gradient_weight: weight of the square of the discriminators' gradient on real bodies,
            in their own loss (R1); it keeps them smooth when they win too easily.
        heatmap_weight: weight of the loss on an encoder's heatmaps; needs one that draws them.
        depth_weight: weight of the loss on the depths it reads there.
        mean_pose_weight: weight of the mean square distance of the body's rotations from those at
            which estimation begins; a large one makes the body rigid.
        use_3d_labels: whether 3D joint, depth and SMPL labels are used where records have them.
        use_adversary: whether discriminators are trained.
    """

    keypoints_2d_weight: float = 60.0
    keypoints_2d_loss: str = "l1"
    joints_3d_weight: float = 60.0
    joints_3d_loss: str = "half_mse"
    smpl_weight: float = 60.0
    pose_weight: float = 0.0
    betas_weight: float = 0.0
    vertices_weight: float = 0.0
    camera_weight: float = 0.0
    adversarial_weight: float = 1.0
    adversarial_stages: str = "all"
    critic_gradient_weight: float = 0.0
    heatmap_weight: float = 0.0
    depth_weight: float = 0.0
    mean_pose_weight: float = 0.0
    use_3d_labels: bool = True
    use_adversary: bool = True
