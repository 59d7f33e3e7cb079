"""Imports a published checkpoint: reads it, fills the network that it fits, writes a checkpoint."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import checkpoints
from hmr_tf.body import model_file
from hmr_tf.errors import BodyError, CheckpointError
from hmr_tf.models import MODELS, encoders
from hmr_tf.saved_weights import PathLike
from hmr_tf.weights import FORMATS, initial_weights, mapping
from hmr_tf.weights.published_format import Format
from tfrecords_tools import atomic_file

REPORT_FILE = "import.json"
# All published models estimate SMPL's own pose, shape and vertices.
BODY_KIND = "smpl"
_TOLERANCE_MM = 0.1


def import_weights(
    format_name: str,
    sources: Sequence[str],
    out: PathLike,
    body: model_file.Body | None = None,
) -> list[str]:
    """Imports a published checkpoint.

    Of a whole model this makes a checkpoint folder; of an encoder alone a folder that training can
    begin from (`hmr_tf.weights.initial_weights`). ``import.json`` in it names every tensor.

    Args:
        format_name: name in ``hmr_tf.weights.FORMATS``.
        sources: the file, or several that count as one.
        out: the folder to make.
        body: the body of a whole model, of kind ``smpl`` with a keypoint regressor of the format.

    Returns:
        Lines for a reader: what was used, what was not and why.

    Raises:
        CheckpointError: if a file cannot be read or is of another network, or `out` is taken.
        BodyError: if the body does not fit.
    """
    published: Format = FORMATS.get(format_name)
    if checkpoints.has_description(out) or initial_weights.has_encoder(out):
        raise CheckpointError(f"'{out}' already holds weights; give another folder.")
    keypoints = None if published.is_encoder else check_body(published, body)
    parts = [published.open(source) for source in sources]
    tensors = parts[0] if len(parts) == 1 else mapping.Joined(parts)
    config = published.config(tensors)
    origin = {"imported": {"format": format_name, "source": [str(x) for x in sources]}}
    if published.is_encoder:
        encoder = encoders.build_encoder(config.encoder, config.image_size, config.pool)
        report = _fill(encoder, tensors, published)
        initial_weights.save_encoder(out, encoder, config, origin)
        lines = report.summary()
    else:
        config = dataclasses.replace(config, keypoints=keypoints)
        model = MODELS.get(published.model)(config, body)
        report = _fill(model, tensors, published)
        checkpoints.save_model(out, model, published.model, origin)
        lines = [*report.summary(), *_body_notes(tensors, published, body)]
    _write_report(out, {**origin["imported"], **report.to_dict()})
    return lines


def check_body(published: Format, body: model_file.Body | None) -> str:
    """Checks that a body fits a format, and returns the keypoint regressor to take.

    Raises:
        BodyError: if the body is missing, is not SMPL's own, or has no regressor of the format.
    """
    if body is None:
        raise BodyError(f"{published.what} needs a body of kind '{BODY_KIND}'; none is given.")
    body.require_kind(BODY_KIND, f"The model of {published.what}")
    found = [name for name in published.keypoints if name in body.keypoint_regressors]
    if not found:
        known = ", ".join(sorted(body.keypoint_regressors)) or "none"
        raise BodyError(
            f"The body '{body.source or body.kind}' needs a keypoint regressor "
            f"{' or '.join(published.keypoints)} (it has: {known}). Take a file that has it, e.g. "
            "neutral_smpl_with_cocoplus_reg.pkl, or give --regressors name=FILE.npy."
        )
    return found[0]


def _fill(network: tf.keras.Model, tensors: mapping.Tensors, published: Format) -> mapping.Report:
    return mapping.assign(
        tensors,
        published.assignments(network, tensors),
        published.ignored,
        published.own,
        published.what,
    )


def _body_notes(tensors: mapping.Tensors, published: Format, body: model_file.Body) -> list[str]:
    """Tells whether the model was trained on the body that it now has."""
    if published.template not in tensors.shapes:
        return []
    template = np.asarray(tensors.read(published.template)).reshape(-1, 3)
    if template.shape != body.template.shape:
        difference = f"{template.shape[0]} vertices, not {body.num_vertices}"
    else:
        apart = 1000 * np.abs(template - body.template).max()
        if apart <= _TOLERANCE_MM:
            return []
        difference = f"vertices up to {apart:.1f} mm elsewhere"
    return [
        f"note: the body in the file is not {body.source or body.kind}: it has {difference}; "
        "meshes and joints will differ from the published ones"
    ]


def _write_report(out: PathLike, values: Mapping[str, Any]) -> None:
    atomic_file.write_json(str(pathlib.Path(out) / REPORT_FILE), values)
