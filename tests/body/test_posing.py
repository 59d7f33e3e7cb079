"""The NumPy reference against the printed values and against rigid motions."""

import numpy as np
import pytest
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body.posing import pose_body, shape_body


def test_printed_values():
    body = toy_body.filler_body()
    pose, betas, _ = toy_body.filler_inputs()
    (v0, j0), (v1, j1) = (pose_body(body, p, b) for p, b in zip(pose, betas))
    np.testing.assert_allclose([v0.sum(), v1.sum()], (-9.446072, -0.817660), atol=1e-4)
    squares = [np.square(v0).sum(), np.square(v1).sum()]
    np.testing.assert_allclose(squares, (27.138088, 18.742764), atol=1e-4)
    np.testing.assert_allclose(v0[0], (-0.422448, -0.837955, 0.342730), atol=1e-6)
    np.testing.assert_allclose(v1[39], (0.347525, 0.420976, 0.777738), atol=1e-6)
    np.testing.assert_allclose([j0.sum(), j1.sum()], (-5.160449, -0.604149), atol=1e-4)
    np.testing.assert_allclose(j0[23], (0.013520, -0.188958, -0.049081), atol=1e-6)
    np.testing.assert_allclose(j1[0], (-0.019561, -0.095349, -0.023936), atol=1e-6)


def test_rest_pose_is_the_template():
    body = toy_body.toy_body()
    vertices, joints = pose_body(body, np.zeros(72))
    np.testing.assert_allclose(vertices, body.template, atol=1e-6)
    np.testing.assert_allclose(joints, body.joint_regressor @ body.template, atol=1e-6)
    assert vertices.dtype == joints.dtype == np.float32


def test_forms_of_the_pose_agree():
    body = toy_body.toy_body()
    pose = toy_body.filler_inputs()[0][1]
    matrices = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    expected, _ = pose_body(body, pose)
    for other in (pose.reshape(24, 3), matrices):
        np.testing.assert_allclose(pose_body(body, other)[0], expected, atol=1e-6)


def test_global_rotation_is_rigid_about_the_pelvis():
    body = toy_body.toy_body()
    pose = toy_body.filler_inputs()[0][1].copy()
    pose[:3] = 0.0
    before, joints = pose_body(body, pose)
    pose[:3] = (0.3, -2.0, 1.0)
    after, _ = pose_body(body, pose)
    turn = Rotation.from_rotvec(pose[:3]).as_matrix()
    np.testing.assert_allclose(after, (before - joints[0]) @ turn.T + joints[0], atol=2e-6)


def test_fewer_betas_are_the_first_ones():
    body = toy_body.toy_body()
    two = shape_body(body, np.array([1.0, -2.0]))
    np.testing.assert_allclose(two, shape_body(body, np.array([1.0, -2.0] + [0.0] * 8)), atol=1e-7)
    np.testing.assert_allclose(
        shape_body(body, np.array([2.0])), body.template * 1.1, atol=1e-6
    )  # The toy's first coefficient is size.
    np.testing.assert_array_equal(shape_body(body), body.template)


def test_wrong_shapes_are_named():
    body = toy_body.toy_body()
    with pytest.raises(ValueError, match=r"pose must be .*received \[69\]"):
        pose_body(body, np.zeros(69))
    with pytest.raises(ValueError, match=r"at most \[10\].*received \[11\]"):
        pose_body(body, np.zeros(72), np.zeros(11))
