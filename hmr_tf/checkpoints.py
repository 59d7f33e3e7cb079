"""Checkpoint directories: each says by itself what it holds.

A directory contains

- ``checkpoint.json``: format, model name and configuration, body, and how it was trained;
- ``weights/ckpt-N.*``: TensorFlow checkpoints, the newest named by ``weights/checkpoint``;
- ``body.npz``: the body, unless it is the embedded one.

A TensorFlow checkpoint holds the model under ``model`` and, if the run keeps them, the averaged
generator weights under ``averaged``, in the order of ``model.generator_variables``; training adds
optimizers and its step counter. The file ``checkpoint.json`` is written once and never changes, so
that what is beside it can always be read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import hmr_tf
from hmr_tf import saved_weights
from hmr_tf.body import model_file
from hmr_tf.errors import CheckpointError
from hmr_tf.models import MODELS
from hmr_tf.saved_weights import PathLike
from tfrecords_tools import atomic_file

FORMAT = 1
DESCRIPTION_FILE = "checkpoint.json"
BODY_FILE = "body.npz"

_BODY_ARRAYS = (
    ("template", np.float32),
    ("shape_basis", np.float32),
    ("pose_basis", np.float32),
    ("joint_regressor", np.float32),
    ("skin_weights", np.float32),
    ("parents", np.int32),
    ("faces", np.int32),
)


@dataclasses.dataclass(frozen=True)
class Description:
    """What a checkpoint directory holds.

    Attributes:
        model: name in ``hmr_tf.models.MODELS``.
        model_config: what the model's ``get_config`` returned; plain JSON types.
        body: `kind`, e.g. ``smpl``; `sha256`, the `body_digest`; and `file`, empty for the
            embedded body.
        has_averaged: whether averaged weights are kept beside the trained ones.
        task: name of the training task; empty for imported weights.
        settings: the run's settings by group, e.g. ``{"train": {...}}``; empty for imported
            weights.
    """

    model: str
    model_config: Mapping[str, Any]
    body: Mapping[str, str]
    has_averaged: bool = False
    task: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def mean_parameters(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(pose ``[72]`` axis-angle, betas) at which training began; None if not known."""
        numbers = np.asarray(self.settings.get("mean_parameters") or (), np.float32)
        return (numbers[:72], numbers[72:]) if numbers.size > 72 else None


def body_digest(body: model_file.Body) -> str:
    """Returns the SHA-256 of a body's arrays and regressors, whatever file they came from."""
    digest = hashlib.sha256()
    arrays = [(name, getattr(body, name), kind) for name, kind in _BODY_ARRAYS]
    arrays += [
        (k, body.keypoint_regressors[k], np.float32) for k in sorted(body.keypoint_regressors)
    ]
    for name, array, kind in arrays:
        array = np.ascontiguousarray(array, np.dtype(kind).newbyteorder("<"))
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def describe_body(body: model_file.Body) -> dict[str, str]:
    """Returns the entry `Description.body` of a body."""
    digest = body_digest(body)
    is_embedded = body.kind == model_file.FREE_BODY and digest == body_digest(
        model_file.load_body(model_file.FREE_BODY)
    )
    return {"kind": body.kind, "sha256": digest, "file": "" if is_embedded else BODY_FILE}


def describe(
    model: tf.keras.Model,
    model_name: str,
    has_averaged: bool = False,
    task: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Description:
    """Describes a model; the arguments are the attributes of `Description`."""
    return Description(
        model=model_name,
        model_config=plain(model.get_config()),
        body=describe_body(model.body_model),
        has_averaged=has_averaged,
        task=task,
        settings=plain(settings or {}),
    )


def save_description(directory: PathLike, description: Description, body: model_file.Body) -> None:
    """Writes ``checkpoint.json``, and ``body.npz`` for a body that is not embedded.

    Args:
        directory: created if missing.
        description: what the directory will hold.
        body: the body that the description names.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if description.body["file"]:
        model_file.save_body(body, directory / description.body["file"])
    values = {"format": FORMAT, "hmr_tf": hmr_tf.__version__, **dataclasses.asdict(description)}
    atomic_file.write_json(str(directory / DESCRIPTION_FILE), values)


def has_description(directory: PathLike) -> bool:
    """Whether a directory is a checkpoint directory, weights or none."""
    return (pathlib.Path(directory) / DESCRIPTION_FILE).is_file()


def read_description(directory: PathLike) -> Description:
    """Reads ``checkpoint.json``.

    Raises:
        CheckpointError: if there is no such folder or file, or it is of another format.
    """
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise CheckpointError(f"There is no checkpoint folder '{directory}'.")
    path = directory / DESCRIPTION_FILE
    if not path.is_file():
        raise CheckpointError(
            f"'{directory}' is not a checkpoint: it has no {DESCRIPTION_FILE}. Give the log_dir of "
            "a training run or the folder that import_weights wrote."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"'{path}' is not readable as JSON: {error}.") from error
    found = values.pop("format", None) if isinstance(values, dict) else None
    if found != FORMAT:
        raise CheckpointError(
            f"'{path}' has checkpoint format {found}; this version of hmr_tf "
            f"({hmr_tf.__version__}) reads format {FORMAT}."
        )
    values.pop("hmr_tf", None)
    known = {field.name for field in dataclasses.fields(Description)}
    if set(values) != known:
        raise CheckpointError(
            f"'{path}' should have the entries {', '.join(sorted(known))}; "
            f"it has {', '.join(sorted(values))}."
        )
    return Description(**values)


def read_body(directory: PathLike, description: Description | None = None) -> model_file.Body:
    """Loads the body of a checkpoint and checks that it is the one that was trained.

    Args:
        directory: the checkpoint.
        description: what `read_description` returned, if already read.

    Raises:
        CheckpointError: if the body's file is missing or the body is another one.
    """
    description = description or read_description(directory)
    name, source = description.body["file"], model_file.FREE_BODY
    if name:
        source = str(pathlib.Path(directory) / name)
        if not os.path.isfile(source):
            raise CheckpointError(
                f"'{directory}' holds a model of a body of kind '{description.body['kind']}' but "
                f"not the body: {name} is missing. Copy it from the original checkpoint."
            )
    body = model_file.load_body(source, num_betas=None)
    found = body_digest(body)
    if found != description.body["sha256"]:
        raise CheckpointError(
            f"'{directory}' was trained with another body than "
            f"{source if name else 'the one embedded in this version'}: expected sha256 "
            f"{description.body['sha256'][:12]}, got {found[:12]}."
        )
    return body


def load_model(
    directory: PathLike, averaged: bool = True, precision: str = "float32"
) -> tf.keras.Model:
    """Builds the model of a checkpoint and restores its weights.

    Args:
        directory: the checkpoint, e.g. the ``log_dir`` of a training run.
        averaged: whether averaged weights are taken where the checkpoint has them.
        precision: what the encoder computes in: `float32`, `mixed_bfloat16` or `mixed_float16`.

    Returns:
        The model, e.g. `hmr_tf.models.hmr.HMR`, with attributes ``config`` and ``body_model``.

    Raises:
        CheckpointError: if the directory is no checkpoint, has no weights yet, has another format
            or another body, or its weights do not fit the model.
    """
    description = read_description(directory)
    path = saved_weights.latest_weights(directory)
    if path is None:
        raise CheckpointError(
            f"'{directory}' has no weights yet: there is no "
            f"'{saved_weights.list_path(directory)}'. Wait until the training run saves its first "
            "checkpoint; of a copy, copy that file, too."
        )
    body = read_body(directory, description)
    model_class = MODELS.get(description.model)
    model = model_class.from_config({**description.model_config, "precision": precision}, body=body)
    items = {"model": model}
    averages = []
    if averaged and description.has_averaged:
        averages = [tf.Variable(variable) for variable in model.generator_variables]
        items["averaged"] = averages
    saved_weights.restore(path, items)
    for variable, average in zip(model.generator_variables, averages):
        variable.assign(average)
    return model


def save_model(
    directory: PathLike,
    model: tf.keras.Model,
    model_name: str,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Makes a checkpoint directory of a model alone, e.g. of imported weights.

    Args:
        directory: created if missing.
        model: a model of ``MODELS``.
        model_name: its name there.
        settings: where it comes from; kept for the reader of ``checkpoint.json``.

    Raises:
        CheckpointError: if the directory already is a checkpoint.
    """
    if has_description(directory):
        raise CheckpointError(f"'{directory}' already holds a checkpoint; give another folder.")
    saved_weights.save_only(directory, model=model)
    save_description(directory, describe(model, model_name, settings=settings), model.body_model)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy in JSON's own types, as it will be read back."""
    return json.loads(json.dumps(dict(values)))
