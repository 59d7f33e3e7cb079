"""Rotations estimated joint after joint along the tree, each from its parent's.

Every joint has a small network of its own. It sees the graph's features, those of the map at the
joint, and the parent's estimate, to which it adds: ``q_k = MLP_k(g, A_k, q_parent) + q_parent``.
All q are global rotations as six numbers, not orthonormalised on their way, so that an error
of one is no error of what hangs on it. Joints of a level of the tree are computed at once.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.geometry.kinematics import KinematicTree, take
from tfrecords_tools.skeletons import SMPL_PARENTS

# SMPL's joints are numbered level after level.
TREE = KinematicTree(SMPL_PARENTS)
NUM_BRANCHES = TREE.num_joints - 1
HIDDEN_UNITS = 128
_DEVIATION = 0.01


class RotationChain(tf.keras.layers.Layer):
    """The root's linear layer and a network of three layers for each other joint.

    Computes in float32 whatever the policy.

    Args:
        start: `[24, 6]` rotations that estimation begins at: those of the layers' biases.
        is_sequential: whether a joint sees its parent's rotation and adds to it. If not, the
            rotations are relative to the parents', each estimated on its own, for comparison.

    Attributes:
        root: the layer of joint 0.
        graph_kernel, local_kernel, parent_kernel, hidden_bias: first layer of the 23 networks, in
            parts: ``[graph features, 23, 128]``, ``[23, local features, 128]``, ``[23, 6, 128]``.
        middle_kernel, middle_bias, last_kernel, last_bias: the others, ``[23, ...]``.

    Call: (graph features ``[batch, G]``, local features of joints 1 to 23 ``[batch, 23, C]``) ->
    ``[batch, 24, 6]`` float32.
    """

    def __init__(
        self,
        start: np.ndarray,
        is_sequential: bool = True,
        name: str = "rotation_chain",
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.start = np.asarray(start, np.float32)
        self.is_sequential = is_sequential

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        num_graph, num_local = (int(shape[-1]) for shape in input_shape)
        root, steps = self.start[0], self.start[1:]
        if self.is_sequential:
            steps = steps - self.start[list(TREE.parents[1:])]
        self.root = tf.keras.layers.Dense(
            len(root),
            kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
            bias_initializer=tf.keras.initializers.Constant(root),
            name="root",
            dtype="float32",
        )
        with tf.name_scope("root"):
            self.root.build([None, num_graph])
        units = HIDDEN_UNITS
        self.graph_kernel = self._normal("graph_kernel", [num_graph, NUM_BRANCHES, units])
        self.local_kernel = self._normal("local_kernel", [NUM_BRANCHES, num_local, units])
        if self.is_sequential:
            self.parent_kernel = self._normal("parent_kernel", [NUM_BRANCHES, len(root), units])
        self.hidden_bias = self._constant("hidden_bias", np.zeros([NUM_BRANCHES, units]))
        self.middle_kernel = self._normal("middle_kernel", [NUM_BRANCHES, units, units])
        self.middle_bias = self._constant("middle_bias", np.zeros([NUM_BRANCHES, units]))
        self.last_kernel = self._normal("last_kernel", [NUM_BRANCHES, units, len(root)])
        self.last_bias = self._constant("last_bias", steps)
        super().build(input_shape)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns what the class says."""
        graph, local = inputs
        # Joints before batch, `[23, batch, 128]`: one small matrix product per joint.
        hidden = tf.einsum("bg,gjh->jbh", graph, self.graph_kernel)
        hidden += tf.einsum("bjc,jch->jbh", local, self.local_kernel)
        hidden += self.hidden_bias[:, tf.newaxis]
        root = self.root(graph)[tf.newaxis]
        if not self.is_sequential:
            found = [root, self._finish(hidden, slice(0, NUM_BRANCHES))]
        else:
            found = [root]
            for slots, level in zip(TREE.parent_slots, TREE.levels[1:]):
                branches = slice(level[0] - 1, level[-1])
                # `take` gathers along the third last axis.
                above = take(found[-1], slots)
                step = hidden[branches] + tf.linalg.matmul(above, self.parent_kernel[branches])
                found.append(self._finish(step, branches) + above)
        return tf.transpose(tf.concat(found, axis=0), [1, 0, 2])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {**config, "start": self.start.tolist(), "is_sequential": self.is_sequential}

    def _finish(self, hidden: tf.Tensor, branches: slice) -> tf.Tensor:
        """The layers after the first, of some joints: `[joints, batch, 6]`."""
        middle = tf.linalg.matmul(tf.nn.relu(hidden), self.middle_kernel[branches])
        middle = tf.nn.relu(middle + self.middle_bias[branches, tf.newaxis])
        last = tf.linalg.matmul(middle, self.last_kernel[branches])
        return last + self.last_bias[branches, tf.newaxis]

    def _normal(self, name: str, shape: list[int]) -> tf.Variable:
        initializer = tf.keras.initializers.RandomNormal(stddev=_DEVIATION)
        return self.add_weight(name, shape=shape, initializer=initializer)

    def _constant(self, name: str, value: np.ndarray) -> tf.Variable:
        value = np.asarray(value, np.float32)
        initializer = tf.keras.initializers.Constant(value)
        return self.add_weight(name, shape=value.shape, initializer=initializer)
