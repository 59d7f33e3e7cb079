"""Factorised pose and shape discriminators: is this a body that people have?

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrecords_tools.skeletons import SMPL24

NUM_JOINTS = 23
OUTPUT_NAMES = (
    *(joint.removeprefix("smpl_") for joint in SMPL24.joints[1:]),
    *("all_joints", "shape"),
)
_EMBEDDING = 32
_FULL_POSE = 1024


@tf.keras.utils.register_keras_serializable("hmr_tf")
class Discriminator(tf.keras.layers.Layer):
    """25 least-squares critics: one per joint, one of the whole pose and one of the shape.

    Every joint's rotation matrix goes through one shared embedding of two layers; each joint has a
    linear critic of its own 32 numbers, and one fully connected network reads them all, joint by
    joint.

    Args:
        embedding_activation: activation after both embedding layers: `relu` (original release) or
            None (what the PyTorch ports trained with).
        shape_units: widths of the shape critic's hidden layers: (10, 5) in the original release,
            (5,) in the PyTorch ports.

    Call: dict of `rotations` ``[batch, 23, 3, 3]`` (without the global one) and `betas`
    ``[batch, num_betas]`` -> ``[batch, 25]`` float32: 23 joints in SMPL order, all joints, shape.
    Linear.
    """

    def __init__(
        self,
        embedding_activation: Any = "relu",
        shape_units: Sequence[int] = (10, 5),
        name: str = "discriminator",
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.embedding_activation = embedding_activation
        self.shape_units = tuple(shape_units)

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        num_betas = int(input_shape["betas"][-1])
        activation = self.embedding_activation
        flat = NUM_JOINTS * _EMBEDDING
        self.embedding = [
            self._dense("embedding_1", 9, _EMBEDDING, activation),
            self._dense("embedding_2", _EMBEDDING, _EMBEDDING, activation),
        ]
        self.joint_kernel = self.add_weight(
            "joint_kernel",
            shape=[NUM_JOINTS, _EMBEDDING],
            # Glorot's limit of one critic, Dense 32 -> 1.
            initializer=tf.keras.initializers.RandomUniform(
                -((6 / (_EMBEDDING + 1)) ** 0.5), (6 / (_EMBEDDING + 1)) ** 0.5
            ),
        )
        self.joint_bias = self.add_weight("joint_bias", shape=[NUM_JOINTS], initializer="zeros")
        self.full_pose = [
            self._dense("full_pose_1", flat, _FULL_POSE, "relu"),
            self._dense("full_pose_2", _FULL_POSE, _FULL_POSE, "relu"),
            self._dense("full_pose_out", _FULL_POSE, 1, None),
        ]
        widths = (num_betas, *self.shape_units)
        self.shape_net = [
            *(
                self._dense(f"shape_{index + 1}", widths[index], units, "relu")
                for index, units in enumerate(self.shape_units)
            ),
            self._dense("shape_out", widths[-1], 1, None),
        ]
        super().build(input_shape)

    def _dense(
        self, name: str, num_inputs: int, units: int, activation: Any
    ) -> tf.keras.layers.Dense:
        layer = tf.keras.layers.Dense(units, activation=activation, name=name, dtype="float32")
        with tf.name_scope(name):
            layer.build([None, num_inputs])
        return layer

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Judges every row; see the class."""
        batch = tf.shape(inputs["rotations"])[0]
        x = tf.reshape(inputs["rotations"], [batch * NUM_JOINTS, 9])
        for layer in self.embedding:
            x = layer(x)
        x = tf.reshape(x, [batch, NUM_JOINTS, _EMBEDDING])
        # All 23 critics at once, each on its own row of the kernel.
        joints = tf.reduce_sum(x * self.joint_kernel, axis=-1) + self.joint_bias
        pose = tf.reshape(x, [batch, NUM_JOINTS * _EMBEDDING])
        for layer in self.full_pose:
            pose = layer(pose)
        shape = inputs["betas"]
        for layer in self.shape_net:
            shape = layer(shape)
        return tf.concat([joints, pose, shape], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "embedding_activation": self.embedding_activation,
            "shape_units": list(self.shape_units),
        }
