"""The network that finds the keypoints first."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models.keypoint_resnet import (
    NUM_KEYPOINTS,
    KeypointPool,
    cell_centres,
    resnet_keypoints_v2,
)


def test_a_sharp_heatmap_is_read_at_its_peak():
    """Rows and columns, and right and left, must not be mixed up."""
    height, width, num_keypoints, num_features = 4, 6, 3, 2
    rng = np.random.default_rng(0)
    depths = rng.normal(size=(1, height, width, num_keypoints)).astype(np.float32)
    features = rng.normal(size=(1, height, width, num_features)).astype(np.float32)
    peaks = [(0, 0), (3, 5), (1, 4)]  # row, column
    logits = np.zeros((1, height, width, num_keypoints), np.float32)
    for joint, (row, column) in enumerate(peaks):
        logits[0, row, column, joint] = 80.0
    pooled, read = KeypointPool()([logits, depths, features])
    places, z, peak, local = np.split(pooled.numpy()[0], [6, 9, 12])
    corner = np.array([1 - 1 / width, 1 - 1 / height])
    expected = [-corner, corner, [2 * 4.5 / 6 - 1, 2 * 1.5 / 4 - 1]]
    np.testing.assert_allclose(places.reshape(3, 2), expected, atol=1e-6)
    at = [depths[0, row, column, joint] for joint, (row, column) in enumerate(peaks)]
    np.testing.assert_allclose(z, at, atol=1e-6)
    np.testing.assert_allclose(read[0], at, atol=1e-6)
    np.testing.assert_allclose(peak, 1.0, atol=1e-6)
    np.testing.assert_allclose(
        local.reshape(3, 2), [features[0, row, column] for row, column in peaks], atol=1e-6
    )


def test_a_flat_heatmap_is_read_as_the_mean():
    maps = tf.random.stateless_normal([2, 3, 5, 4], seed=[0, 1])
    pooled, depths = KeypointPool()([tf.zeros([2, 3, 5, 4]), maps, maps])
    np.testing.assert_allclose(pooled[:, :8], 0.0, atol=1e-6)
    np.testing.assert_allclose(depths, tf.reduce_mean(maps, [1, 2]), atol=1e-6)


def test_cells_are_listed_row_by_row():
    centres = cell_centres(2, 3)
    np.testing.assert_allclose(centres[:3, 1], -0.5)
    np.testing.assert_allclose(centres[:3, 0], [-2 / 3, 0, 2 / 3], atol=1e-7)


@pytest.mark.parametrize("size, cells", [(64, 8), (100, 13)])
def test_maps_are_an_eighth_of_the_image(size, cells):
    encoder = resnet_keypoints_v2(size, "slim", "float32")
    products = encoder(tf.zeros([2, size, size, 3]))
    assert products["heatmaps"].shape == (2, cells, cells, NUM_KEYPOINTS)
    assert products["depths"].shape == (2, NUM_KEYPOINTS)
    assert products["features"].shape == (2, 19 * (4 + 16) + 192)
