"""Trains a model on records that hmr_tf.convert wrote.

    python -m hmr_tf.train --flagfile=flags/hmr_synthetic.flags --data_dir RECORDS --log_dir LOG
    python -m hmr_tf.train --flagfile=flags/hmr_paper.flags --data_dir RECORDS --log_dir LOG

LOG is then a checkpoint for hmr_tf.predict, evaluate and export. The same command continues a run
that was stopped, to the same numbers, or says that it has finished.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags, logging

from hmr_tf import command, common_flags, config
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.models import ENCODERS, HEATMAP_ENCODERS
from hmr_tf.training import SETTINGS, TASKS

FLAGS_FILE = "flags.txt"

_CHOICES = {
    "encoder": tuple(ENCODERS.names),
    "keypoints": ("cocoplus",),  # The order of the records' labels.
    "pool": ("slim", "keras", "hmr2"),
    "rotation": ("axis_angle", "6d_interleaved", "6d_contiguous"),
    "regressor": ("joint", "separate"),
    "projection": ("weak_perspective", "perspective"),
    "discriminator": ("hmr", "mmhuman3d"),
    "spread": ("uniform", "normal"),
    "keypoints_2d_loss": ("l1", "mse", "half_mse", "smooth_l1"),
    "joints_3d_loss": ("l1", "mse", "half_mse", "smooth_l1"),
    "adversarial_stages": ("all", "last"),
    "colors": ("imagenet", "release", "raw"),
    "estimation": ("sequential", "direct"),
    "joints_from": ("heatmaps", "features"),
    "camera": ("predicted", "refined", "given"),
    "train_root": ("closed_form", "svd"),
    "uvd_loss": ("l1", "laplace"),
    "axes": ("camera", "release"),
    "pose_output": ("6d", "svd", "raw"),
    "stage": ("hourglass", "autoencoder", "shape", "pose", "reverse", "end_to_end"),
    "source": ("labels", "images"),
    "noise_law": ("none", "uniform", "normal", "hourglass"),
    "volume_loss": ("cross_entropy", "sigmoid"),
    "limb_targets": ("tube", "release"),
    "gender_form": ("logistic", "l1"),
    "schedule": ("constant", "cosine", "step"),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "best_metric": ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "keypoints_2d_px"),
}
_NOT_NEGATIVE, _POSITIVE, _SHARE = (0, None), (1, None), (0.0, 1.0)
_BOUNDS = {
    "image_size": (32, 1024),
    "num_iterations": _POSITIVE,
    "hidden_units": _NOT_NEGATIVE,
    "dropout": (0.0, 0.95),
    "scale_min": (0.05, None),
    "scale_max": (0.05, None),
    "shift_px": _NOT_NEGATIVE,
    "rotation_deg": (0.0, 180.0),
    "rotation_probability": _SHARE,
    "flip_probability": _SHARE,
    "color_jitter": _SHARE,
    "occluder_probability": _SHARE,
    "cutout_probability": _SHARE,
    "cutout_min": _SHARE,
    "cutout_max": _SHARE,
    "noise_aspect": (1.0, None),
    "num_joints": (24, 29),
    "deconv_width": _POSITIVE,
    "depth_range": (0.1, None),
    "switch_m": _NOT_NEGATIVE,
    "focal_px": (1.0, None),
    "window_px": (1.0, None),
    "shuffle_buffer": _POSITIVE,
    "keypoints_2d_weight": _NOT_NEGATIVE,
    "joints_3d_weight": _NOT_NEGATIVE,
    "smpl_weight": _NOT_NEGATIVE,
    "pose_weight": _NOT_NEGATIVE,
    "betas_weight": _NOT_NEGATIVE,
    "vertices_weight": _NOT_NEGATIVE,
    "camera_weight": _NOT_NEGATIVE,
    "adversarial_weight": _NOT_NEGATIVE,
    "heatmap_weight": _NOT_NEGATIVE,
    "depth_weight": _NOT_NEGATIVE,
    "mean_pose_weight": _NOT_NEGATIVE,
    "uvd_weight": _NOT_NEGATIVE,
    "marginal_weight": _NOT_NEGATIVE,
    "twist_weight": _NOT_NEGATIVE,
    "weak_camera_weight": _NOT_NEGATIVE,
    "num_stacks": _POSITIVE,
    "hourglass_width": (8, None),
    "depths": _POSITIVE,
    "hourglass_dropout": (0.0, 0.95),
    "denoiser_dropout": (0.0, 0.95),
    "dense_width": (4, None),
    "swap_probability": _SHARE,
    "missing_probability": _SHARE,
    "volume_weight": _NOT_NEGATIVE,
    "coordinates_weight": _NOT_NEGATIVE,
    "crop_camera_weight": _NOT_NEGATIVE,
    "denoised_weight": _NOT_NEGATIVE,
    "pose_l1_weight": _NOT_NEGATIVE,
    "betas_l1_weight": _NOT_NEGATIVE,
    "betas_size_weight": _NOT_NEGATIVE,
    "gender_weight": _NOT_NEGATIVE,
    "body_joints_weight": _NOT_NEGATIVE,
    "body_landmarks_weight": _NOT_NEGATIVE,
    "pose_head_width": _NOT_NEGATIVE,
    "body_joint_img_weight": _NOT_NEGATIVE,
    "smpl_joint_img_weight": _NOT_NEGATIVE,
    "smpl_pose_weight": _NOT_NEGATIVE,
    "smpl_shape_weight": _NOT_NEGATIVE,
    "body_joint_proj_weight": _NOT_NEGATIVE,
    "body_joint_cam_weight": _NOT_NEGATIVE,
    "smpl_joint_cam_weight": _NOT_NEGATIVE,
    "pose_head_weight": _NOT_NEGATIVE,
    "own_pose_share": _SHARE,
    "batch_size": _POSITIVE,
    "num_steps": _POSITIVE,
    "generator_learning_rate": _NOT_NEGATIVE,
    "discriminator_learning_rate": _NOT_NEGATIVE,
    "warmup_steps": _NOT_NEGATIVE,
    "adam_epsilon": (1e-12, None),
    "clip_norm": _NOT_NEGATIVE,
    "accumulate_steps": _POSITIVE,
    "average_decay": (0.0, 0.999999),
    "log_every": _POSITIVE,
    "image_every": _NOT_NEGATIVE,
    "checkpoint_every": _NOT_NEGATIVE,
    "keep_checkpoints": _POSITIVE,
    "validate_every": _NOT_NEGATIVE,
    "validation_limit": _NOT_NEGATIVE,
    "early_stop_patience": _NOT_NEGATIVE,
    "seed": (0, 2**31 - 1),
}

_DATA_DIR = common_flags.define_data_dir()
_LOG_DIR = flags.DEFINE_string(
    "log_dir",
    None,
    "Folder of the run: checkpoints, logs, curve.",
    allow_override=True,  # absl.logging has a flag of this name.
)
_BODY, _GENDER = common_flags.define_body()
_MODEL = flags.DEFINE_enum("model", "hmr", TASKS.names, "Model to train.")
_MEAN_PARAMETERS = flags.DEFINE_string(
    "mean_parameters",
    None,
    "The mean pose and shape at which estimation begins: a file, .h5 (hmr) or .npz (SPIN), or "
    "'mocap' for the mean of --mocap_datasets; without it a standing pose.",
)
_INITIAL_WEIGHTS = flags.DEFINE_string(
    "initial_weights",
    None,
    "Folder of the weights to begin with: an encoder or a model that import_weights wrote, or a "
    "run; without it new ones.",
)
_NUM_LOGICAL_CPUS = common_flags.define_num_logical_cpus()
for _settings in (part for pair in SETTINGS.values() for part in pair):
    common_flags.define_config(_settings, _CHOICES, _BOUNDS)
common_flags.define_config(config.AugmentConfig, _CHOICES, _BOUNDS)
common_flags.define_config(
    config.DataConfig, _CHOICES, _BOUNDS, skip=("data_dir", "augment", "window_px")
)
common_flags.define_config(config.TrainConfig, _CHOICES, _BOUNDS)
common_flags.define_config(config.ValidationConfig, _CHOICES, _BOUNDS)
flags.mark_flags_as_required(["data_dir", "log_dir"])


@flags.multi_flags_validator(["scale_min", "scale_max"], "--scale_min must not exceed --scale_max.")
def _scales_are_ordered(values: dict[str, Any]) -> bool:
    return values["scale_min"] <= values["scale_max"]


@flags.multi_flags_validator(
    ["occluders", "occluder_probability"],
    "--occluders are pasted with --occluder_probability only; give that, too.",
)
def _occluders_are_pasted(values: dict[str, Any]) -> bool:
    return not values["occluders"] or values["occluder_probability"] > 0


@flags.multi_flags_validator(
    ["cutout_min", "cutout_max"], "--cutout_min must not exceed --cutout_max."
)
def _cutouts_are_ordered(values: dict[str, Any]) -> bool:
    return values["cutout_min"] <= values["cutout_max"]


@flags.multi_flags_validator(
    ["warmup_steps", "num_steps"], "--warmup_steps must be less than --num_steps."
)
def _warmup_ends(values: dict[str, Any]) -> bool:
    return values["warmup_steps"] < values["num_steps"]


@flags.multi_flags_validator(
    ["use_adversary", "mocap_datasets"],
    "--use_adversary needs --mocap_datasets; give some, or --nouse_adversary.",
)
def _adversary_has_mocap(values: dict[str, Any]) -> bool:
    return bool(values["mocap_datasets"]) or not values["use_adversary"]


@flags.multi_flags_validator(
    ["rotation_deg", "rotation_probability"],
    "--rotation_deg and --rotation_probability need each other; give both, or neither.",
)
def _rotations_happen(values: dict[str, Any]) -> bool:
    return (values["rotation_deg"] > 0) == (values["rotation_probability"] > 0)


@flags.multi_flags_validator(
    ["heatmap_weight", "depth_weight", "use_3d_labels", "encoder"],
    "--heatmap_weight and --depth_weight need an encoder that draws heatmaps: --encoder="
    f"{' or '.join(HEATMAP_ENCODERS)}; give it, or weights of 0.",
)
def _heatmaps_are_drawn(values: dict[str, Any]) -> bool:
    needed = values["heatmap_weight"] or (values["depth_weight"] and values["use_3d_labels"])
    return not needed or values["encoder"] in HEATMAP_ENCODERS


@flags.multi_flags_validator(
    ["early_stop_patience", "validate_every"],
    "--early_stop_patience counts validations; give --validate_every, too.",
)
def _patience_has_validations(values: dict[str, Any]) -> bool:
    return not values["early_stop_patience"] or values["validate_every"] > 0


@flags.multi_flags_validator(
    ["schedule", "decay_steps"],
    "--schedule=step and --decay_steps need each other; give both, or neither.",
)
def _steps_decay(values: dict[str, Any]) -> bool:
    return (values["schedule"] == "step") == bool(values["decay_steps"])


def main(argv: Sequence[str]) -> None:
    """Trains, or continues, or says that nothing is left to do."""
    del argv
    if flags.FLAGS["verbosity"].using_default_value:
        logging.set_verbosity(logging.INFO)
    model_class, losses_class = SETTINGS[_MODEL.value]
    _refuse_flags_without_effect()
    common_flags.use_defaults(model_class, losses_class)
    model_config = common_flags.build_config(model_class)
    data = common_flags.build_config(
        config.DataConfig,
        data_dir=_DATA_DIR.value,
        window_px=model_config.window_px,
        augment=common_flags.build_config(config.AugmentConfig),
    )
    losses = common_flags.build_config(losses_class)
    train = common_flags.build_config(config.TrainConfig)
    if not os.path.isdir(data.data_dir):
        raise DataError(
            f"There is no folder '{data.data_dir}' (--data_dir); make records with hmr_tf.convert."
        )
    validation = common_flags.build_config(config.ValidationConfig)
    import tensorflow as tf

    from hmr_tf.training import devices, staged

    # Nothing needs AutoGraph, and it would take a third of the time until the first step.
    train_plainly = tf.autograph.experimental.do_not_convert(_train)
    for stage in staged.plan(losses, train, _LOG_DIR.value, _INITIAL_WEIGHTS.value):
        outcome = train_plainly(model_config, data, validation, stage)
        if outcome.stopped_by:
            print(
                f"stopped by {outcome.stopped_by} at step {outcome.step} of "
                f"{stage.train.num_steps}; a checkpoint is saved, run the same command again to "
                "continue",
                file=sys.stderr,
            )
            sys.exit(128 + signal.Signals[outcome.stopped_by])
        if stage.log_dir != _LOG_DIR.value:
            logging.info("Stage %s is done: %s", stage.losses.stage, stage.log_dir)
            tf.keras.backend.clear_session()
    if devices.find_worker().is_chief:
        _print_end(outcome)


def _flags_without_effect() -> set[str]:
    """Returns the flags of other models that the model at hand does not have."""
    names = {
        model: {field.name for part in pair for field in dataclasses.fields(part)}
        for model, pair in SETTINGS.items()
    }
    return set().union(*names.values()) - names[_MODEL.value]


def _refuse_flags_without_effect() -> None:
    given = [name for name in sorted(_flags_without_effect()) if flags.FLAGS[name].present]
    if given:
        raise ConfigError(
            f"--{', --'.join(given)}: not a setting of --model={_MODEL.value}; leave it out."
        )


def _print_end(outcome: Any) -> None:
    """Says what there is now and what to do with it."""
    log_dir, data_dir = _LOG_DIR.value, _DATA_DIR.value
    state = "had already finished" if outcome.was_finished else "finished"
    early = " early, as validations no longer became better" if outcome.is_early else ""
    print(f"Training {state}{early}: {log_dir} is a checkpoint of step {outcome.step}.")
    if outcome.best_step >= 0:
        log_dir = os.path.join(log_dir, "best")
        print(f"The weights of the best validation, of step {outcome.best_step}: {log_dir}")
    arguments = ("--checkpoint", log_dir, "--data_dir", data_dir)
    print("Next:", shlex.join(["python", "-m", "hmr_tf.evaluate", *arguments]))


def _train(
    model_config: Any, data: config.DataConfig, validation: config.ValidationConfig, stage: Any
) -> Any:
    """Checks all that can be checked, then runs the loop; returns its `Outcome`.

    Args:
        model_config: settings of the model.
        data: the records.
        validation: who is held out.
        stage: a `hmr_tf.training.staged.Run`.
    """
    import tensorflow as tf

    from hmr_tf import checkpoints
    from hmr_tf.body import mean_parameters, model_file
    from hmr_tf.data import mocap, pipeline, root_crop
    from hmr_tf.training import batch_files, devices, folder_lock, loop, preflight, resume
    from hmr_tf.training import validation as validation_lib
    from hmr_tf.weights import initial_weights

    losses, train, log_dir = stage.losses, stage.train, stage.log_dir
    initial = stage.initial_weights
    worker = devices.find_worker()
    preflight.check_log_dir(log_dir)
    body = model_file.load_body(_BODY.value, _GENDER.value)
    body.regressor(model_config.keypoints)
    if _MEAN_PARAMETERS.value == "mocap":
        mean = mocap.mean_body(data.data_dir, data.mocap_datasets)
    else:
        mean = mean_parameters.load_mean_parameters(_MEAN_PARAMETERS.value)
    preflight.check_mean(mean, body)
    task = TASKS.get(_MODEL.value)(_MODEL.value, model_config, body, train, losses, mean, initial)
    held_out = validation_lib.held_out(validation, data)
    groups = {"model": model_config, "data": data, "losses": losses, "train": train}
    groups["validation"] = validation
    settings = {
        **{name: config.to_dict(group) for name, group in groups.items()},
        "mean_parameters": [round(float(x), 5) for part in mean for x in part],
        "records": preflight.find_records(data, task.needs_3d, task.mocap_batch_size > 0),
    }
    preflight.check_validation(validation, held_out, data)
    if initial:
        initial_weights.check(initial, model_config, body.kind)
        settings["initial_weights"] = initial_weights.identify(initial)
    planned = checkpoints.Description(
        model=_MODEL.value,
        model_config={},
        body=checkpoints.describe_body(body),
        task=task.name,
        settings=checkpoints.plain(settings),
    )
    if checkpoints.has_description(log_dir):
        defaults = {name: config.defaults(group) for name, group in groups.items()}
        before = checkpoints.read_description(log_dir)
        resume.check_same_run(log_dir, before, planned, checkpoints.plain(defaults))
        done = checkpoints.latest_step(log_dir) or 0
        if done >= train.num_steps:
            best = checkpoints.latest_step(os.path.join(log_dir, validation_lib.BEST_DIR))
            return loop.Outcome(done, was_finished=True, best_step=-1 if best is None else best)

    devices.make_repeatable(train.seed, train.deterministic)
    strategy = devices.build_strategy(_NUM_LOGICAL_CPUS.value)
    devices.check_batch_size(train.batch_size, strategy, train.accumulate_steps)
    targets, squares = task.targets(), root_crop.squares_of(model_config, body)

    def make_dataset(first_step: int) -> tf.data.Dataset:
        dataset = pipeline.training_dataset(
            data,
            model_config.image_size,
            train.batch_size,
            task.mocap_batch_size,
            seed=train.seed,
            deterministic=train.deterministic,
            first_step=first_step,
            share=(worker.index, worker.count),
            targets=targets,
            with_images=task.needs_images,
            squares=squares,
        )
        return devices.with_own_threads(dataset) if train.deterministic else dataset

    def look(num_images: int) -> tf.data.Dataset:
        return pipeline.training_dataset(
            dataclasses.replace(data, cache=False),
            model_config.image_size,
            num_images,
            seed=train.seed,
            deterministic=True,
            targets=targets,
            squares=squares,
        )

    def files_of(step: int) -> list[str]:
        return batch_files.batch_files(data, train.batch_size, train.seed, step)

    with folder_lock.own_folder(log_dir, worker.is_chief) as folder:
        validator = None
        if validation.validate_every:
            size = model_config.image_size
            validator = validation_lib.Validator(
                validation, held_out, size, folder, train.deterministic
            )
        runner = loop.Loop(task, strategy, train, folder, make_dataset, files_of, validator)
        if not checkpoints.has_description(folder):
            description = checkpoints.describe(
                task.model, _MODEL.value, task.has_averaged, task.name, settings
            )
            checkpoints.save_description(folder, description, body)
        _save_flags(folder)
        runner.restore(log_dir)
        task.prepare(look)
        return runner.run()


def _save_flags(log_dir: str) -> None:
    """Writes the run's flags, for ``--flagfile``."""
    module = sys.modules[__name__]
    own = flags.FLAGS.get_key_flags_for_module(module)
    unused = _flags_without_effect()
    lines = [flag.serialize() for flag in own if flag.value is not None and flag.name not in unused]
    with open(os.path.join(log_dir, FLAGS_FILE), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in sorted(lines) if line))


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
