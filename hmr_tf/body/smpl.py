"""The SMPL layer: rotations and shape to posed vertices.

Training rarely needs vertices; `hmr_tf.body.keypoints` gives the same keypoints without them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.body.model_file import NUM_JOINTS, Body, load_body
from hmr_tf.geometry.kinematics import KinematicTree, forward_kinematics


class BodyLayer(tf.keras.layers.Layer):
    """What every layer over a body model shares: its skeleton in shape and pose.

    The body's arrays are constants, not variables: they are no part of a checkpoint and are never
    trained. Everything runs in float32, under a mixed precision policy too.

    Args:
        body: the body model, or what `load_body` takes.
        rotate_base: whether the global rotation is turned by diag(1, -1, -1) on the right.
        name: name of the layer.
    """

    def __init__(
        self, body: Body | str, rotate_base: bool = False, name: str | None = None, **kwargs: Any
    ) -> None:
        kwargs.pop("dtype", None)
        super().__init__(name=name, trainable=False, dtype="float32", autocast=False, **kwargs)
        self.body = body if isinstance(body, Body) else load_body(body)
        self.rotate_base = rotate_base
        self._tree = KinematicTree(self.body.parents)
        # Rest joints are linear in the vertices, hence in betas; float64 while folding.
        regressor = self.body.joint_regressor.astype(np.float64)
        template = regressor @ self.body.template
        basis = np.einsum("jv,vcs->sjc", regressor, self.body.shape_basis)
        self._folded_joints = np.concatenate([template[None], basis]).reshape(-1, 3 * NUM_JOINTS)
        self._joint_template = constant(self._folded_joints[0])
        self._joint_basis = constant(self._folded_joints[1:])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments; the body as the path or name it was loaded from."""
        config = super().get_config()
        del config["trainable"], config["dtype"]
        config.pop("autocast", None)
        return {
            **config,
            "body": self.body.source or self.body.kind,
            "rotate_base": self.rotate_base,
        }

    def checked(self, rotations: tf.Tensor, betas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the inputs as float32; refuses other shapes."""
        rotations, betas = tf.cast(rotations, tf.float32), tf.cast(betas, tf.float32)
        if rotations.shape.rank != 4 or rotations.shape[1:] != (NUM_JOINTS, 3, 3):
            raise ValueError(
                f"rotations must be [batch, {NUM_JOINTS}, 3, 3]; received {rotations.shape}."
            )
        if betas.shape.rank != 2 or betas.shape[1] != self.body.num_betas:
            raise ValueError(
                f"betas must be [batch, {self.body.num_betas}] for this body; received "
                f"{betas.shape}. Load the body with num_betas={betas.shape[-1]}."
            )
        return rotations, betas

    def rest_joints(self, betas: tf.Tensor) -> tf.Tensor:
        """Returns the joints `[batch, 24, 3]` m of shapes `[batch, S]` in the rest pose."""
        flat = tf.matmul(betas, self._joint_basis) + self._joint_template
        return tf.reshape(flat, [-1, NUM_JOINTS, 3])

    def skeleton(
        self, rotations: tf.Tensor, betas: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns rest joints, global rotations and posed joints.

        Args:
            rotations: `[batch, 24, 3, 3]` float32.
            betas: `[batch, S]` float32.

        Returns:
            `[batch, 24, 3]` m, `[batch, 24, 3, 3]` and `[batch, 24, 3]` m.
        """
        rest = self.rest_joints(betas)
        turned, posed = forward_kinematics(rotations, rest, self._tree, self.rotate_base)
        return rest, turned, posed


class SMPL(BodyLayer):
    """Poses all vertices of a body.

    ``call(rotations, betas)`` takes `[batch, 24, 3, 3]` float32 rotation matrices (joint 0 global)
    and `[batch, S]` float32 shape coefficients and returns a dict with ``vertices``
    `[batch, V, 3]` and ``smpl_joints_3d`` `[batch, 24, 3]`, both float32, m, in the frame of the
    global rotation, not translated.

    Args:
        body: the body model, or what `load_body` takes.
        rotate_base: whether the global rotation is turned by diag(1, -1, -1) on the right.
        name: name of the layer.

    Reference:
        Loper et al., SMPL: A Skinned Multi-Person Linear Model, ACM Trans. Graphics 2015, eq. 2-12.
    """

    def __init__(
        self, body: Body | str, rotate_base: bool = False, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(body, rotate_base=rotate_base, name=name or "smpl", **kwargs)
        # One plane per axis keeps every product below contiguous over the vertices.
        offsets = np.concatenate([self.body.shape_basis, self.body.pose_basis], axis=2)
        self._offset_basis = constant(offsets.transpose(2, 1, 0).reshape(offsets.shape[2], -1))
        self._template = constant(self.body.template.T.reshape(-1))
        self._skin_weights = constant(self.body.skin_weights.T)
        self._regressors: dict[str, tf.Tensor] = {}

    def call(self, rotations: tf.Tensor, betas: tf.Tensor) -> dict[str, tf.Tensor]:
        rotations, betas = self.checked(rotations, betas)
        batch = tf.shape(rotations)[0]
        rest_joints, turned, posed = self.skeleton(rotations, betas)
        features = tf.concat([betas, pose_features(rotations)], axis=1)
        rest = tf.matmul(features, self._offset_basis) + self._template
        rest = tf.reshape(rest, [batch, 1, 3, self.body.num_vertices])
        offsets = posed - tf.squeeze(tf.matmul(turned, rest_joints[..., None]), -1)
        transforms = tf.concat([turned, offsets[..., None]], axis=-1)
        transforms = tf.reshape(tf.transpose(transforms, [0, 2, 3, 1]), [12 * batch, NUM_JOINTS])
        blended = tf.matmul(transforms, self._skin_weights)
        blended = tf.reshape(blended, [batch, 3, 4, self.body.num_vertices])
        vertices = blended[:, :, 3]
        for axis in range(3):
            vertices += blended[:, :, axis] * rest[:, :, axis]
        return {"vertices": tf.transpose(vertices, [0, 2, 1]), "smpl_joints_3d": posed}

    def keypoints(self, vertices: tf.Tensor, regressor: str = "cocoplus") -> tf.Tensor:
        """Returns keypoints of posed vertices.

        Args:
            vertices: `[batch, V, 3]` float32, m.
            regressor: name of one of the body's keypoint regressors.

        Returns:
            `[batch, K, 3]` float32, m.

        Raises:
            BodyError: if the body has no such regressor.
        """
        if regressor not in self._regressors:
            self._regressors[regressor] = constant(self.body.regressor(regressor))
        return tf.matmul(self._regressors[regressor], vertices)


def pose_features(rotations: tf.Tensor) -> tf.Tensor:
    """Returns what the pose basis multiplies: R_j - I of joints 1..23, flat.

    Args:
        rotations: `[batch, 24, 3, 3]` float32.

    Returns:
        `[batch, 207]` float32, joint by joint, each matrix row by row.
    """
    return tf.reshape(rotations[:, 1:] - tf.eye(3), [-1, 9 * (NUM_JOINTS - 1)])


def constant(array: np.ndarray) -> tf.Tensor:
    """Returns a float32 constant that functions capture, even if made while one is traced."""
    with tf.init_scope():
        return tf.constant(np.ascontiguousarray(array), tf.float32)
