"""SMPLR's release: three TF 1 checkpoints, of the hourglass, the autoencoder, and shape and pose.

They are given together, `shn`, `dae` and `smplr`; without `dae` the model has no autoencoder. Each
also holds Adam's state, which is dropped. The release feeds its pose matrices to SMPL as they are;
here they are made rotations, which lowers its error. It poses SMPL's female or male body as the
gender's score says; here the body given is posed, and the score returned. Its crops are 2.5 m wide
at the pelvis (`hmr_tf.data.root_crop`).

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import re

import tensorflow as tf

from hmr_tf.config import SMPLRConfig
from hmr_tf.models import hourglass
from hmr_tf.weights import mapping
from hmr_tf.weights.mapping import Assignment, Tensors
from hmr_tf.weights.published_format import OPTIMIZER, Format
from hmr_tf.weights.tf_checkpoint import TFCheckpoint

_ROOT = "stacked_hourglass"
_STEM = f"{_ROOT}/preprocessing"
# The model's layers by their names there, in the order in which the release makes them.
_AUTOENCODER = {
    "encoder_1": "enc/fce1_0",
    "encoder_2": "enc/fce2_0",
    "bottleneck": "enc/fce3_0",
    "decoder_2": "dec/fcd2_0",
    "decoder_1": "dec/fcd1_0",
    "correction": "dec/x_0",
}
_TWO_HEADS = {
    "trunk_1": "enc/fce1",
    "trunk_2": "enc/fce2",
    "trunk_3": "enc/fce3",
    "trunk_4": "enc/fce4",
    "trunk_5": "enc/fce41",
    "head_1": "enc/fce42",
    "head_2": "enc/fce5",
    "head": "enc/x",
    "offset_1": "enc/fce43",
    "offset": "enc/x_offset",
    "joined": "enc/x2",
}
_SKIPS = {"stem_0": "residual", "stem_2": "residual_2"}
_STACK_CONVS = {"seen": "conv_1", "merge": "ll", "volume": "out", "back": "out_"}


def _stack(number: int) -> str:
    return f"{_ROOT}/stacks/hourglass.{number + 1}"


def _config(tensors: Tensors) -> SMPLRConfig:
    pattern = re.compile(rf"{_ROOT}/stacks/hourglass\.\d+/out/weights")
    stacks = sum(bool(pattern.fullmatch(name)) for name in tensors.shapes)
    width = tensors.shapes.get(f"{_stack(0)}/conv_1/weights", (256,))[-1]
    return SMPLRConfig(
        num_stacks=max(stacks, 1),
        hourglass_width=width,
        hourglass_dropout=0.1,
        camera="given",
        axes="release",
        denoise=any(name.startswith("dae/") for name in tensors.shapes),
        denoiser_dropout=0.2,
        pose_output="svd",
        upright=False,
    )


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    assignments = _hourglass(model.hourglass, model.config.num_stacks)
    if model.autoencoder is not None:
        assignments += _dense_layers(model.autoencoder, "dae", _AUTOENCODER)
    assignments += _dense_layers(model.shape_network, "shape", _TWO_HEADS)
    return assignments + _dense_layers(model.pose_network, "pose", _TWO_HEADS)


def _hourglass(network: tf.keras.Model, num_stacks: int) -> list[Assignment]:
    """Most variables are known by the order in which they are made alone."""
    assignments = [_kernel(network.get_layer("stem"), f"{_STEM}/256to128")]
    num_kernels = num_norms = 0
    for name in hourglass.residual_names(num_stacks):
        unit = network.get_layer(name)
        for norm, conv in zip(unit.norms, unit.convs):
            assignments += _norm(norm, _numbered("BatchNorm", num_norms))
            assignments.append(mapping.copied(conv.kernel, _numbered("weights", num_kernels)))
            num_norms, num_kernels = num_norms + 1, num_kernels + 1
        if unit.skip is not None:
            skip = f"{_STEM}/{_SKIPS[name]}/skipLayer/skipLayer-conv"
            assignments.append(_kernel(unit.skip, skip))
        if name.endswith("_level0_out"):
            seen = network.get_layer(f"{name.partition('_')[0]}_seen_norm")
            assignments += _norm(seen, _numbered("BatchNorm", num_norms))
            num_norms += 1
    for stack in range(num_stacks):
        for part, published in _STACK_CONVS.items():
            if stack < num_stacks - 1 or part in ("seen", "volume"):
                layer = network.get_layer(f"stack{stack}_{part}")
                assignments.append(_kernel(layer, f"{_stack(stack)}/{published}"))
    return assignments


def _dense_layers(network: tf.keras.Model, scope: str, names: dict[str, str]) -> list[Assignment]:
    assignments, num_norms = [], 0
    layers = {layer.name: layer for layer in network.layers}
    for name, published in names.items():
        assignments += [
            mapping.copied(layers[name].kernel, f"{scope}/{published}/weights"),
            mapping.copied(layers[name].bias, f"{scope}/{published}/biases"),
        ]
        if f"{name}_norm" in layers:
            published = _numbered(f"{scope}/batch_normalization", num_norms)
            assignments += _norm(layers[f"{name}_norm"], published)
            num_norms += 1
    return assignments


def _kernel(layer: tf.keras.layers.Layer, name: str) -> Assignment:
    return mapping.copied(layer.kernel, f"{name}/weights")


def _norm(layer: tf.keras.layers.Layer, name: str) -> list[Assignment]:
    variables = mapping.variables_by_kind(layer)
    return [mapping.copied(variable, f"{name}/{kind}") for kind, variable in variables.items()]


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


FORMAT = Format(
    what="SMPLR's release",
    open=TFCheckpoint,
    config=_config,
    assignments=_assignments,
    own=rf"weights(_\d+)?|BatchNorm(_\d+)?/.*|({_ROOT}|dae|shape|pose)/.*",
    ignored=((r".*/Adam(_\d+)?|beta\d_power(_\d+)?", OPTIMIZER),),
    model="smplr",
)
