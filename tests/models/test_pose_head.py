"""The model's own 2D pose: what maps are read as, and that they can be learned."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import losses
from hmr_tf.models import pose_guidance, pose_head


def test_reads_places_and_how_sure_they_are():
    logits = np.zeros((1, 16, 16, 3), np.float32)
    logits[0, 3, 12, 0] = 30.0  # One cell alone.
    logits[0, [3, 12], [12, 2], 1] = 30.0  # Two far from each other; the third map is flat.
    found = pose_head.read_pose(tf.constant(logits)).numpy()[0]
    np.testing.assert_allclose(found[0], [2 * 12.5 / 16 - 1, 2 * 3.5 / 16 - 1, 1], atol=1e-5)
    assert found[1, 2] == 0 and found[2, 2] == 0
    np.testing.assert_allclose(found[2, :2], 0.0, atol=1e-5)


def test_a_perfect_map_is_read_where_the_loss_wants_it():
    """Loss and reading agree about where a cell lies."""
    truth = tf.constant([[[0.3, -0.45], [-0.7, 0.1]]])
    logits = tf.Variable(tf.zeros([1, 16, 16, 2]))
    optimizer = tf.keras.optimizers.legacy.Adam(0.5)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = losses.heatmap_loss(logits, truth, tf.ones([1, 2])).mean()
        optimizer.apply_gradients([(tape.gradient(loss, logits), logits)])
    found = pose_head.read_pose(logits)
    np.testing.assert_allclose(found[..., :2], truth, atol=0.02)
    np.testing.assert_array_equal(found[..., 2], 1.0)


@pytest.mark.parametrize("size", [16, 20, 18])
def test_maps_are_half_as_fine_as_the_stem(size):
    head = pose_head.build_pose_head((size, size, 8), 30, 4, "mixed_bfloat16")
    logits = head(tf.ones([2, size, size, 8], tf.bfloat16))
    assert logits.shape == (2, (size + 1) // 2, (size + 1) // 2, 30)
    assert logits.dtype == tf.float32


def test_certain_maps_are_drawn_where_a_given_pose_is():
    places = tf.constant([[[0.31, -0.42], [-0.55, 0.18]]])
    # What the loss wants: Gaussians of 0.7 cells.
    cells = (places + 1.0) * 8.0 - 0.5
    far = [-0.5 * ((tf.range(16.0) - cells[..., axis, None]) / 0.7) ** 2 for axis in (0, 1)]
    logits = tf.transpose(far[1][..., :, None] + far[0][..., None, :], [0, 2, 3, 1])
    drawn = pose_head.draw_maps(logits, 32)
    given = pose_guidance.gaussian_maps(tf.concat([places, tf.ones([1, 2, 1])], axis=-1), 32)
    share = tf.range(32.0) / 32.0
    for maps in (drawn, given):
        total = tf.reduce_sum(maps, axis=(1, 2))
        x = tf.einsum("byxk,x->bk", maps, share) / total
        y = tf.einsum("byxk,y->bk", maps, share) / total
        np.testing.assert_allclose(2 * tf.stack([x, y], -1) - 1, places, atol=0.01)
    assert 0.8 < drawn.numpy().max() <= 1.0


def test_doubt_is_drawn_in_both_places():
    logits = np.zeros((1, 16, 16, 1), np.float32)
    logits[0, 3, 12], logits[0, 12, 2] = 30.0, 30.0
    drawn = pose_head.draw_maps(tf.constant(logits), 16).numpy()[0, :, :, 0]
    peaks = drawn[3:5, 12:14].sum(), drawn[12:14, 2:4].sum()
    np.testing.assert_allclose(peaks, 0.5 / pose_head._PEAK, rtol=0.05)
    np.testing.assert_allclose(drawn.sum(), sum(peaks), rtol=1e-5)
