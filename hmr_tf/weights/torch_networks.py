"""What the PyTorch releases share: ResNet under torchvision's names, SPIN's regressor, the critics.

Torch keeps a matrix as ``[out, in]`` and a convolution as ``[out, in, height, width]``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from hmr_tf.weights import mapping
from hmr_tf.weights.mapping import Assignment, Source
from hmr_tf.weights.published_format import COUNTER

IGNORED = ((r"(.*\.)?num_batches_tracked", COUNTER),)
_KINDS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def resnet(
    encoder: tf.keras.Model, prefix: str = "", is_bgr: bool = False
) -> list[mapping.Assignment]:
    """A network of `hmr_tf.models.resnet_v1` or `hmr_tf.models.hrnet`, after its layers' names.

    Args:
        encoder: the network; images come to it as RGB.
        prefix: what stands before torchvision's names, e.g. ``backbone.``.
        is_bgr: whether the weights are for images with blue first.
    """
    assignments = []
    for layer in encoder.layers:
        name = layer.name.replace("_", ".").replace("-", "_")
        found = weighted(layer, f"{prefix}{name}")
        if name == "conv1" and is_bgr:
            found = [dataclasses.replace(x, make=_blue_first) for x in found]
        assignments += found
    return assignments


def weighted(layer: tf.keras.layers.Layer, name: str) -> list[Assignment]:
    """A convolution or a batch normalisation, or nothing of a layer without weights."""
    return [
        (mapping.transposed if kind == "kernel" else mapping.copied)(
            variable, f"{name}.{_KINDS[kind]}"
        )
        for kind, variable in mapping.variables_by_kind(layer).items()
    ]


def _blue_first(value: np.ndarray) -> np.ndarray:
    return value[:, ::-1].transpose(2, 3, 1, 0)


def dense(layer: tf.keras.layers.Dense, name: str, is_optional: bool = False) -> list[Assignment]:
    """A fully connected layer."""
    return [
        mapping.transposed(layer.kernel, f"{name}.weight", is_optional),
        mapping.copied(layer.bias, f"{name}.bias", is_optional),
    ]


def spin_regressor(regressor: tf.keras.layers.Layer, prefix: str = "") -> list[Assignment]:
    """A regressor of the form `separate`, its constant mean included."""
    assignments = dense(regressor.fc1, f"{prefix}fc1") + dense(regressor.fc2, f"{prefix}fc2")
    for layer in regressor.output_layers:
        assignments += dense(layer, f"{prefix}{layer.name}")
    sizes = (("pose", regressor.num_pose), ("shape", regressor.num_betas), ("cam", 3))
    sources = tuple(Source(f"{prefix}init_{part}", (1, size)) for part, size in sizes)
    mean = Assignment(regressor.mean, sources, lambda *parts: np.concatenate(parts, axis=1))
    return [*assignments, mean]


def discriminator(layer: tf.keras.layers.Layer, prefix: str = "") -> list[Assignment]:
    """The critics of pytorch_HMR and mmhuman3d (`HMRConfig.discriminator`: ``mmhuman3d``).

    All of them may be missing. The whole pose is read channel by channel there and joint by joint
    here, so the rows of that matrix change places.
    """
    pose = f"{prefix}pose_discriminator"
    assignments = []
    for number, embedding in enumerate(layer.embedding):
        name = f"{pose}.conv_blocks.conv_{number}"
        inputs, outputs = embedding.kernel.shape
        source = Source(f"{name}.weight", (outputs, inputs, 1, 1))
        make = Assignment(embedding.kernel, (source,), lambda value: value[:, :, 0, 0].T, True)
        assignments += [make, mapping.copied(embedding.bias, f"{name}.bias", True)]
    joints, width = layer.joint_kernel.shape
    for variable, kind, shape in (
        (layer.joint_kernel, "weight", (1, width)),
        (layer.joint_bias, "bias", (1,)),
    ):
        sources = tuple(Source(f"{pose}.fc_layer.{joint}.{kind}", shape) for joint in range(joints))
        assignments.append(Assignment(variable, sources, _one_row_each, is_optional=True))
    for parts, part_name in (
        (layer.full_pose, "full_pose_discriminator"),
        (layer.shape_net, "shape_discriminator"),
    ):
        for number, part in enumerate(parts):
            name = f"{prefix}{part_name}.fc_blocks.regressor_fc_{number}"
            assignments += dense(part, name, True)
    first = layer.full_pose[0].kernel
    return [_joint_by_joint(x, joints, width) if x.variable is first else x for x in assignments]


def _one_row_each(*heads: np.ndarray) -> np.ndarray:
    return np.stack([head[0] for head in heads])


def _joint_by_joint(assignment: Assignment, joints: int, width: int) -> Assignment:
    def make(value: np.ndarray) -> np.ndarray:
        units = value.shape[0]
        return value.reshape(units, width, joints).transpose(2, 1, 0).reshape(-1, units)

    return Assignment(assignment.variable, assignment.sources, make, assignment.is_optional)
