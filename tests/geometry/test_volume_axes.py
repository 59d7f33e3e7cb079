"""Places in the volume and points around the pelvis."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.geometry import volume_axes

POINTS = np.random.default_rng(0).normal(scale=0.4, size=(2, 41, 3)).astype(np.float32)
CAMERA = tf.constant([[0.4, 0.0, 0.0], [0.5, 0.1, -0.2]])


@pytest.mark.parametrize("axes", volume_axes.AXES)
def test_there_and_back(axes):
    places = volume_axes.places_of(POINTS, CAMERA, axes)
    np.testing.assert_allclose(volume_axes.points_of(places, CAMERA, axes), POINTS, atol=1e-6)
    own = volume_axes.from_camera(POINTS, axes)
    np.testing.assert_allclose(volume_axes.to_camera(own, axes), POINTS)
    np.testing.assert_allclose(own @ volume_axes.rotation(axes).T, POINTS, atol=1e-6)
    assert np.linalg.det(volume_axes.rotation(axes)) == pytest.approx(1.0)


def test_places_are_the_crop_s():
    places = volume_axes.places_of(POINTS, CAMERA).numpy()
    np.testing.assert_allclose(places[1, :, 0], 0.5 * (POINTS[1, :, 0] + 0.1), atol=1e-6)
    np.testing.assert_allclose(places[1, :, 1], 0.5 * (POINTS[1, :, 1] - 0.2), atol=1e-6)
    np.testing.assert_allclose(places[..., 2], POINTS[..., 2] / 2.5, atol=1e-6)


def test_the_release_s_axes():
    """There x points to the camera, y to the picture's right and z up."""
    right_down_far = tf.constant([[[0.1, 0.2, 0.3]]])
    places = 2.5 * volume_axes.places_of(right_down_far, CAMERA[:1], "release")
    np.testing.assert_allclose(places[0, 0], [-0.3, 0.1, -0.2], atol=1e-6)
