"""Losses against printed values of the original reductions."""

import filler
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import filler_body, filler_inputs

from hmr_tf import losses
from hmr_tf.body.posing import pose_body


def _tensor(name, shape, scale=1.0):
    return tf.constant(scale * filler.signed(name, shape), tf.float32)


@pytest.fixture
def visibility():
    return tf.constant(filler.uniform("loss/vis", (2, 19)) > 0.5, tf.float32)


def test_keypoints_2d_loss(visibility):
    assert visibility.numpy().sum(axis=1).tolist() == [7, 4]
    pred, gt = _tensor("pred", (2, 19, 2)), _tensor("gt", (2, 19, 2))
    loss = losses.keypoints_2d_loss(pred, gt, visibility)
    error = np.abs(pred.numpy() - gt.numpy())[visibility.numpy() > 0]
    assert float(loss.count) == 22
    assert float(loss.mean()) == pytest.approx(error.sum() / 22, rel=1e-6)


_FORMS = {
    "l1": np.abs,
    "mse": np.square,
    "half_mse": lambda d: d * d / 2,
    # Huber's, with the corner at 1.
    "smooth_l1": lambda d: np.where(np.abs(d) <= 1, d * d / 2, np.abs(d) - 0.5),
}


def test_all_forms_are_here():
    assert set(losses.FORMS) == set(_FORMS)


@pytest.mark.parametrize("form", _FORMS)
def test_forms_of_the_2d_loss(form, visibility):
    """mmhuman3d and SPIN with its confidences: weighted errors over the number of those above 0."""
    confidence = visibility.numpy() * filler.uniform("conf", (2, 19)).astype(np.float32)
    pred, gt = _tensor("pred", (2, 19, 2), 2.0), _tensor("gt", (2, 19, 2), 2.0)
    error = _FORMS[form](pred.numpy() - gt.numpy()) * confidence[..., None]
    loss = losses.keypoints_2d_loss(pred, gt, tf.constant(confidence), form)
    assert np.abs(pred - gt).max() > 1.5  # both branches of smooth_l1
    assert float(loss.mean()) == pytest.approx(error.sum() / 22, rel=1e-5)


@pytest.mark.parametrize("form", _FORMS)
def test_forms_of_the_3d_loss(form):
    pred, gt = _tensor("a", (3, 19, 3), 2.0), _tensor("b", (3, 14, 3), 2.0)
    has_3d = np.array([1.0, 0.0, 1.0], np.float32)
    loss = losses.joints_3d_loss(pred, gt, tf.constant(has_3d), form)
    p, g = pred.numpy()[has_3d > 0, :14], gt.numpy()[has_3d > 0]
    p, g = p - p[:, 2:4].mean(axis=1, keepdims=True), g - g[:, 2:4].mean(axis=1, keepdims=True)
    assert float(loss.count) == 84
    assert float(loss.mean()) == pytest.approx(_FORMS[form](p - g).mean(), rel=1e-5)


def test_pose_and_betas_apart_add_up_to_both_together():
    """The original's 226 numbers at once are 216 of the matrices and 10 of the shape."""
    pred, gt = _rodrigues(filler.signed("p", (3, 72))), _rodrigues(filler.signed("q", (3, 72)))
    pred_betas, gt_betas = _tensor("pb", (3, 10)), _tensor("gb", (3, 10))
    has_smpl = np.array([1.0, 1.0, 0.0], np.float32)
    pose = losses.pose_loss(pred, gt, tf.constant(has_smpl))
    betas = losses.betas_loss(pred_betas, gt_betas, tf.constant(has_smpl))
    assert (float(pose.count), float(betas.count)) == (432, 20)
    expected = np.mean((pred.numpy() - gt.numpy())[:2] ** 2)
    assert float(pose.mean()) == pytest.approx(expected, rel=1e-5)
    expected = np.mean((pred_betas.numpy() - gt_betas.numpy())[:2] ** 2)
    assert float(betas.mean()) == pytest.approx(expected, rel=1e-5)
    both = losses.smpl_loss(pred, pred_betas, gt, gt_betas, tf.constant(has_smpl))
    together = (216 * float(pose.mean()) + 10 * float(betas.mean())) / 2 / 226
    assert float(both.mean()) == pytest.approx(together, rel=1e-5)
    assert float(losses.pose_loss(pred, gt, tf.zeros([3])).mean()) == 0


def test_vertices_loss_is_the_mean_absolute_error():
    pred, gt = _tensor("v", (3, 40, 3)), _tensor("w", (3, 40, 3))
    loss = losses.vertices_loss(pred, gt, tf.constant([0.0, 1.0, 1.0]))
    assert float(loss.count) == 240
    expected = np.abs(pred.numpy() - gt.numpy())[1:].mean()
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)


def test_camera_loss_is_spin_s():
    camera = np.array([[0.9, 5.0, 5.0], [0.1, 0.0, 0.0], [-0.05, 0.0, 0.0]], np.float32)
    loss = losses.camera_loss(tf.constant(camera))
    expected = np.mean(np.exp(-10 * camera[:, 0].astype(np.float64)) ** 2)
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)


def test_nothing_visible_is_zero_with_zero_gradient():
    pred = _tensor("pred", (2, 19, 2))
    with tf.GradientTape() as tape:
        tape.watch(pred)
        loss = losses.keypoints_2d_loss(pred, _tensor("gt", (2, 19, 2)), tf.zeros([2, 19])).mean()
    assert float(loss) == 0
    assert np.all(tape.gradient(loss, pred) == 0)
    assert float(losses.joints_3d_loss(*[tf.ones([2, 14, 3])] * 2, tf.zeros([2])).mean()) == 0


def test_heatmap_loss_is_the_cross_entropy_with_a_gaussian():
    size = (5, 4)  # rows, columns
    logits, gt = _tensor("maps", (2, *size, 3)), _tensor("gt", (2, 3, 2), 0.9)
    visibility = tf.constant([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    loss = losses.heatmap_loss(logits, gt, visibility)
    total = 0.0
    rows, columns = np.mgrid[: size[0], : size[1]]
    for item, joint in zip(*np.nonzero(visibility.numpy())):
        x, y = (gt[item, joint].numpy() + 1) / 2 * [size[1], size[0]] - 0.5
        target = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 0.7**2))
        shown = np.exp(logits[item, ..., joint].numpy())
        total -= (target / target.sum() * np.log(shown / shown.sum())).sum()
    assert float(loss.count) == 4
    assert float(loss.total) == pytest.approx(total, rel=1e-5)


def test_heatmap_loss_leaves_out_what_is_outside():
    gt = tf.constant([[[0.0, 1.2], [-1.5, 0.0], [0.2, -0.9]]])
    loss = losses.heatmap_loss(_tensor("maps", (1, 4, 4, 3)), gt, tf.ones([1, 3]))
    assert float(loss.count) == 1


def test_depth_loss_is_relative_to_the_hips():
    depths, gt = _tensor("depths", (2, 19)), _tensor("b", (2, 14, 3))
    loss = losses.depth_loss(depths, gt, tf.constant([0.0, 1.0]))
    z = gt.numpy()[1, :, 2]
    expected = np.abs(depths.numpy()[1, :14] - (z - (z[2] + z[3]) / 2)).mean()
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)


def test_joints_3d_loss_is_relative_to_the_hips():
    pred, gt = _tensor("a", (2, 19, 3)), _tensor("b", (2, 14, 3))
    loss = losses.joints_3d_loss(pred, gt, tf.constant([1.0, 0.0]))
    p, g = pred.numpy()[0, :14], gt.numpy()[0]
    p, g = p - (p[2] + p[3]) / 2, g - (g[2] + g[3]) / 2
    assert float(loss.count) == 42
    assert float(loss.mean()) == pytest.approx(0.5 * np.mean((p - g) ** 2), rel=1e-5)
    moved = losses.joints_3d_loss(pred + tf.constant([1.0, 2.0, 3.0]), gt, tf.constant([1.0, 0.0]))
    assert float(moved.mean()) == pytest.approx(float(loss.mean()), rel=1e-5)


@pytest.fixture(scope="module")
def synthetic():
    """The synthetic body of the printed checks, posed by NumPy."""
    theta, betas, camera = filler_inputs()
    body = filler_body()
    vertices = np.stack([pose_body(body, theta[row], betas[row])[0] for row in range(2)])
    joints_3d = body.regressor("cocoplus") @ vertices
    projected = camera[:, None, :1] * (joints_3d[..., :2] + camera[:, None, 1:])
    assert projected.sum(axis=(1, 2)) == pytest.approx([-5.051561, 4.764445], abs=1e-4)
    return {
        "rotations": _rodrigues(theta),
        "betas": tf.constant(betas, tf.float32),
        "joints_3d": tf.constant(joints_3d, tf.float32),
        "keypoints_2d": tf.constant(projected, tf.float32),
    }


def _rodrigues(pose):
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
    return tf.constant(matrices.reshape(len(pose), 24, 3, 3), tf.float32)


def test_keypoints_2d_loss_of_the_original(synthetic, visibility):
    gt = _tensor("loss/kp", (2, 19, 3))[..., :2]
    loss = losses.keypoints_2d_loss(synthetic["keypoints_2d"], gt, visibility)
    assert float(loss.mean()) == pytest.approx(0.5751204, abs=1e-5)


def test_joints_3d_loss_of_the_original(synthetic):
    gt = _tensor("loss/j3", (2, 14, 3))
    loss = losses.joints_3d_loss(synthetic["joints_3d"], gt, tf.constant([1.0, 0.0]))
    assert float(loss.mean()) == pytest.approx(0.2046891, abs=1e-5)


def test_smpl_loss_of_the_original(synthetic):
    gt_rotations = _rodrigues(0.5 * filler.signed("loss/pose", (2, 72)))
    gt_betas = _tensor("loss/shape", (2, 10))
    for valid, expected, count in [((1, 1), 0.0793220, 452), ((1, 0), 0.0775823, 226)]:
        loss = losses.smpl_loss(
            synthetic["rotations"],
            synthetic["betas"],
            gt_rotations,
            gt_betas,
            tf.constant(valid, tf.float32),
        )
        assert float(loss.count) == count
        assert float(loss.mean()) == pytest.approx(expected, abs=1e-5)


def test_replicas_add_up_to_the_whole_batch(visibility):
    """Uneven halves: the sum of totals over the sum of counts is the loss of the whole."""
    pred, gt = _tensor("pred", (2, 19, 2)), _tensor("gt", (2, 19, 2))
    whole = losses.keypoints_2d_loss(pred, gt, visibility)
    parts = [
        losses.keypoints_2d_loss(pred[i : i + 1], gt[i : i + 1], visibility[i : i + 1])
        for i in range(2)
    ]
    count = sum(part.count for part in parts)
    summed = sum(float(part.mean(count)) for part in parts)
    assert summed == pytest.approx(float(whole.mean()), rel=1e-6)
    averaged = sum(float(part.mean()) for part in parts) / 2
    assert abs(averaged - summed) > 1e-3  # what a mean of means would have given


def test_sum_over_critics_is_25_times_mmhuman3d_s_mean():
    """mmhuman3d's weight of 1 is 1 / 25 of the original's."""
    fake = _tensor("fake", (6, 25))
    mean = np.mean((fake.numpy() - 1) ** 2)
    assert 0.04 * float(losses.adversarial_generator_loss(fake).mean()) == pytest.approx(mean, 1e-5)


def test_adversarial_losses_by_hand():
    fake = tf.fill([3, 25], 0.5)
    real = tf.fill([2, 25], 0.25)
    assert float(losses.adversarial_generator_loss(fake).mean()) == pytest.approx(25 * 0.25)
    on_real, on_fake = losses.discriminator_loss(real, fake)
    assert float(on_real.mean()) == pytest.approx(25 * 0.5625)
    assert float(on_fake.mean()) == pytest.approx(25 * 0.25)
    assert (float(on_real.count), float(on_fake.count)) == (2, 3)


def test_mean_pose_loss_leaves_the_global_rotation_out():
    pred = Rotation.random(48, random_state=0).as_matrix().reshape(2, 24, 3, 3)
    mean = Rotation.random(24, random_state=1).as_matrix()[np.newaxis]
    loss = losses.mean_pose_loss(tf.constant(pred, tf.float32), tf.constant(mean, tf.float32))
    assert float(loss.mean()) == pytest.approx(np.mean((pred - mean)[:, 1:] ** 2), rel=1e-5)
    assert float(loss.count) == 2 * 207
