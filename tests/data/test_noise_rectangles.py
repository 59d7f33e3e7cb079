import numpy as np
import tensorflow as tf

from hmr_tf.data import noise_rectangles


def _sides(rectangles):
    corners = rectangles.corners.numpy()
    return corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]


def test_areas_and_ratios():
    limits = tf.constant([0.3] * 4000)
    seed = tf.constant([1, 2], tf.int64)
    width, height = _sides(noise_rectangles.draw_rectangles(seed, limits, 2.0))
    area, ratio = width * height, height / width
    assert 0.0 <= area.min() and 0.29 < area.max() <= 0.3001
    assert abs(area.mean() - 0.15) < 0.01
    assert 0.4999 < ratio.min() and ratio.max() < 2.001
    assert abs(ratio.mean() - 1.25) < 0.03


def test_rectangles_lie_inside_and_may_be_switched_off():
    limits = tf.constant([0.7, 0.0] * 500)
    found = noise_rectangles.draw_rectangles(tf.constant([3, 4], tf.int64), limits, 3.33)
    corners = found.corners.numpy()
    assert corners.min() >= 0.0 and corners.max() <= 1.0001
    width, height = _sides(found)
    assert np.all((width * height)[1::2] == 0.0) and np.all((width * height)[::2] > 0.0)
    again = noise_rectangles.draw_rectangles(tf.constant([3, 4], tf.int64), limits, 3.33)
    np.testing.assert_array_equal(corners, again.corners)


def test_noise_takes_the_place_of_the_rectangle():
    crop = tf.fill([40, 40, 3], 0.25)
    rectangle = noise_rectangles.Rectangle(
        tf.constant([0.25, 0.5, 0.5, 1.0]), tf.constant([5, 6], tf.int32)
    )
    found = noise_rectangles.add_noise(crop, rectangle).numpy()
    noise = found[20:, 10:20]
    assert noise.min() >= 0.0 and noise.max() < 1.0 and abs(noise.mean() - 0.5) < 0.05
    assert len(np.unique(noise)) > 500
    found[20:, 10:20] = 0.25
    np.testing.assert_array_equal(found, crop)
