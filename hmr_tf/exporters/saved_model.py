"""Models as TensorFlow SavedModels that need nothing but TensorFlow to run.

Signatures; every output is an Estimate's key (`hmr_tf.outputs`), `vertices` included:

===============  =====================================================  ============================
signature        inputs                                                 outputs
===============  =====================================================  ============================
serving_default  image_bytes [n] string, one person filling each        Estimate, full-image keys
predict_boxes    image_bytes [n] string; boxes_xyxy [n, 4] float32 px   Estimate, full-image keys
predict_crops    images [n, size, size, 3] float32 RGB in [0, 1]        Estimate
===============  =====================================================  ============================

A model that sees more than images (`hmr_tf.models.extra_inputs`) takes that as one more input of
each: `sgre` has pose_2d [n, 30, 3] float32 (x, y, visibility; zeros for points that are not seen),
in px of the upright image or, for predict_crops, crop units [-1, 1]. If the model finds poses by
itself, it finds those of people who have zeros throughout; and serving_default_without_pose,
predict_boxes_without_pose and predict_crops_without_pose do without.

Image bytes are JPEG, PNG, GIF or BMP files of any sizes, mixed as they come; they are decoded,
turned upright and cropped as `predict` does it. Boxes are in px of the upright image.

``keypoints_2d_image`` are the model's own projection into the crop, carried over to the image: of
`hmr` weak perspective or, if trained with ``--projection=perspective``, a pinhole before the crop's
centre. ``translation`` and ``focal_length_px`` are a camera before the image's centre
(`hmr_tf.predictor`). Joints moved by ``translation`` and projected by it land on the keypoints
where their z is 0; others land the farther off, the more z is of the distance.

The folder ``assets.extra`` holds what a client needs beside the numbers: ``faces.npy`` and
``model.json`` with the names of the joints, also those of a 2D pose. The network computes in
float32 whatever precision it was trained in, and the averaged weights are taken where the
checkpoint has them.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import hmr_tf
from hmr_tf import outputs, predictor, saved_weights
from hmr_tf.config import to_dict
from hmr_tf.data import crops
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import crop_pinhole
from hmr_tf.geometry.crop_pinhole import CropView
from hmr_tf.image_files.decoding import decode_photo
from hmr_tf.models import extra_inputs
from tfrecords_tools import atomic_file, skeletons

EXTRA_DIR = "assets.extra"
MODEL_FILE = "model.json"
FACES_FILE = "faces.npy"
Beside = Mapping[str, tf.Tensor]
# Names of the joints by the body's keypoint regressor.
_SKELETONS = {"cocoplus": "cocoplus19", "h36m": "h36m17", "j24": "j24"}


def export_saved_model(
    model: tf.keras.Model,
    out_dir: str | os.PathLike,
    origin: Mapping[str, Any] | None = None,
) -> bool:
    """Writes a model as a SavedModel, whole or not at all.

    Args:
        model: a model of `hmr_tf.models`.
        out_dir: folder to make, e.g. ``models/hmr/1`` for TF Serving.
        origin: where the weights come from, plain JSON types; kept in ``model.json``.

    Returns:
        Whether anything was written: not, if the folder already holds an export of this origin.

    Raises:
        ConfigError: if the folder holds something else.
        OutputError: if it cannot be written.
    """
    out_dir = pathlib.Path(out_dir)
    description = _describe(model, origin or {})
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        if origin and _read_description(out_dir) == description:
            return False
        raise ConfigError(
            f"{out_dir} already exists and is not empty; give a new folder, e.g. the next version "
            "number, or remove it."
        )
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    # Not a number, so that a server watching the parent folder does not load it half written.
    partial = out_dir.with_name(f".{out_dir.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    module, signatures = build_servable(model)
    try:
        with atomic_file.writing(partial), saved_weights.writing(partial):
            tf.saved_model.save(module, str(partial), signatures=signatures)
            extra = partial / EXTRA_DIR
            extra.mkdir()
            np.save(extra / FACES_FILE, np.asarray(model.body_model.faces, np.int32))
            text = json.dumps(description, indent=2) + "\n"
            (extra / MODEL_FILE).write_text(text, encoding="utf-8")
            if out_dir.exists():
                out_dir.rmdir()
            os.replace(partial, out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def build_servable(model: tf.keras.Model) -> tuple[tf.Module, dict[str, Any]]:
    """Returns what is saved: a module that tracks the weights in use, and its signatures.

    Args:
        model: a model of `hmr_tf.models`.
    """
    beside = extra_inputs.signature(model)
    functions = _functions(model, beside)
    if beside and not extra_inputs.are_needed(model):
        suffix = "".join(f"_without_{extra_inputs.INPUTS[name].word}" for name in beside)
        without = _functions(model, {})
        functions.update({f"{name}{suffix}": function for name, function in without.items()})
    module = tf.Module(name="hmr_tf_model")
    # What the signatures use and nothing else: no discriminators, no layers that need our code.
    module.weights = list(functions["predict_crops"].variables)
    for name, function in functions.items():
        setattr(module, name, function)
    return module, functions


def _functions(model: tf.keras.Model, beside: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """Returns the three signatures; the model is given what stands beside images, or nothing."""
    size, window_px = model.config.image_size, model.config.window_px
    images = tf.TensorSpec([None, size, size, 3], tf.float32, name="images")
    image_bytes = tf.TensorSpec([None], tf.string, name="image_bytes")
    boxes_xyxy = tf.TensorSpec([None, 4], tf.float32, name="boxes_xyxy")

    @tf.function(
        input_signature=[images, crop_pinhole.VIEW_SIGNATURE, dict(beside)], autograph=False
    )
    def estimate_crops(images: tf.Tensor, view: CropView, beside: Beside) -> Beside:
        return model(images, training=False, with_vertices=True, view=view, **beside)

    def estimate(cut: tuple[tf.Tensor, ...], beside: Beside) -> Beside:
        # Only decoding and cropping go image by image; the network sees them all at once.
        images, *square = cut
        view = predictor.view_of_crops(model, *square)
        found = estimate_crops(images, view, extra_inputs.to_crop(beside, *square[:2]))
        return predictor.add_full_image_keys(found, view, *square)

    @tf.function(autograph=False)
    def predict_crops(images: tf.Tensor, **beside: tf.Tensor) -> Beside:
        return estimate_crops(images, crop_pinhole.centred_view(tf.shape(images)[0]), beside)

    @tf.function(autograph=False)
    def serving_default(image_bytes: tf.Tensor, **beside: tf.Tensor) -> Beside:
        def cut(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
            image = decode_photo(encoded)
            return _cut(image, *predictor.whole_image_square(tf.shape(image)[:2], size), size)

        cuts = tf.map_fn(cut, image_bytes, fn_output_signature=_cut_signature(size))
        return estimate(cuts, beside)

    @tf.function(autograph=False)
    def predict_boxes(image_bytes: tf.Tensor, boxes_xyxy: tf.Tensor, **beside: tf.Tensor) -> Beside:
        def cut(item: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
            square = predictor.box_square(item[1], window_px)
            return _cut(decode_photo(item[0]), *square, size)

        items = (image_bytes, boxes_xyxy)
        cuts = tf.map_fn(cut, items, fn_output_signature=_cut_signature(size))
        return estimate(cuts, beside)

    return {
        "serving_default": serving_default.get_concrete_function(image_bytes, **beside),
        "predict_boxes": predict_boxes.get_concrete_function(image_bytes, boxes_xyxy, **beside),
        "predict_crops": predict_crops.get_concrete_function(images, **beside),
    }


def _cut(
    image: tf.Tensor, center: tf.Tensor, window: tf.Tensor, size: int
) -> tuple[tf.Tensor, ...]:
    """Returns a crop with where it comes from: center, window and the image's size."""
    return crops.crop_image(image, center, window, size), center, window, tf.shape(image)[:2]


def _cut_signature(size: int) -> tuple[tf.TensorSpec, ...]:
    return (
        tf.TensorSpec([size, size, 3], tf.float32),
        tf.TensorSpec([2], tf.float32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([2], tf.int32),
    )


def _describe(model: tf.keras.Model, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of ``model.json``, plain JSON types."""
    keypoints = model.config.keypoints
    names = skeletons.get(_SKELETONS[keypoints]).joints if keypoints in _SKELETONS else ()
    description = {
        "hmr_tf": hmr_tf.__version__,
        "model_config": to_dict(model.config),
        "body": model.body_model.kind,
        "image_size": model.config.image_size,
        "joint_names": list(names),
        "smpl_joint_names": list(skeletons.get("smpl24").joints),
        "extra_inputs": {
            name: list(extra_inputs.INPUTS[name].skeleton.joints)
            for name in extra_inputs.names(model)
        },
        "camera": (
            "p = scale (X_xy + t) in crop units where z = 0; full image: focal "
            f"{outputs.FOCAL_LENGTH_PX}, principal point ((width - 1) / 2, (height - 1) / 2), "
            "x right, y down, z forward"
        ),
        "origin": dict(origin),
    }
    return json.loads(json.dumps(description))


def _read_description(out_dir: pathlib.Path) -> Any:
    """Returns the ``model.json`` of an earlier export, or None if there is none."""
    path = out_dir / EXTRA_DIR / MODEL_FILE
    if not path.is_file() or not (out_dir / "saved_model.pb").is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
