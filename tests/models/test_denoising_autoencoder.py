"""The autoencoder: the release's size, and that it begins by changing nothing and then helps."""

import numpy as np
import tensorflow as tf

from hmr_tf.models.denoising_autoencoder import build_autoencoder

POINTS = np.random.default_rng(0).normal(size=(16, 41, 3)).astype(np.float32)


def test_has_the_release_s_weights():
    network = build_autoencoder()
    counts = [
        sum(int(np.prod(x.shape)) for x in variables)
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    assert counts == [3_411_579, 9_216]


def test_begins_by_changing_nothing():
    network = build_autoencoder(width=32, dropout=0.2)
    for training in (False, True):
        np.testing.assert_array_equal(network(POINTS, training=training), POINTS)


def test_is_saved_by_itself(tmp_path):
    network = build_autoencoder(width=32)
    network.get_layer("correction").kernel.assign(tf.random.normal([32, 123]))
    network.save(tmp_path / "autoencoder.keras")
    loaded = tf.keras.models.load_model(tmp_path / "autoencoder.keras")
    np.testing.assert_array_equal(network(POINTS), loaded(POINTS))


def test_learns_what_was_added():
    """Points that are all functions of four numbers, so that noise can be told from them."""
    tf.keras.utils.set_random_seed(0)
    network = build_autoencoder(width=128)
    optimizer = tf.keras.optimizers.Adam(2e-3)
    rng = np.random.default_rng(1)
    basis = 0.3 * rng.normal(size=(4, 123))

    def batch(count):
        clean = (rng.normal(size=(count, 4)) @ basis).reshape(-1, 41, 3)
        scale = np.linspace(0.01, 0.1, 41)[:, None]
        noisy = clean + scale * rng.normal(size=clean.shape)
        return clean.astype(np.float32), noisy.astype(np.float32)

    @tf.function(autograph=False)
    def step(clean, noisy):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(network(noisy, training=True) - clean))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    for _ in range(500):  # Fewer would leave the batches' statistics behind.
        step(*batch(64))
    clean, noisy = batch(512)
    before = np.linalg.norm(noisy - clean, axis=-1).mean(0)
    after = np.linalg.norm(network(noisy) - clean, axis=-1).mean(0)
    assert after.mean() < 0.75 * before.mean()
    # What was off most gains most.
    gain = before - after
    assert gain[-10:].mean() > gain[:10].mean()
