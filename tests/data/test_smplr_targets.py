"""Targets follow the body that the labels describe, and the camera the labelled keypoints."""

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.body import landmarks, posing
from hmr_tf.data import augment
from hmr_tf.data.root_crop import RootSquares
from hmr_tf.data.smplr_targets import SMPLRTargets

BODY = toy_body()
RNG = np.random.default_rng(0)
COUNT = 3
POSE = RNG.normal(scale=0.3, size=(COUNT, 72)).astype(np.float32)
BETAS = RNG.normal(size=(COUNT, 10)).astype(np.float32)
CAMERA = np.float32([[0.4, 0.1, -0.2], [0.5, 0.0, 0.3], [0.45, -0.1, 0.0]])


@pytest.fixture(scope="module")
def bodies():
    """Keypoints and points by the mesh, from the pelvis."""
    ids = list(landmarks.landmark_vertices(BODY))
    found = []
    for pose, betas in zip(POSE, BETAS):
        vertices, joints = posing.pose_body(BODY, pose, betas)
        keypoints = BODY.regressor("cocoplus") @ vertices
        points = np.concatenate([joints[1:], vertices[ids]])
        found.append((keypoints - joints[0], points - joints[0]))
    return tuple(np.stack(part) for part in zip(*found))


def _targets(keypoints, visible=None, squares=None, **known):
    # Crop units are half sides.
    places = 2 * CAMERA[:, None, :1] * (keypoints[..., :2] + CAMERA[:, None, 1:])
    visibility = np.ones((COUNT, 19), np.float32) if visible is None else visible
    labels = {
        "pose_axis_angle": POSE,
        "betas": BETAS,
        "keypoints_2d": (places * visibility[..., None]).astype(np.float32),
        "visibility": visibility,
        "has_smpl": np.ones(COUNT, np.float32),
    }
    parsed = {"gender": tf.constant([1, 2, -1]), **known}
    labels = {key: tf.constant(value) for key, value in labels.items()}
    parameters = None if squares is None else augment.plain_parameters(*squares(parsed))
    return SMPLRTargets(BODY, squares)(parsed, parameters, labels, 64)


def test_points_are_the_mesh_s(bodies):
    targets = _targets(bodies[0])
    np.testing.assert_allclose(targets["points"], bodies[1], atol=1e-5)
    np.testing.assert_array_equal(targets["gender"], [1, 2, -1])


def test_the_camera_is_found_from_what_is_visible(bodies):
    visible = np.ones((COUNT, 19), np.float32)
    visible[1, 5:] = 0
    visible[2] = 0
    targets = _targets(bodies[0], visible)
    np.testing.assert_allclose(targets["points_camera"][:2], CAMERA[:2], atol=1e-4)
    np.testing.assert_array_equal(targets["has_points_camera"], [1, 1, 0])
    assert np.isfinite(targets["points_camera"]).all()


def test_the_camera_of_metric_crops_is_the_record_s(bodies):
    ones = tf.ones([COUNT])
    known = {
        "betas": tf.constant(BETAS),
        "translation": tf.constant([[0.1, 0.2, 3.0]] * COUNT),
        "intrinsics": tf.constant([[500.0, 500.0, 320.0, 240.0]] * COUNT),
        **{"has_translation": ones, "has_intrinsics": ones, "has_smpl": ones},
        "center": tf.zeros([COUNT, 2]),
        "person_px": tf.fill([COUNT], 150.0),
    }
    targets = _targets(bodies[0], squares=RootSquares(BODY, 100.0), **known)
    np.testing.assert_allclose(targets["points_camera"], [[0.4, 0, 0]] * COUNT, atol=1e-5)
    np.testing.assert_array_equal(targets["has_points_camera"], [1, 1, 1])
