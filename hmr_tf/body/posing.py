"""Poses one body with NumPy alone: for rendering, for data generation, and to check the layer."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import NUM_JOINTS, Body


def pose_body(
    body: Body, pose: np.ndarray, betas: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the vertices and joints of a body in one pose and shape.

    Args:
        body: the body model.
        pose: `[72]` or `[24, 3]` axis-angle in radians, or `[24, 3, 3]` rotation matrices; joint 0
            is the global rotation.
        betas: up to `[S]` shape coefficients; None for the mean shape.

    Returns:
        vertices `[V, 3]` and joints `[24, 3]`, float32, m, in the frame that the global rotation
        turns the body's rest frame into; not translated.

    Raises:
        ValueError: if ``pose`` or ``betas`` has another shape.

    Reference:
        Loper et al., SMPL: A Skinned Multi-Person Linear Model, ACM Trans. Graphics 2015, eq. 2-12.
    """
    rotations = _rotation_matrices(pose)
    shaped = shape_body(body, betas)
    rest_joints = body.joint_regressor @ shaped
    pose_feature = (rotations[1:] - np.eye(3, dtype=np.float32)).reshape(-1)
    corrections = body.pose_basis.reshape(-1, pose_feature.size) @ pose_feature
    rest = shaped + corrections.reshape(-1, 3)
    global_rotations, joints = _forward_kinematics(rotations, rest_joints, body.parents)
    offsets = joints - np.einsum("jrc,jc->jr", global_rotations, rest_joints)
    transforms = np.concatenate([global_rotations, offsets[:, :, None]], axis=2)
    blended = (body.skin_weights @ transforms.reshape(NUM_JOINTS, 12)).reshape(-1, 3, 4)
    vertices = np.einsum("vrc,vc->vr", blended[:, :, :3], rest) + blended[:, :, 3]
    return vertices.astype(np.float32), joints.astype(np.float32)


def shape_body(body: Body, betas: np.ndarray | None = None) -> np.ndarray:
    """Returns the rest-pose vertices `[V, 3]` float32, m, of one shape.

    Args:
        body: the body model.
        betas: up to `[S]` shape coefficients; None for the mean shape.

    Raises:
        ValueError: if there are more coefficients than the body has.
    """
    if betas is None:
        return body.template
    betas = np.asarray(betas, np.float32)
    if betas.ndim != 1 or betas.size > body.num_betas:
        raise ValueError(
            f"betas must be at most [{body.num_betas}] for this body; received {list(betas.shape)}."
        )
    return body.template + body.shape_basis[:, :, : betas.size] @ betas


def _rotation_matrices(pose: np.ndarray) -> np.ndarray:
    pose = np.asarray(pose)
    if pose.shape == (NUM_JOINTS, 3, 3):
        return pose.astype(np.float32)
    if pose.shape not in ((3 * NUM_JOINTS,), (NUM_JOINTS, 3)):
        raise ValueError(f"pose must be [72], [24, 3] or [24, 3, 3]; received {list(pose.shape)}.")
    axis_angle = pose.reshape(NUM_JOINTS, 3).astype(np.float64)
    return Rotation.from_rotvec(axis_angle).as_matrix().astype(np.float32)


def _forward_kinematics(
    rotations: np.ndarray, rest_joints: np.ndarray, parents: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    global_rotations, joints = rotations.copy(), rest_joints.copy()
    for joint in range(1, NUM_JOINTS):
        parent = parents[joint]
        global_rotations[joint] = global_rotations[parent] @ rotations[joint]
        bone = rest_joints[joint] - rest_joints[parent]
        joints[joint] = joints[parent] + global_rotations[parent] @ bone
    return global_rotations, joints
