"""Joints as weighted means of vertices."""

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import regression
from hmr_tf.body.free_body.rebuild.rig import JOINTS


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(size=(200, 12, 3))


def test_fit_row_recovers_weights(samples):
    truth = np.zeros(12)
    truth[[1, 4, 7]] = [0.5, 0.3, 0.2]
    row = regression.fit_row(samples, np.einsum("ncx,c->nx", samples, truth))
    np.testing.assert_allclose(row, truth, atol=1e-3)
    assert row.sum() == pytest.approx(1.0)


def test_fit_row_never_goes_negative(samples):
    truth = np.zeros(12)
    truth[[0, 1]] = [1.6, -0.6]
    row = regression.fit_row(samples, np.einsum("ncx,c->nx", samples, truth))
    assert row.min() >= 0 and row[0] > 0.5 and row[1] == 0
    assert row.sum() == pytest.approx(1.0)


def test_regressor_mirrors_left_to_right():
    generator = np.random.default_rng(1)
    half = generator.normal(size=(60, 8, 3)) + np.array([3.0, 0.0, 0.0])
    bodies = np.concatenate([half, half * [-1.0, 1.0, 1.0]], axis=1)
    mirror = np.r_[8:16, 0:8]
    joints = np.zeros((60, 24, 3))
    for joint, name in enumerate(JOINTS):
        vertices = {"left": [2, 5], "right": [10, 13]}.get(name.partition("_")[0], [1, 9])
        joints[:, joint] = bodies[:, vertices].mean(1)
    regressor = regression.fit_regressor(bodies, joints, lambda joint: np.arange(8), mirror)
    flip = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    np.testing.assert_array_equal(regressor[flip][:, mirror], regressor)
    np.testing.assert_allclose(regressor.sum(1), 1.0)
    assert regression.errors_mm(regressor, bodies, joints).max() < 10.0
    off = joints + np.array([0.0, 0.003, 0.004])
    assert regression.errors_mm(regressor, bodies, off).mean() == pytest.approx(5.0, abs=1.5)


def test_candidates_share_skin_with_the_parent_or_lie_in_a_band():
    generator = np.random.default_rng(2)
    template = np.stack([np.zeros(2000), np.linspace(-1, 1, 2000), np.zeros(2000)], axis=1)
    weights = np.zeros((2000, 24))
    knee, hip = JOINTS.index("left_knee"), JOINTS.index("left_hip")
    share = np.clip((template[:, 1] + 0.5) / 0.2 + 0.5, 0, 1)  # Knee at -0.5, hip above it.
    weights[:, hip], weights[:, knee] = share, 1 - share
    torso = template[:, 1] > 0
    weights[torso] = 0
    weights[torso, JOINTS.index("spine2")] = 1.0
    joints = generator.normal(size=(24, 3)) * 0.01
    joints[knee] = [0, -0.5, 0]
    joints[JOINTS.index("spine2")] = [0, 0.4, 0]
    choose = regression.joint_candidates(template, joints, weights)
    ring = choose(knee)
    assert (weights[ring][:, [hip, knee]] > 0.02).all()
    assert np.abs(template[ring, 1] + 0.5).max() < 0.11
    band = choose(JOINTS.index("spine2"))
    assert np.abs(template[band, 1] - 0.4).max() < 0.06
    assert len(band) > 100
