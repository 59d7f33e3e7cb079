"""Keypoints of a posed body without its mesh.

A keypoint is a fixed sum of posed vertices, and a posed vertex is a sum over bones of

    w_vj (G_j (v - J_j) + t_j),   v = T_v + S_v beta + P_v f,

with skin weights w, global rotations G, rest joints J, posed joints t, template T, shape basis S,
pose basis P and pose features f. Summed over the vertices of keypoint k with the regressor r,

    x_k = sum_j G_j u_kj + c_kj t_j,   u_kj = sum_v r_kv w_vj (v - J_j),   c_kj = sum_v r_kv w_vj,

and u_kj is affine in (beta, f), since J_j is affine in beta. So regressor, skin weights, template,
both bases and the joint regressor fold once into a small basis per pair (k, j), and most pairs are
zero: a keypoint hangs on two or three bones. Nothing is approximated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.body.model_file import NUM_JOINTS, Body
from hmr_tf.body.smpl import BodyLayer, constant, pose_features


class MeshFreeKeypoints(BodyLayer):
    """Keypoints and joints of posed bodies, at a small part of the mesh's cost.

    ``call(rotations, betas)`` takes `[batch, 24, 3, 3]` float32 rotation matrices (joint 0 global)
    and `[batch, S]` float32 shape coefficients and returns keypoints `[batch, K, 3]` and the posed
    SMPL joints `[batch, 24, 3]`, both float32, m, in the frame of the global rotation, not
    translated. Values and gradients are those of the `SMPL` layer followed by the regressor.

    Args:
        body: the body model, or what `load_body` takes.
        regressor: name of the keypoint regressor of the body.
        rotate_base: whether the global rotation is turned by diag(1, -1, -1) on the right.
        name: name of the layer.

    Raises:
        BodyError: if the body has no such regressor.
    """

    def __init__(
        self,
        body: Body | str,
        regressor: str = "cocoplus",
        rotate_base: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(body, rotate_base=rotate_base, name=name or "keypoints", **kwargs)
        self.regressor = regressor
        matrix = self.body.regressor(regressor).astype(np.float64)
        self.num_keypoints = matrix.shape[0]
        skin_weights = self.body.skin_weights.astype(np.float64)
        # Counted, not summed, so that weights of opposite sign do not hide a pair.
        pair_keypoint, pair_joint = np.nonzero((matrix != 0) @ (skin_weights != 0))
        self._pair_joint = tuple(int(joint) for joint in pair_joint)
        basis = self._pair_basis(matrix[pair_keypoint] * skin_weights.T[pair_joint])
        self._pair_template = constant(basis[0])
        self._pair_offsets = constant(basis[1:])
        self._pair_to_keypoint = constant(np.eye(self.num_keypoints)[:, pair_keypoint])
        self._joint_share = constant(matrix @ skin_weights)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments; the body as the path or name it was loaded from."""
        return {**super().get_config(), "regressor": self.regressor}

    def call(self, rotations: tf.Tensor, betas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rotations, betas = self.checked(rotations, betas)
        _, turned, posed = self.skeleton(rotations, betas)
        features = tf.concat([betas, pose_features(rotations)], axis=1)
        offsets = tf.matmul(features, self._pair_offsets) + self._pair_template
        offsets = tf.reshape(offsets, [-1, len(self._pair_joint), 1, 3])
        moved = tf.reduce_sum(tf.gather(turned, self._pair_joint, axis=1) * offsets, axis=-1)
        keypoints = tf.matmul(self._pair_to_keypoint, moved) + tf.matmul(self._joint_share, posed)
        return keypoints, posed

    def _pair_basis(self, weights: np.ndarray) -> np.ndarray:
        """Returns `[1 + S + 207, 3 P]` float64: u_kj of every pair, per feature.

        Args:
            weights: `[P, V]` float64, r_kv w_vj.
        """
        body = self.body
        vertex_basis = np.concatenate(
            [body.template[:, :, None], body.shape_basis, body.pose_basis], axis=2
        )
        basis = np.tensordot(weights, vertex_basis.astype(np.float64), axes=1)
        num_shape = 1 + body.num_betas
        joints = self._folded_joints.reshape(num_shape, NUM_JOINTS, 3)[:, list(self._pair_joint)]
        basis[:, :, :num_shape] -= weights.sum(axis=1)[:, None, None] * joints.transpose(1, 2, 0)
        return basis.transpose(2, 0, 1).reshape(basis.shape[2], -1)
