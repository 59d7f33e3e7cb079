"""What the TensorFlow releases of HMR share: TensorFlow's layouts, and one set of critics."""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from hmr_tf.weights import mapping
from hmr_tf.weights.mapping import Assignment, Source

Name = Callable[[str, str], str]


def dense(
    layer: tf.keras.layers.Dense, part: str, name: Name, is_optional: bool = False
) -> list[Assignment]:
    """A fully connected layer.

    Args:
        layer: the layer.
        part: what it is called here.
        name: (part, `kernel` or `bias`) -> name of the tensor in the file.
        is_optional: whether the file may lack it.
    """
    return [
        mapping.copied(layer.kernel, name(part, "kernel"), is_optional),
        mapping.copied(layer.bias, name(part, "bias"), is_optional),
    ]


def discriminator(layer: tf.keras.layers.Layer, name: Name) -> list[Assignment]:
    """The 25 critics; all of them may be missing.

    Args:
        layer: the `Discriminator`.
        name: as in `dense`, of the parts `embedding_1`, `embedding_2`, `joint_0` to `joint_22`,
            `full_pose_1` to `full_pose_3` and `shape_1` to `shape_3`.
    """
    assignments = []
    for number, embedding in enumerate(layer.embedding, 1):
        part = f"embedding_{number}"
        shape = (1, 1, *embedding.kernel.shape)
        assignments += [
            mapping.reshaped(embedding.kernel, name(part, "kernel"), shape, True),
            mapping.copied(embedding.bias, name(part, "bias"), True),
        ]
    joints, width = layer.joint_kernel.shape
    for variable, kind, shape in (
        (layer.joint_kernel, "kernel", (width, 1)),
        (layer.joint_bias, "bias", (1,)),
    ):
        sources = tuple(Source(name(f"joint_{joint}", kind), shape) for joint in range(joints))
        assignments.append(Assignment(variable, sources, _one_row_each, is_optional=True))
    for kind, parts in (("full_pose", layer.full_pose), ("shape", layer.shape_net)):
        for number, part in enumerate(parts, 1):
            assignments += dense(part, f"{kind}_{number}", name, True)
    return assignments


def _one_row_each(*heads: np.ndarray) -> np.ndarray:
    """Joins the joints' critics, each of one output, the last axis."""
    return np.stack([head[..., 0] for head in heads])
