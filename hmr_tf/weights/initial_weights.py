"""Weights to begin training with: an encoder's folder, or a checkpoint of a whole model.

An encoder's folder holds ``encoder.json`` (format, name, pool, where it comes from) and the
weights, as a checkpoint folder does.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

import hmr_tf
from hmr_tf import checkpoints, saved_weights
from hmr_tf.config import HMRConfig, HybrIKConfig, SGREConfig, SMPLRConfig
from hmr_tf.errors import CheckpointError, ConfigError
from hmr_tf.saved_weights import PathLike
from tfrecords_tools import atomic_file

FORMAT = 1
DESCRIPTION_FILE = "encoder.json"
# Settings that a model's weights do not depend on.
_FREE = {
    HMRConfig: (
        *("image_size", "window_px", "dropout", "train_mean", "keypoints", "num_iterations"),
        *("projection", "focal_px"),
    ),
    HybrIKConfig: (
        *("window_px", "dropout", "keypoints", "depth_range", "switch_m", "train_root"),
    ),
    SGREConfig: ("window_px", "keypoints"),
    SMPLRConfig: (
        *("image_size", "window_px", "keypoints", "hourglass_dropout", "denoiser_dropout"),
        "upright",
    ),
}


def has_encoder(directory: PathLike) -> bool:
    """Whether a folder holds an encoder."""
    return (pathlib.Path(directory) / DESCRIPTION_FILE).is_file()


def save_encoder(
    directory: PathLike,
    encoder: tf.keras.Model,
    config: HMRConfig,
    settings: Mapping[str, Any],
) -> None:
    """Writes an encoder's folder.

    Args:
        directory: created if missing.
        encoder: the encoder.
        config: its name and pool.
        settings: where it comes from; kept for the reader of ``encoder.json``.
    """
    saved_weights.save_only(directory, encoder=encoder)
    values = {
        "format": FORMAT,
        "hmr_tf": hmr_tf.__version__,
        "encoder": config.encoder,
        "pool": config.pool,
        "settings": checkpoints.plain(settings),
    }
    atomic_file.write_json(str(pathlib.Path(directory) / DESCRIPTION_FILE), values)


def identify(directory: PathLike) -> str:
    """Returns the SHA-256 of the weights in a folder of either kind.

    Raises:
        CheckpointError: if it has none.
    """
    prefix = saved_weights.latest_weights(directory)
    if prefix is None or not (has_encoder(directory) or checkpoints.has_description(directory)):
        raise CheckpointError(
            f"'{directory}' holds no weights to begin with; give a folder that import_weights "
            "wrote, or a checkpoint."
        )
    return saved_weights.weights_digest(prefix)


def check(
    directory: PathLike, config: HMRConfig | HybrIKConfig | SMPLRConfig, body_kind: str
) -> None:
    """Checks, before anything is built, that the weights of a folder fit a model.

    Args:
        directory: of either kind.
        config: the model's settings.
        body_kind: kind of the model's body.

    Raises:
        CheckpointError: if it is a folder of neither kind, or damaged.
        ConfigError: if the model is of another architecture or on another kind of body.
    """
    if has_encoder(directory):
        found = _read(directory)
        expected = {"encoder": getattr(config, "encoder", "none of these")}
        if expected["encoder"].endswith("_v2"):
            expected["pool"] = config.pool
    else:
        description = checkpoints.read_description(directory)
        found = {**description.model_config["config"], "body's kind": description.body["kind"]}
        unknown = sorted(set(description.model_config["config"]) - set(config.__dataclass_fields__))
        if unknown:
            raise ConfigError(
                f"The weights of '{directory}' are of another kind of model, "
                f"'{description.model}': it has the setting {unknown[0]}. Give those of the same "
                "kind, or an encoder's."
            )
        expected = {
            name: getattr(config, name)
            for name in config.__dataclass_fields__
            if name not in _FREE[type(config)] and name in found
        }
        expected["body's kind"] = body_kind
    for name, value in expected.items():
        if found[name] != value:
            raise ConfigError(
                f"The weights of '{directory}' are of a model whose {name} is '{found[name]}'; "
                f"this one's is '{value}'. Give the same."
            )


def load(directory: PathLike, model: tf.keras.Model) -> None:
    """Writes the weights of a folder that `check` found to fit into a model.

    A checkpoint's averaged weights are taken where it has them.

    Args:
        directory: of either kind.
        model: a model of `hmr_tf.models`; of an encoder's folder only its encoder is written.
    """
    if has_encoder(directory):
        saved_weights.restore(saved_weights.latest_weights(directory), {"encoder": model.encoder})
        return
    source = checkpoints.load_model(directory)
    for found, layer in zip(source.layers, model.layers):
        # By name, since what is trainable may differ and with it the order.
        values = {x.name: x for x in found.weights}
        for variable in layer.weights:
            variable.assign(values[variable.name])


def _read(directory: PathLike) -> dict[str, Any]:
    path = pathlib.Path(directory) / DESCRIPTION_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"'{path}' is not readable as JSON: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise CheckpointError(f"'{path}' is not of format {FORMAT}, which this version reads.")
    return values
