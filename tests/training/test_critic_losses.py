import numpy as np
import tensorflow as tf

from hmr_tf.models import discriminator
from hmr_tf.training import critic_losses


def judge(inputs):
    """25 outputs: the joints' first matrix elements, then the first two betas."""
    return tf.concat([inputs["rotations"][:, :, 0, 0], inputs["betas"][:, :2]], axis=-1)


def test_terms_by_hand():
    rng = np.random.default_rng(0)
    estimates = {
        stage: {
            "rotations": tf.constant(rng.normal(size=(2, 24, 3, 3)), tf.float32),
            "betas": tf.constant(rng.normal(size=(2, 10)), tf.float32),
        }
        for stage in (1, 3)
    }
    mocap = {"pose_axis_angle": tf.zeros([4, 72]), "betas": tf.ones([4, 10])}
    terms = critic_losses.terms(judge, estimates, mocap)
    # The global rotation is not judged; a pose of zeros has the identity everywhere.
    fakes = {
        stage: np.concatenate([one["rotations"][:, 1:, 0, 0], one["betas"][:, :2]], axis=1)
        for stage, one in estimates.items()
    }
    fake = np.concatenate(list(fakes.values()))
    np.testing.assert_allclose(terms["adversarial"].mean(), ((fake - 1) ** 2).sum() / 4, rtol=1e-5)
    for stage, part in fakes.items():
        expected = ((part - 1) ** 2).sum() / 2
        np.testing.assert_allclose(terms[f"adversarial_{stage}"].mean(), expected, rtol=1e-5)
    assert float(terms["discriminator_real"].total) == 0
    np.testing.assert_allclose(terms["discriminator_fake"].mean(), (fake**2).sum() / 4, rtol=1e-5)
    np.testing.assert_allclose(terms["critics_fake"].mean(), fake.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(terms["critics_real"].mean(), np.ones(25))


def test_outputs_have_names():
    names = critic_losses.output_names("critics_real")
    assert len(set(names)) == 25 and all(name.startswith("critics_real/") for name in names)


def test_gradient_penalty_by_hand():
    rng = np.random.default_rng(1)
    mocap = {
        "pose_axis_angle": tf.constant(rng.normal(size=(4, 72)), tf.float32),
        "betas": tf.constant(rng.normal(size=(4, 10)), tf.float32),
    }

    def critic(bodies):
        return 3.0 * judge(bodies) + tf.square(bodies["betas"][:, :1])

    penalty = critic_losses.gradient_penalty(critic, mocap)
    # A square under each of 25 outputs, over all rows; the outputs are linear but for it.
    steep = np.full((4, 2), 3.0)
    steep[:, 0] += 25 * 2 * mocap["betas"].numpy()[:, 0]
    expected = 0.5 * (23 * 9.0 + (steep**2).sum(axis=1))
    np.testing.assert_allclose(penalty.mean(), expected.mean(), rtol=1e-5)


def test_gradient_penalty_flattens_critics():
    critics = discriminator.Discriminator()
    mocap = {"pose_axis_angle": tf.zeros([4, 72]), "betas": tf.ones([4, 10])}
    critics.build({"rotations": [None, 23, 3, 3], "betas": [None, 10]})
    before = critic_losses.gradient_penalty(critics, mocap).mean()
    for _ in range(3):
        with tf.GradientTape() as tape:
            penalty = critic_losses.gradient_penalty(critics, mocap).mean()
        weights = [w for w in critics.trainable_variables if "bias" not in w.name]
        for gradient, weight in zip(tape.gradient(penalty, weights), weights):
            weight.assign_sub(1e-2 * gradient)
    assert critic_losses.gradient_penalty(critics, mocap).mean() < 0.9 * before
