"""SMPL in reverse: from points of a body, on its joints and its skin, to its pose and shape.

Two networks that share no weights: bones' lengths say what shape a body has, their directions what
pose it is in. Points are 41: SMPL's joints 1 to 23 and the landmarks, relative to the pelvis, in
the order of `hmr_tf.body.landmarks`.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.body import landmarks, pelvis_orientation
from hmr_tf.geometry import rotations
from hmr_tf.geometry.alignment import nearest_rotation
from hmr_tf.models.elu_dense import elu_dense

NUM_JOINTS = 24
# What the pose network gives: Gram-Schmidt of six numbers a joint, the rotation nearest to a
# matrix, or that matrix as it is (the release's).
ROTATIONS = ("6d", "svd", "raw")
_SQUARE_FLOOR = 1e-16  # m^2


def bone_features(points: tf.Tensor) -> tf.Tensor:
    """Returns what the networks read.

    Args:
        points: `[batch, 41, 3]` float32, m, from the pelvis.

    Returns:
        lengths `[batch, 41]`, m, less those of the mean body; directions `[batch, 41, 3]`, of unit
        length, zero for bones of no length.
    """
    with_pelvis = tf.pad(points, [[0, 0], [1, 0], [0, 0]])
    bones = points - tf.gather(with_pelvis, landmarks.POINT_PARENTS[1:], axis=1)
    square = tf.reduce_sum(bones * bones, axis=-1, keepdims=True)
    # Floored under the root, where the gradient would have no bound.
    length = tf.sqrt(tf.maximum(square, _SQUARE_FLOOR))
    mean = tf.constant(landmarks.MEAN_LENGTHS, points.dtype)
    return length[..., 0] - mean, bones / length


def upright(points: tf.Tensor, rest_joints: tf.Tensor) -> tf.Tensor:
    """Returns the rotation of hips and spine against the rest pose, a constant.

    Args:
        points: `[batch, 41, 3]` float32, m, from the pelvis.
        rest_joints: `[24, 3]` float32, m, of the mean body.

    Returns:
        `[batch, 3, 3]` float32.
    """
    bones = points[:, :3]  # To the hips and the spine.
    rest = tf.broadcast_to(rest_joints[1:4] - rest_joints[0], tf.shape(bones))
    return pelvis_orientation.fit_bones(rest, bones)


def build_shape_network(num_betas: int = 10, width: int = 1024) -> tf.keras.Model:
    """Builds the network of a body's shape.

    Args:
        num_betas: shape coefficients.
        width: units of its widest layers.

    Returns:
        A model from lengths ``[batch, 41]`` of `bone_features` to ``[batch, num_betas + 1]``:
        coefficients, and a score that is positive for men and negative for women.
    """
    lengths = tf.keras.Input([len(landmarks.MEAN_LENGTHS)], name="lengths")
    return tf.keras.Model(lengths, _two_heads(lengths, num_betas + 1, width, "zeros"), name="shape")


def build_pose_network(form: str = "6d", width: int = 1024) -> tf.keras.Model:
    """Builds the network of a body's pose.

    Args:
        form: one of `ROTATIONS`.
        width: units of its widest layers.

    Returns:
        A model from directions ``[batch, 41, 3]`` of `bone_features` to matrices ``[batch, 24, 3,
        3]``, each relative to its parent, the first global.
    """
    directions = tf.keras.Input([len(landmarks.MEAN_LENGTHS), 3], name="directions")
    flat = tf.keras.layers.Flatten(name="flat")(directions)
    if form == "6d":
        identity = tf.constant_initializer(np.tile(np.float32([1, 0, 0, 1, 0, 0]), NUM_JOINTS))
        numbers = _two_heads(flat, 6 * NUM_JOINTS, width, identity)
    else:
        numbers = _two_heads(flat, 9 * NUM_JOINTS, width, "zeros")
    matrices = AsRotations(form, name="rotations", dtype="float32")(numbers)
    return tf.keras.Model(directions, matrices, name="pose")


@tf.keras.utils.register_keras_serializable("hmr_tf")
class AsRotations(tf.keras.layers.Layer):
    """Numbers to matrices.

    Args:
        form: one of `ROTATIONS`.

    Call: ``[batch, 24 * n]`` float32 -> ``[batch, 24, 3, 3]`` float32; n is 6 for `6d`, else 9.
    """

    def __init__(self, form: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.form = form

    def call(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns what the class says."""
        if self.form == "6d":
            return rotations.rotation_6d_to_matrix(tf.reshape(numbers, [-1, NUM_JOINTS, 6]))
        matrices = tf.tanh(tf.reshape(numbers, [-1, NUM_JOINTS, 3, 3]))
        return nearest_rotation(matrices) if self.form == "svd" else matrices

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return {**super().get_config(), "form": self.form}


def _two_heads(x: tf.Tensor, outputs: int, width: int, bias_initializer) -> tf.Tensor:
    """A trunk of five layers, two heads, and a layer that joins them."""
    half, quarter = width // 2, width // 4
    for index, units in enumerate((width, width, half, half, half), 1):
        x = elu_dense(x, units, f"trunk_{index}")
    first = elu_dense(elu_dense(x, quarter, "head_1"), quarter, "head_2")
    first = tf.keras.layers.Dense(outputs, name="head", dtype="float32")(first)
    second = elu_dense(x, quarter, "offset_1")
    second = tf.keras.layers.Dense(outputs, name="offset", dtype="float32")(second)
    both = tf.keras.layers.Concatenate(name="both", dtype="float32")([first, second])
    return tf.keras.layers.Dense(
        outputs, bias_initializer=bias_initializer, name="joined", dtype="float32"
    )(both)
