"""HybrIK's leaf joints and twists of a body."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import shape_body
from hmr_tf.synthetic import hybrik_labels
from hmr_tf.synthetic.studio import Studio

# Joint -> its child, of joints with one chain to follow.
_CHILDREN = {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21, 9: 12, 13: 16}


@pytest.fixture(scope="module")
def scene():
    body = load_body("free_body")
    return body, Studio(body, 1).photograph(np.random.default_rng(3), 64, 64).people[0]


def test_leaves_are_the_ends_of_the_limbs(scene):
    body, person = scene
    joints = hybrik_labels.joints_29(body, person)
    np.testing.assert_array_equal(joints[:24], person.smpl_joints_3d)
    # Head, left hand, right hand, left toe, right toe.
    for leaf, joint in zip(range(24, 29), (15, 22, 23, 10, 11)):
        assert 0.02 < np.linalg.norm(joints[leaf] - joints[joint]) < 0.25
    top = person.j24[13]
    assert np.linalg.norm(joints[24] - top) < 0.12


def test_a_twist_and_a_swing_make_the_rotation(scene):
    body, person = scene
    twists = hybrik_labels.twists(body, person)
    assert {key: len(values) for key, values in twists.items()} == dict(angle=23, cos=23, sin=23)
    np.testing.assert_allclose(np.hypot(twists["cos"], twists["sin"]), 1.0, atol=1e-6)
    np.testing.assert_allclose(np.cos(twists["angle"]), twists["cos"], atol=1e-9)
    rest = body.joint_regressor @ shape_body(body, person.betas)
    rotations = Rotation.from_rotvec(person.pose_axis_angle.reshape(24, 3))
    for joint, child in _CHILDREN.items():
        axis = rest[child] - rest[joint]
        axis = axis / np.linalg.norm(axis)
        twist = Rotation.from_rotvec(axis * twists["angle"][joint - 1])
        swing = rotations[joint] * twist.inv()
        # The swing turns about an axis across the bone: nothing of it is about the bone.
        assert abs(swing.as_rotvec() @ axis) < 1e-5
        np.testing.assert_allclose(swing.apply(axis), rotations[joint].apply(axis), atol=1e-6)


def test_annotations_are_json(scene):
    body, person = scene
    for has_leaves, count in ((True, 29), (False, 24)):
        labels = json.loads(json.dumps(hybrik_labels.annotation(body, person, has_leaves)))
        assert np.shape(labels["smpl_joints"]) == (count, 3)
        assert ("angle_twist" in labels) == has_leaves
        np.testing.assert_allclose(labels["root_coord"], 1000 * person.smpl_joints_3d[0])
        np.testing.assert_allclose(labels["h36m_joints"], 1000 * person.h36m17, rtol=1e-6)
        assert np.shape(labels["thetas"]) == (24, 3) and len(labels["betas"]) == 10
