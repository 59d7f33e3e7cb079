"""True joints and meshes, against the NumPy body posed person by person."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.body import posing
from hmr_tf.errors import ConfigError
from hmr_tf.evaluation import truth
from hmr_tf.evaluation.protocols import PROTOCOLS
from tfrecords_tools import skeletons

_COUNT = 5


@pytest.fixture(scope="module")
def bodies():
    body = toy_body()
    return {
        "neutral": body,
        "male": dataclasses.replace(body, template=1.1 * body.template),
        "female": dataclasses.replace(body, template=0.9 * body.template),
    }


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    joints_24 = rng.normal(size=(_COUNT, 24, 4)).astype(np.float32)
    joints_24[..., 3] = 1.0
    joints_24[:, 13, 3] = 0.0  # As Human3.6M's: J17 does not need LSP's head top.
    joints_24[3, 14, 3] = 0.0  # This pelvis is not known.
    values = {
        "pose_axis_angle": rng.normal(scale=0.4, size=(_COUNT, 72)).astype(np.float32),
        "betas": rng.normal(size=(_COUNT, 10)).astype(np.float32),
        "has_smpl": np.float32([1, 1, 0, 0, 1]),
        "gender": np.int32([1, 2, 0, -1, -1]),
        "joints_3d": rng.normal(size=(_COUNT, 14, 3)).astype(np.float32),
        "has_3d": np.float32([1, 0, 1, 0, 0]),
        "joints_24_3d": joints_24,
    }
    return {key: tf.constant(value) for key, value in values.items()}


def _by_hand(batch, bodies, row, gender):
    pose, betas = batch["pose_axis_angle"][row].numpy(), batch["betas"][row].numpy()
    return posing.pose_body(bodies[gender], pose, betas)[0]


def test_everybody_has_the_body_of_their_gender(bodies, batch):
    known = truth.TrueBodies(bodies)
    rotations = truth.true_rotations(batch)
    found = known.vertices(rotations, batch["betas"], batch["gender"])
    genders = ("male", "female", "neutral", "neutral", "neutral")
    expected = [_by_hand(batch, bodies, row, gender) for row, gender in enumerate(genders)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    keypoints = known.keypoints("h36m", rotations, batch["betas"], batch["gender"])
    regressor = bodies["neutral"].regressor("h36m")
    np.testing.assert_allclose(keypoints, [regressor @ one for one in expected], atol=1e-5)
    neutral = truth.TrueBodies(bodies, is_gendered=False)
    assert neutral.genders == ("neutral",)
    found = neutral.vertices(rotations, batch["betas"], batch["gender"])
    np.testing.assert_allclose(found[0], _by_hand(batch, bodies, 0, "neutral"), atol=1e-5)


def test_joints_of_the_record_come_first_and_smpl_fills_in(bodies, batch):
    known = truth.TrueBodies(bodies, is_gendered=False)
    joints, is_known = truth.true_joints(batch, PROTOCOLS.get("h36m_p1"), known)
    np.testing.assert_array_equal(is_known, [True, True, True, False, True])
    np.testing.assert_array_equal(joints[0], batch["joints_3d"][0])
    np.testing.assert_array_equal(joints[2], batch["joints_3d"][2])
    cocoplus = bodies["neutral"].regressor("cocoplus")[:14]
    for row in (1, 4):
        expected = cocoplus @ _by_hand(batch, bodies, row, "neutral")
        np.testing.assert_allclose(joints[row], expected, atol=1e-5)


def test_j17_is_taken_by_name(bodies, batch):
    known = truth.TrueBodies(bodies, is_gendered=False)
    joints, is_known = truth.true_joints(batch, PROTOCOLS.get("mpi_inf_3dhp"), known)
    np.testing.assert_array_equal(is_known, [True, True, True, False, True])
    from_j24 = [*range(13), 18, 14, 16, 17]  # The sheet's J17, written out.
    np.testing.assert_array_equal(joints[2], batch["joints_24_3d"].numpy()[2, from_j24, :3])
    # A body of which a joint is missing is regressed, if it can be.
    joints, is_known = truth.true_joints(
        {**batch, "has_smpl": tf.ones(_COUNT)}, PROTOCOLS.get("mpi_inf_3dhp"), known
    )
    from_h36m = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10, 0, 7, 9]
    expected = bodies["neutral"].regressor("h36m")[from_h36m] @ _by_hand(
        batch, bodies, 3, "neutral"
    )
    np.testing.assert_allclose(joints[3], expected, atol=1e-5)
    assert skeletons.J17.joints[14] == "pelvis" and is_known.numpy().all()


def test_3dpw_is_always_regressed(bodies, batch):
    known = truth.TrueBodies(bodies)
    joints, is_known = truth.true_joints(batch, PROTOCOLS.get("pw3d"), known)
    np.testing.assert_array_equal(is_known, batch["has_smpl"].numpy() > 0)
    from_h36m = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10, 0, 7, 9]
    expected = bodies["male"].regressor("h36m")[from_h36m] @ _by_hand(batch, bodies, 0, "male")
    np.testing.assert_allclose(joints[0], expected, atol=1e-5)


def test_bodies_of_another_kind_are_one_line(bodies):
    other = dataclasses.replace(bodies["male"], kind="smpl")
    with pytest.raises(ConfigError, match="the male body is of kind 'smpl'"):
        truth.TrueBodies({**bodies, "male": other})


def test_betas_fit_the_body():
    betas = tf.ones([2, 10])
    np.testing.assert_array_equal(truth.fit_betas(betas, toy_body(12))[0, 10:], [0, 0])
    assert truth.fit_betas(betas, toy_body()) is betas
    with pytest.raises(ConfigError, match="10 betas, the body 4"):
        truth.fit_betas(betas, toy_body(4))
