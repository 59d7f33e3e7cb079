"""SGRE's graph of 15 joints: each with weights of its own, mixed along bones and across the body.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023; H. Choi et al., Learning to Estimate Robust 3D Human Mesh from In-the-Wild
Crowded Scenes, CVPR 2022, whose network it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords_tools import skeletons

_NAMES = (
    *("smpl_pelvis", "smpl_left_hip", "smpl_right_hip", "left_knee", "right_knee"),
    *("left_ankle", "right_ankle", "smpl_neck", "head_top", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
)
# Where the graph's joints stand among the 30.
JOINTS = tuple(skeletons.SGRE30.index(name) for name in _NAMES)
_BONES = (
    *((0, 1), (1, 3), (3, 5), (0, 2), (2, 4), (4, 6), (0, 7)),
    *((7, 8), (7, 9), (9, 11), (11, 13), (7, 10), (10, 12), (12, 14)),
)
_FLIP = tuple(JOINTS.index(skeletons.SGRE30.flip[joint]) for joint in JOINTS)
WIDTH = 128
NUM_BLOCKS = 4
_DEVIATION = 0.01
_EPSILON = 1e-5
_MOMENTUM = 0.9


def adjacency() -> np.ndarray:
    """Returns the graph as `[15, 15]` float32: bones, pairs of sides and each joint with itself.

    Symmetrically normalised: 1 / sqrt(d_i d_j), with d how many joints each is joined to.
    """
    graph = np.eye(len(JOINTS))
    for first, second in (*_BONES, *enumerate(_FLIP)):
        graph[first, second] = graph[second, first] = 1.0
    degree = graph.sum(axis=1)
    return (graph / np.sqrt(np.outer(degree, degree))).astype(np.float32)


@tf.keras.utils.register_keras_serializable("hmr_tf")
class GraphConvolution(tf.keras.layers.Layer):
    """A linear layer and normalisation for each joint, the graph, then ReLU.

    Args:
        width: features that a joint gets.

    Call: ``[batch, 15, F]`` float32 -> ``[batch, 15, width]`` float32.
    """

    def __init__(self, width: int = WIDTH, name: str | None = None, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.width = width

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        num_joints = len(JOINTS)
        self.kernel = self.add_weight(
            "kernel",
            shape=[num_joints, input_shape[-1], self.width],
            initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
        )
        self.bias = self.add_weight("bias", shape=[num_joints, self.width], initializer="zeros")
        self.norm = tf.keras.layers.BatchNormalization(
            axis=[1, 2], epsilon=_EPSILON, momentum=_MOMENTUM, name="norm", dtype="float32"
        )
        self.norm.build([None, num_joints, self.width])
        self._graph = adjacency()
        super().build(input_shape)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the class says."""
        own = tf.einsum("bji,jio->bjo", features, self.kernel) + self.bias
        mixed = tf.einsum("kj,bjo->bko", self._graph, self.norm(own, training=training))
        return tf.nn.relu(mixed)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {**config, "width": self.width}


class JointGraph(tf.keras.layers.Layer):
    """The trunk: one convolution, then four residual pairs of them.

    Computes in float32 whatever the policy.

    Attributes:
        convolutions: all of them, first to last.

    Call: ``[batch, 15, F]`` -> ``[batch, 15 * 128]`` float32, joint after joint.
    """

    def __init__(self, name: str = "joint_graph", **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.convolutions = [
            GraphConvolution(name=f"convolution_{index}") for index in range(1 + 2 * NUM_BLOCKS)
        ]

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        for layer in self.convolutions:
            with tf.name_scope(layer.name):
                layer.build(input_shape)
            input_shape = [None, len(JOINTS), WIDTH]
        super().build(input_shape)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the class says."""
        first, *others = self.convolutions
        features = first(features, training=training)
        for one, two in zip(others[::2], others[1::2]):
            features += two(one(features, training=training), training=training)
        return tf.reshape(features, [-1, len(JOINTS) * WIDTH])
