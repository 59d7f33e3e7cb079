"""What can be seen to be wrong with a run before it begins."""

from __future__ import annotations

import os

import numpy as np

from hmr_tf import checkpoints, command, saved_weights
from hmr_tf import config as config_lib
from hmr_tf.body import model_file
from hmr_tf.data import record_sets
from hmr_tf.errors import ConfigError, DataError

_METRICS_OF_2D = ("keypoints_2d_px",)


def check_log_dir(log_dir: str) -> None:
    """Checks that a run can begin or go on in a folder.

    Raises:
        ConfigError: if it is a file, cannot be made, or holds weights of nobody knows what.
    """
    command.check_out_dir(log_dir, "log_dir")
    if not checkpoints.has_description(log_dir) and saved_weights.latest_weights(log_dir):
        raise ConfigError(
            f"'{log_dir}' holds weights but not what they are of ({checkpoints.DESCRIPTION_FILE} "
            "is missing); give another --log_dir."
        )


def check_mean(mean: tuple[np.ndarray, np.ndarray], body: model_file.Body) -> None:
    """Checks that mean parameters fit a body.

    Raises:
        ConfigError: if they do not.
    """
    if len(mean[1]) != body.num_betas:
        raise ConfigError(
            f"--mean_parameters has {len(mean[1])} betas, the body has {body.num_betas}; give a "
            "file made for this body."
        )


def find_records(
    data: config_lib.DataConfig, needs_3d: bool, needs_mocap: bool
) -> dict[str, list[int]]:
    """Finds all records of the training.

    Args:
        data: names them.
        needs_3d: whether some must have labels in 3D.
        needs_mocap: whether motion capture is used.

    Returns:
        Name -> (number of records, bytes): what identifies them wherever they lie.

    Raises:
        DataError: if some are missing.
        ConfigError: if none has the labels that are needed.
    """
    found = [record_sets.find_records(data.data_dir, name, data.split) for name, _ in data.datasets]
    if needs_3d and not any(record_set.has_3d for record_set in found):
        raise ConfigError(
            f"This training needs records with 3D labels, and {', '.join(s.name for s in found)} "
            "has none; name a dataset that has (or, for hmr, give --nouse_3d_labels)."
        )
    if needs_mocap:
        found.append(record_sets.find_mocap(data.data_dir, data.mocap_datasets))
    if data.augment.occluder_probability and data.augment.occluders:
        found.append(record_sets.find_occluders(data.data_dir, data.augment.occluders))
    return {
        record_set.name: [
            record_set.num_records,
            sum(os.path.getsize(shard) for shard in record_set.shards),
        ]
        for record_set in found
    }


def check_validation(
    config: config_lib.ValidationConfig,
    held_out: config_lib.DataConfig,
    trained: config_lib.DataConfig,
) -> None:
    """Checks that people can be held out and scored as asked; nothing if nobody is.

    Args:
        config: of the validations.
        held_out: their records.
        trained: the training's records.

    Raises:
        DataError: if records are missing.
        ConfigError: if they are trained on, or lack the labels of the best metric.
    """
    if not config.validate_every:
        return
    names = [name for name, _ in held_out.datasets]
    both = sorted(set(names) & {name for name, _ in trained.datasets})
    if both and held_out.split == trained.split:
        raise ConfigError(
            f"--validation_split={held_out.split} of {', '.join(both)} is what is trained on; give "
            "another split, or other --validation_datasets."
        )
    try:
        found = [
            record_sets.find_records(held_out.data_dir, name, held_out.split) for name in names
        ]
    except DataError as error:
        raise DataError(f"--validate_every needs people held out. {error}") from error
    if config.best_metric not in _METRICS_OF_2D and not any(one.has_3d for one in found):
        raise ConfigError(
            f"--best_metric={config.best_metric} needs records with 3D labels, and "
            f"{', '.join(names)} ({held_out.split}) has none; give --best_metric="
            f"{_METRICS_OF_2D[0]}, or other --validation_datasets."
        )
