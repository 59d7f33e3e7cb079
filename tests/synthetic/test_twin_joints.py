from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic.studio import Studio
from hmr_tf.synthetic.twin_joints import twin_joints
from tfrecords_tools.skeletons import BODY25, H36M17, MPI_INF_3DHP17, MPI_INF_3DHP28, MUCO21

# MPI-INF-3DHP's 28 joints -> SMPL's, where both have the joint, written out.
_SMPL = {
    **{9: 16, 10: 18, 11: 20, 14: 17, 15: 19, 16: 21},  # left and right arm
    **{19: 4, 20: 7, 21: 10, 24: 5, 25: 8, 26: 11},  # left and right leg
    **{12: 22, 17: 23, 8: 13, 13: 14, 2: 6, 0: 9},  # hands, clavicles, spine
}


@pytest.fixture(scope="module")
def person():
    studio = Studio(load_body("free_body"))
    return studio.photograph(np.random.default_rng(0), 48, 48).people[0]


def test_joints_lie_where_smpls_do(person):
    joints = twin_joints(person, MPI_INF_3DHP28)
    assert joints.shape == (28, 3)
    for index, smpl in _SMPL.items():
        assert np.linalg.norm(joints[index] - person.smpl_joints_3d[smpl]) < 0.06
    for toe, foot, ankle in ((22, 21, 20), (27, 26, 25)):
        assert 0.01 < np.linalg.norm(joints[toe] - joints[foot]) < 0.15
        assert np.dot(joints[toe] - joints[foot], joints[foot] - joints[ankle]) > 0


def test_sets_agree_on_their_common_joints(person):
    joints = twin_joints(person, MPI_INF_3DHP28)
    # The official list of the 17 relevant joints counts from 1.
    relevant = [8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7]
    np.testing.assert_array_equal(
        twin_joints(person, MPI_INF_3DHP17), joints[[index - 1 for index in relevant]]
    )
    muco = twin_joints(person, MUCO21)
    np.testing.assert_array_equal(muco[:17], twin_joints(person, MPI_INF_3DHP17))
    np.testing.assert_array_equal(muco[17:], joints[[17, 12, 27, 22]])
    np.testing.assert_allclose(twin_joints(person, H36M17), person.h36m17, atol=0.05)


def test_unknown_joints(person):
    with pytest.raises(KeyError, match="mid_hip"):
        twin_joints(person, BODY25)
