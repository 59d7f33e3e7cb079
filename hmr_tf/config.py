"""Frozen settings that entry points build from flags and pass down. Nothing here reads a flag."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from hmr_tf.errors import ConfigError


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
class AugmentConfig:
    """Random changes of a training crop; the defaults are the original release's.

    Attributes:
        scale_min, scale_max: range of the person's scale factor.
        shift_px: greatest shift of the crop centre per axis, px of an image in which the person has
            150 px, before scaling.
        rotation_deg: greatest in-plane rotation to either side, degrees.
        rotation_probability: share of samples that are rotated at all.
        spread: how scale and rotation are drawn: `uniform` in their ranges, or `normal` (SPIN,
            mmhuman3d), cut off at the ends of the ranges: the crop's side with half of its range as
            deviation, the angle with half of `rotation_deg`.
        flip_probability: share of samples that are mirrored.
        color_jitter: greatest relative change of each colour channel's gain.
        occluder_probability: share of samples that get one to seven objects pasted on.
        occluders: records of these objects, e.g. `voc`; shapes drawn at the start if empty.
        cutout_probability: share of samples that lose a rectangle.
        cutout_min, cutout_max: range of its height and width, shares of the crop's side.
        noise_areas: (dataset, share) pairs: samples of these datasets lose a rectangle to noise, of
            at most that share of the crop (HybrIK).
        noise_aspect: greatest ratio of its sides.
    """

    scale_min: float = 0.8
    scale_max: float = 1.23
    shift_px: float = 20.0
    rotation_deg: float = 0.0
    rotation_probability: float = 0.0
    spread: str = "uniform"
    flip_probability: float = 0.5
    color_jitter: float = 0.0
    occluder_probability: float = 0.0
    occluders: str = ""
    cutout_probability: float = 0.0
    cutout_min: float = 0.1
    cutout_max: float = 0.4
    noise_areas: tuple[tuple[str, float], ...] = ()
    noise_aspect: float = 2.0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which records are read and how they are mixed.

    Attributes:
        data_dir: folder that holds one folder of records per dataset.
        datasets: (name, weight) pairs; weights are relative within a kind (with or without 3D).
        mocap_datasets: motion-capture sets (`CMU`, `H3.6`, `jointLim`) under ``mocap_neutrMosh``,
            or those of other sources, e.g. `amass/KIT`.
        split: split of the records.
        pair_2d_with_3d: whether every batch takes half its samples from records with 3D labels and
            half from those without, as in the original release, whenever both kinds are named.
        window_px: side of the square of stored-image px that the unaugmented crop covers; the
            model's.
        shuffle_buffer: samples held for shuffling.
        cache: whether all encoded records are read into memory at the start.
        augment: random changes of the crop.
    """

    data_dir: str
    datasets: tuple[tuple[str, float], ...] = (("lsp", 1.0),)
    mocap_datasets: tuple[str, ...] = ("CMU",)
    split: str = "train"
    pair_2d_with_3d: bool = True
    window_px: float = 224.0
    shuffle_buffer: int = 2000
    cache: bool = False
    augment: AugmentConfig = AugmentConfig()


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


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        batch_size: global batch over all replicas.
        num_steps: generator updates.
        generator_learning_rate, discriminator_learning_rate: Adam's rates, of the model that
            estimates and of the critics.
        schedule: `constant`, `cosine` (to zero over `num_steps`) or `step` (to a tenth after each
            of `decay_steps`), after `warmup_steps`.
        decay_steps: steps after which the schedule `step` decays.
        warmup_steps: steps of linear warm-up.
        adam_epsilon: Adam's epsilon (1e-8 in the original release; Keras's own default is 1e-7).
        clip_norm: greatest norm of the whole batch's gradient, over all weights of the generator,
            and likewise of the discriminators; longer gradients are shortened. 0 for none.
        accumulate_steps: parts in which each replica's share of a batch is worked through, one
            after the other, for less memory. The update is that of the whole batch, but batch
            statistics and dropout are those of the parts.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
        jit_compile: whether XLA compiles the forward and backward pass; dropout then draws other
            numbers.
        average_decay: decay of the averaged generator weights used for evaluation; 0 for none.
        log_every, image_every, checkpoint_every: steps between log lines, overlays, checkpoints.
        keep_checkpoints: how many checkpoints are kept.
        seed: seed of weights, data order, augmentation and dropout.
        deterministic: whether runs with one seed must repeat to the last bit on one machine.
    """

    batch_size: int = 64
    num_steps: int = 667_680
    generator_learning_rate: float = 1e-5
    discriminator_learning_rate: float = 1e-4
    schedule: str = "constant"
    decay_steps: tuple[int, ...] = ()
    warmup_steps: int = 0
    adam_epsilon: float = 1e-8
    clip_norm: float = 0.0
    accumulate_steps: int = 1
    precision: str = "float32"
    jit_compile: bool = False
    average_decay: float = 0.0
    log_every: int = 100
    image_every: int = 1000
    checkpoint_every: int = 1000
    keep_checkpoints: int = 3
    seed: int = 0
    deterministic: bool = False


@dataclasses.dataclass(frozen=True)
class ValidationConfig:
    """Held-out people who are scored while a model is trained.

    Attributes:
        validate_every: steps between validations, one more after the last step; 0 for none.
        validation_split: split of the records that are scored.
        validation_datasets: datasets that are scored; those trained on if empty.
        validation_limit: people after which a validation stops, as many from each dataset; 0 for
            all.
        best_metric: by what the best weights are known, which are kept in `best`.
        early_stop_patience: validations without a new best after which a run ends; 0 for never.
    """

    validate_every: int = 0
    validation_split: str = "test"
    validation_datasets: tuple[str, ...] = ()
    validation_limit: int = 0
    best_metric: str = "pa_mpjpe_mm"
    early_stop_patience: int = 0


@dataclasses.dataclass(frozen=True)
class SynthesisConfig:
    """A synthetic dataset; two runs with equal settings write equal files.

    Attributes:
        num_images: pictures in all (layout `lsp`).
        num_test: how many of them, the last ones, show people of the test split.
        num_frames: motion-capture frames (layout `mosh`).
        num_limit_frames: frames of extreme poses beside them (`neutrSMPL_jointLim`).
        num_h36m_frames: frames beside them in the files of Human3.6M (`neutrSMPL_H3.6`).
        image_size: height and width of the pictures, px.
        seed: seed of everything random.
        body: name or path of the body model.
        gender: which file is taken if `body` is a folder.
        motion_dir: folder of AMASS or MoSh files to draw poses from; the embedded clips if empty.
        background_dir: folder of photographs to stand before; procedural pictures if empty.
    """

    num_images: int = 200
    num_test: int = 50
    num_frames: int = 20_000
    num_limit_frames: int = 0
    num_h36m_frames: int = 0
    image_size: int = 224
    seed: int = 0
    body: str = "free_body"
    gender: str = "neutral"
    motion_dir: str = ""
    background_dir: str = ""


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a dataclass as plain JSON types."""
    return dataclasses.asdict(config)


def defaults(config: Any) -> dict[str, Any]:
    """Returns a dataclass as `to_dict` does, with all settings at their defaults.

    Args:
        config: an instance; what has no default is taken from it.
    """
    required = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.default is field.default_factory is dataclasses.MISSING
    }
    return to_dict(type(config)(**required))


def from_dict(config_class: type, values: dict[str, Any]) -> Any:
    """Builds a config from plain JSON types.

    Raises:
        ConfigError: if a key is unknown to ``config_class``.
    """
    known = {field.name for field in dataclasses.fields(config_class)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(
            f"{config_class.__name__} has no setting {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(known))}. The file comes from another version of hmr_tf."
        )
    kinds = typing.get_type_hints(config_class)
    return config_class(**{name: _typed(value, kinds[name]) for name, value in values.items()})


def _typed(value: Any, kind: Any) -> Any:
    """Turns JSON's lists into tuples and its objects into the settings they came from."""
    if isinstance(value, dict) and dataclasses.is_dataclass(kind):
        return from_dict(kind, value)
    if isinstance(value, (list, tuple)):
        return tuple(_typed(item, None) for item in value)
    return value
