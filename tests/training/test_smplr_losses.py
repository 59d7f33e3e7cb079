"""The losses against formulas by hand and the release's numbers."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.body import landmarks
from hmr_tf.geometry import volumes
from hmr_tf.training import smplr_losses as losses

SIZES = (64, 64, 16)
ONE = tf.ones([1])
RNG = np.random.default_rng(0)
# Points well inside of the volume.
VOXELS = tf.constant(RNG.uniform([15, 15, 5], [48, 48, 11], (1, 41, 3)), tf.float32)


def _sigmoid(logits):
    return float(losses.volume_sigmoid_loss(volumes.read(logits), VOXELS, ONE).mean())


def test_the_release_s_numbers():
    zeros = tf.zeros([1, 64, 64, 16, 41])
    assert _sigmoid(zeros) == pytest.approx(0.693147, 1e-5)
    assert _sigmoid(zeros + np.log(1 / 65535)) == pytest.approx(1.845e-4, 0.01)
    density = volumes.gaussian_maps(VOXELS, SIZES)
    best = tf.math.log(density + 1e-30) - tf.math.log1p(-density)
    assert _sigmoid(best) == pytest.approx(8.0e-5, 0.01)


def test_limbs_are_drawn_between_their_joints():
    limbs = losses.limb_maps(VOXELS, SIZES).numpy()
    assert limbs.shape == (1, 64, 64, 16, 4)
    u, v, d = np.round(0.5 * (VOXELS[0, 15] + VOXELS[0, 17])).astype(int)  # Left upper arm.
    assert limbs[0, v, u, d, 1] > 0.6
    released = losses.limb_maps(VOXELS, SIZES, "release").numpy()
    ratios = released.max((1, 2, 3)) / released.min((1, 2, 3))
    assert ((ratios > 2) & (ratios < 3)).all()
    names = [landmarks.POINTS.joints[limb[0] + 1] for limb in landmarks.LIMBS]
    assert names == ["right_shoulder", "left_shoulder", "right_knee", "left_knee"]


def _entropy_by_hand(logits, target):
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return -(target / target.sum() * np.log(shares)).sum()


def test_cross_entropy_by_hand():
    sizes = (6, 5, 4)
    voxels = tf.constant(RNG.uniform(0, 3, (2, 41, 3)), tf.float32)
    logits = RNG.normal(size=(2, 5, 6, 4, 45)).astype(np.float32)
    limbs = RNG.random((2, 5, 6, 4, 4)).astype(np.float32)
    loss = losses.volume_cross_entropy(
        volumes.read(tf.constant(logits)), voxels, tf.constant([1.0, 0.0]), limbs
    )
    density = volumes.gaussian_maps(voxels, sizes).numpy()
    targets = np.concatenate([density, limbs], axis=-1)
    each = [_entropy_by_hand(logits[0, ..., k], targets[0, ..., k]) for k in range(45)]
    assert float(loss.total) == pytest.approx(sum(each), rel=1e-5)
    assert loss.count == 45


def test_points_outside_do_not_count():
    voxels = tf.tensor_scatter_nd_update(VOXELS, [[0, 3]], [[70.0, 30.0, 8.0]])
    drawn = volumes.read(tf.zeros([1, 64, 64, 16, 41]))
    loss = losses.volume_cross_entropy(drawn, voxels, ONE)
    assert loss.count == 40
    assert float(loss.mean()) == pytest.approx(np.log(65536), rel=1e-4)
    assert np.isfinite(loss.total)


def test_the_best_logits_are_the_logarithm_of_the_target():
    density = volumes.gaussian_maps(VOXELS, SIZES)
    logits = tf.Variable(tf.math.log(density + 1e-30))
    with tf.GradientTape() as tape:
        loss = losses.volume_cross_entropy(
            volumes.read(tf.convert_to_tensor(logits)), VOXELS, ONE
        ).mean()
    assert np.abs(tape.gradient(loss, logits)).max() < 1e-6


def test_l1_counts_what_is_known():
    pred, gt = RNG.normal(size=(2, 3, 4, 3)).astype(np.float32)
    gt[1] = 1e9
    loss = losses.l1_loss(pred, gt, tf.constant([1.0, 0.0, 1.0]))
    assert float(loss.mean()) == pytest.approx(np.abs(pred - gt)[[0, 2]].mean(), rel=1e-5)
    assert losses.l1_loss(pred, gt, tf.zeros([3])).mean() == 0


def test_gender():
    score, gender = tf.constant([2.0, -1.0, 5.0, 0.5]), tf.constant([1, 2, 0, -1])
    logistic = losses.gender_loss(score, gender)
    expected = np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))
    assert float(logistic.total) == pytest.approx(expected, rel=1e-5) and logistic.count == 2
    released = losses.gender_l1_loss(score, gender)
    assert float(released.total) == pytest.approx(1.0) and released.count == 2
