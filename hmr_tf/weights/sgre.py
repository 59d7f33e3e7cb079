"""SGRE (``snapshot_N.pth.tar``): ResNet-50, the fused pose, and the networks on its last map.

The release has no network for the 2D pose: a model made of its weights must be given one.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np
import tensorflow as tf

from hmr_tf.config import SGREConfig
from hmr_tf.models.joint_graph import GraphConvolution
from hmr_tf.models.rotation_chain import NUM_BRANCHES, RotationChain
from hmr_tf.weights import mapping, spin, torch_networks, torchvision_resnet
from hmr_tf.weights.mapping import Assignment, Source, Tensors
from hmr_tf.weights.published_format import BODY, OPTIMIZER, Format
from hmr_tf.weights.torch_file import TorchFile

_ENCODER = "backbone."
_LOGITS = "position_net.conv.0"
_STRIDE = 32
_NUM_JOINTS = 30
_ROTATION_NET = "rotation_net"
# Where a normalisation's variables stand in Keras's, whose joints have an axis of their own.
_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _config(tensors: Tensors) -> SGREConfig:
    encoder = torchvision_resnet.encoder_of(tensors, _ENCODER)
    # As many depths as the last map has cells on a side.
    rows = (tensors.shapes.get(f"{_LOGITS}.weight") or (0,))[0]
    size = _STRIDE * (rows // _NUM_JOINTS)
    return SGREConfig(encoder=encoder, image_size=size or SGREConfig.image_size)


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    assignments = torch_networks.resnet(model.encoder, _ENCODER)
    for layer, index in (("conv", 0), ("norm", 1)):
        fusion = model.guided.fusion.get_layer(layer)
        assignments += torch_networks.weighted(fusion, f"pose2feat.conv.{index}")
    assignments += torch_networks.weighted(model.position_net.convolution, _LOGITS)
    for layer, name in zip(model.graph.convolutions, _graph_names()):
        assignments += _graph_convolution(layer, f"{_ROTATION_NET}.graph_block.{name}.fcbn_list")
    for head, name in (("betas", "shape_out"), ("camera", "cam_out")):
        assignments += torch_networks.dense(model.heads[head], f"{_ROTATION_NET}.{name}.0")
    return assignments + _chain(model.chain)


def _graph_names() -> list[str]:
    return ["0", *(f"{block}.graph_block{part}" for block in range(1, 5) for part in (1, 2))]


def _graph_convolution(layer: GraphConvolution, name: str) -> list[Assignment]:
    """Linear layers and normalisations of all joints, each of which has its own in the file."""
    count, inputs, width = layer.kernel.shape
    joints = [f"{name}.{joint}" for joint in range(count)]
    kernels = [Source(f"{joint}.0.weight", (width, inputs)) for joint in joints]
    biases = [Source(f"{joint}.0.bias", (width,)) for joint in joints]
    found = [
        Assignment(layer.kernel, tuple(kernels), _transposed_stack),
        Assignment(layer.bias, tuple(biases), _stack),
    ]
    for kind, variable in mapping.variables_by_kind(layer.norm).items():
        sources = [Source(f"{joint}.1.{_NORM[kind]}", (width,)) for joint in joints]
        found.append(Assignment(variable, tuple(sources), _shaped(variable)))
    return found


def _chain(chain: RotationChain) -> list[Assignment]:
    """The root's layer and the 23 networks, whose first layer is in three parts here."""
    num_graph, _, units = chain.graph_kernel.shape
    num_local, num_rotation = chain.local_kernel.shape[1], chain.last_kernel.shape[2]
    inputs = num_graph + num_local + num_rotation

    def sources(index: int, kind: str, *shape: int) -> tuple[Source, ...]:
        names = [f"{_ROTATION_NET}.pose_branch.{branch}" for branch in range(NUM_BRANCHES)]
        return tuple(Source(f"{name}.{index}.{kind}", shape) for name in names)

    first = sources(0, "weight", units, inputs)
    ends = (0, num_graph, num_graph + num_local, inputs)
    parts = (chain.graph_kernel, chain.local_kernel, chain.parent_kernel)
    found = torch_networks.dense(chain.root, f"{_ROTATION_NET}.global_rot.0")
    for variable, start, stop in zip(parts, ends, ends[1:]):
        # The graph's part has its inputs first, then the branches.
        axis = 1 if variable is chain.graph_kernel else 0
        found.append(Assignment(variable, first, _rows(slice(start, stop), axis)))
    return [
        *found,
        Assignment(chain.hidden_bias, sources(0, "bias", units), _stack),
        Assignment(chain.middle_kernel, sources(2, "weight", units, units), _transposed_stack),
        Assignment(chain.middle_bias, sources(2, "bias", units), _stack),
        Assignment(chain.last_kernel, sources(4, "weight", num_rotation, units), _transposed_stack),
        Assignment(chain.last_bias, sources(4, "bias", num_rotation), _stack),
    ]


def _stack(*values: np.ndarray) -> np.ndarray:
    return np.stack(values)


def _transposed_stack(*values: np.ndarray) -> np.ndarray:
    return np.stack([value.T for value in values])


def _rows(rows: slice, axis: int) -> Callable[..., np.ndarray]:
    return lambda *values: np.stack([value.T[rows] for value in values], axis=axis)


def _shaped(variable: tf.Variable) -> Callable[..., np.ndarray]:
    shape: Sequence[int] = tuple(variable.shape)
    return lambda *values: np.stack(values).reshape(shape)


FORMAT = Format(
    what="a checkpoint of SGRE",
    open=lambda path: TorchFile(path, "network"),
    config=_config,
    assignments=_assignments,
    own=r"(backbone|pose2feat|position_net|rotation_net)\..*",
    ignored=(
        *torch_networks.IGNORED,
        (r"optimizer\..*", OPTIMIZER),
        (r"human_model_layer\..*", BODY),
    ),
    model="sgre",
    keypoints=spin.KEYPOINTS,
    template="human_model_layer.th_v_template",
)
