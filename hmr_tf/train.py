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
from hmr_tf.models import HEATMAP_ENCODERS
from hmr_tf.setting_values import BOUNDS, CHOICES
from hmr_tf.training import SETTINGS, TASKS

FLAGS_FILE = "flags.txt"

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
    common_flags.define_config(_settings, CHOICES, BOUNDS)
common_flags.define_config(config.AugmentConfig, CHOICES, BOUNDS)
common_flags.define_config(
    config.DataConfig, CHOICES, BOUNDS, skip=("data_dir", "augment", "window_px")
)
common_flags.define_config(config.TrainConfig, CHOICES, BOUNDS)
common_flags.define_config(config.ValidationConfig, CHOICES, BOUNDS)
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

    from hmr_tf import checkpoints, saved_weights
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
        done = saved_weights.latest_step(log_dir) or 0
        if done >= train.num_steps:
            best = saved_weights.latest_step(os.path.join(log_dir, validation_lib.BEST_DIR))
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
