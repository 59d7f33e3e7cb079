"""What HybrIK's files say of a body beyond SMPL's parameters: leaf joints and twist angles.

HybrIK adds five points on the surface to SMPL's 24 joints, so that every joint has a bone that
leaves it. A joint's rotation is then a twist about the bone in its rest pose, followed by the
smallest turn (swing) that brings the bone where it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import Body
from hmr_tf.body.posing import shape_body
from hmr_tf.synthetic.twins import TwinPerson
from tfrecords_tools.skeletons import HYBRIK_CHILDREN, HYBRIK_LEAVES


def joints_29(body: Body, person: TwinPerson) -> np.ndarray:
    """Returns SMPL's joints and the leaves `[29, 3]`, m, camera frame."""
    leaves = person.vertices[_leaves(body)]
    return np.concatenate([person.smpl_joints_3d, leaves]).astype(np.float64)


def twists(body: Body, person: TwinPerson) -> dict[str, list[float]]:
    """Returns `angle`, `cos` and `sin` `[23]` of the twists of joints 1 to 23."""
    vertices = shape_body(body, person.betas[: body.num_betas]).astype(np.float64)
    rest = np.concatenate([body.joint_regressor @ vertices, vertices[_leaves(body)]])
    rotations = Rotation.from_rotvec(person.pose_axis_angle.reshape(24, 3).astype(np.float64))
    result: dict[str, list[float]] = {"angle": [], "cos": [], "sin": []}
    for joint in range(1, 24):
        bone = rest[HYBRIK_CHILDREN[joint]] - rest[joint]
        axis = bone / np.linalg.norm(bone)
        matrix = rotations[joint].as_matrix()
        twist = _swing(axis, matrix @ axis).T @ matrix
        cosine = (np.trace(twist) - 1) / 2
        turned = twist - twist.T
        sine = float(axis @ [turned[2, 1], turned[0, 2], turned[1, 0]]) / 2
        for name, value in (("angle", np.arctan2(sine, cosine)), ("cos", cosine), ("sin", sine)):
            result[name].append(float(value))
    return result


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the smallest rotation between two unit vectors that are not opposite."""
    x, y, z = np.cross(start, end)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + cross + cross @ cross / (1.0 + start @ end)


def _leaves(body: Body) -> list[int]:
    """Returns the vertices of head top, middle fingers and big toes."""
    return [body.surface_point(name) for name in HYBRIK_LEAVES]


def annotation(body: Body, person: TwinPerson, has_leaves: bool) -> dict[str, Any]:
    """Returns the labels of a person that depend on the body alone, as JSON types, mm.

    Args:
        body: the body model.
        person: the person.
        has_leaves: whether the file is one of those with 29 joints and twists.
    """
    joints = 1000.0 * joints_29(body, person)
    labels: dict[str, Any] = {
        "root_coord": joints[0].tolist(),
        "h36m_joints": (1000.0 * person.h36m17.astype(np.float64)).tolist(),
        "smpl_joints": joints[: 29 if has_leaves else 24].tolist(),
        "betas": person.betas.astype(float).tolist(),
        "thetas": person.pose_axis_angle.astype(float).reshape(24, 3).tolist(),
    }
    if has_leaves:
        labels["angle_twist"] = twists(body, person)
    return labels
