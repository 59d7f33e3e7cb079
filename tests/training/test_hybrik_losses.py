import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.training import hybrik_losses


def _tensor(values):
    return tf.constant(np.asarray(values, np.float32))


def _example(seed=0, batch=3, joints=29):
    rng = np.random.default_rng(seed)
    pred, gt = rng.uniform(-0.5, 0.5, (2, batch, joints, 3))
    return pred, gt, (rng.random((batch, joints, 3)) < 0.6).astype(float)


def test_l1_of_the_reference():
    """|difference| = 0.02 on every entry gives 1.28."""
    zeros, ones = _tensor(np.zeros((2, 29, 3))), _tensor(np.ones((2, 29, 3)))
    loss = hybrik_losses.uvd_l1_loss(zeros + 0.02, zeros, ones)
    assert float(loss.mean()) == pytest.approx(1.28, rel=1e-6)


def test_laplace_of_the_reference():
    """sigma = 0.1 and |difference| = 0.02 give -1.242235."""
    zeros, ones = _tensor(np.zeros((2, 29, 3))), _tensor(np.ones((2, 29, 3)))
    loss = hybrik_losses.uvd_laplace_loss(zeros + 0.02, zeros, ones, _tensor(np.full((2, 29), 0.1)))
    assert float(loss.mean()) == pytest.approx(-1.242235, abs=1e-6)


def test_only_weighted_entries_count():
    pred, gt, weights = _example()
    expected = 64.0 * (weights * np.abs(pred - gt)).sum() / weights.sum()
    loss = hybrik_losses.uvd_l1_loss(*map(_tensor, (pred, gt, weights)))
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)
    sigma = np.random.default_rng(1).uniform(0.05, 0.5, (3, 29))
    each = np.log(sigma[..., None] * np.sqrt(2 * np.pi))
    each = each + np.abs(pred - gt) / (np.sqrt(2) * sigma[..., None] + 1e-5)
    loss = hybrik_losses.uvd_laplace_loss(*map(_tensor, (pred, gt, weights, sigma)))
    assert float(loss.mean()) == pytest.approx((weights * each).sum() / weights.sum(), rel=1e-5)


def test_nothing_labelled_is_zero_with_finite_gradients():
    pred, gt, _ = _example()
    pred = tf.Variable(_tensor(pred))
    sigma = tf.Variable(_tensor(np.zeros((3, 29))))
    logits = tf.Variable(_tensor(np.random.default_rng(0).normal(size=(3, 29, 3, 8))))
    zeros, mask = _tensor(np.zeros((3, 29, 3))), _tensor(np.zeros(3))
    with tf.GradientTape() as tape:
        made = [
            hybrik_losses.uvd_l1_loss(pred, _tensor(gt), zeros),
            hybrik_losses.uvd_laplace_loss(pred, _tensor(gt), zeros, sigma),
            hybrik_losses.marginal_loss(tf.nn.softmax(logits), _tensor(gt), zeros),
            hybrik_losses.masked_square_loss(pred, _tensor(gt), mask),
        ]
        total = sum(loss.mean() for loss in made)
    assert float(total) == 0.0
    for gradient in tape.gradient(total, [pred, sigma, logits]):
        np.testing.assert_array_equal(gradient, tf.zeros_like(gradient))


def test_a_joint_that_fits_by_chance_has_a_bounded_likelihood():
    zeros, ones = _tensor(np.zeros((1, 1, 3))), _tensor(np.ones((1, 1, 3)))
    sigma = tf.Variable([[1e-9]])
    with tf.GradientTape() as tape:
        loss = hybrik_losses.uvd_laplace_loss(zeros, zeros, ones, sigma).mean()
    assert float(loss) == pytest.approx(np.log(1e-3 * np.sqrt(2 * np.pi)), rel=1e-5)
    assert float(tape.gradient(loss, sigma)[0, 0]) == 0.0


def test_squares_are_averaged_over_masked_people_too():
    rng = np.random.default_rng(3)
    pred, gt = rng.normal(size=(2, 4, 23, 2))
    mask = np.array([1.0, 0.0, 0.0, 1.0])
    expected = np.mean((pred * mask[:, None, None] - gt * mask[:, None, None]) ** 2)
    loss = hybrik_losses.masked_square_loss(*map(_tensor, (pred, gt, mask)))
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)
    mask = np.repeat(mask[:, None], 23, axis=1)
    mask[0, 5] = 0.0
    expected = np.mean((pred * mask[..., None] - gt * mask[..., None]) ** 2)
    loss = hybrik_losses.masked_square_loss(*map(_tensor, (pred, gt, mask)))
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-5)


def test_what_is_masked_cannot_spoil_the_mean():
    pred, mask = tf.Variable([[1.0], [np.inf]]), tf.constant([1.0, 0.0])
    with tf.GradientTape() as tape:
        loss = hybrik_losses.masked_square_loss(pred, tf.zeros([2, 1]), mask).mean()
    assert float(loss) == 0.5
    np.testing.assert_array_equal(tape.gradient(loss, pred), [[1.0], [0.0]])


def test_marginals_are_drawn_to_the_joints():
    """The best marginals are the Gaussians, whose middle is where the soft-argmax reads."""
    size, gt = 16, np.zeros((1, 1, 3))
    gt[0, 0] = (0.1, -0.3, 0.25)
    weights = np.ones((1, 1, 3))
    logits = tf.Variable(tf.zeros([1, 1, 3, size]))
    optimizer = tf.keras.optimizers.legacy.Adam(0.3)

    def loss():
        marginals = tf.nn.softmax(logits)
        return hybrik_losses.marginal_loss(marginals, _tensor(gt), _tensor(weights)).mean()

    first = float(loss())
    assert first == pytest.approx(np.log(size), rel=1e-5)
    for _ in range(150):
        optimizer.minimize(loss, [logits])
    cells = tf.reduce_sum(tf.nn.softmax(logits) * tf.range(size, dtype=tf.float32), axis=-1)
    np.testing.assert_allclose(cells / size - 0.5, gt, atol=2e-3)
    outside = np.full((1, 1, 3), 0.6)
    none = hybrik_losses.marginal_loss(tf.nn.softmax(logits), _tensor(outside), _tensor(weights))
    assert float(none.total) == float(none.count) == 0.0
