"""SGRE's regressor on bodies of several kinds."""

import dataclasses

import numpy as np
import pytest
from toy_body import toy_body

from hmr_tf.body import free_body, posing, sgre_joints
from hmr_tf.errors import BodyError
from tfrecords_tools import skeletons

_NAMES = skeletons.SGRE30.joints


def test_joints_are_where_their_names_say():
    """On the embedded body, posed with one arm bent: no side is swapped."""
    body = sgre_joints.with_sgre_joints(free_body.load())
    pose = np.zeros((24, 3))
    pose[18] = (0.0, -1.2, 0.0)
    vertices, _ = posing.pose_body(body, pose)
    found = dict(zip(_NAMES, body.regressor("sgre30") @ vertices))
    np.testing.assert_allclose(body.regressor("sgre30")[:24], body.joint_regressor, atol=0)
    for name, point in found.items():
        if name.startswith(("left", "smpl_left")):
            mirrored = found[name.replace("left", "right")]
            assert point[0] > 0.02 > mirrored[0], name
    assert found["head_top"][1] > found["nose"][1] > found["smpl_neck"][1]
    assert found["nose"][2] > found["left_ear"][2] + 0.03
    # The bent arm alone comes forward.
    assert found["left_wrist"][2] > found["right_wrist"][2] + 0.1


def test_the_published_points_of_smpl():
    arrays = np.random.default_rng(0).random((24, 6890)).astype(np.float32)
    body = dataclasses.replace(
        toy_body(),
        kind="smpl",
        template=np.zeros((6890, 3), np.float32),
        joint_regressor=arrays,
        keypoint_regressors={"extra": np.eye(9, 6890, dtype=np.float32)},
    )
    matrix = sgre_joints.with_sgre_joints(body).regressor("sgre30")
    assert matrix.shape == (30, 6890)
    np.testing.assert_array_equal(matrix[:24], arrays)
    assert matrix[24:].argmax(axis=1).tolist() == [331, 2802, 6262, 3489, 3990, 3]
    np.testing.assert_array_equal(matrix[24:].sum(axis=1), 1.0)


def test_other_sources_and_a_body_that_knows_none():
    body = toy_body()
    cocoplus = {"cocoplus": body.regressor("cocoplus")}
    found = sgre_joints.with_sgre_joints(dataclasses.replace(body, keypoint_regressors=cocoplus))
    np.testing.assert_array_equal(found.regressor("sgre30")[29], cocoplus["cocoplus"][13])
    np.testing.assert_array_equal(found.regressor("sgre30")[24:29], cocoplus["cocoplus"][14:])
    with pytest.raises(BodyError, match="where its nose is"):
        sgre_joints.with_sgre_joints(dataclasses.replace(body, keypoint_regressors={}))
