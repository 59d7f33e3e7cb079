"""Bone lengths and the crop's ray, against geometry worked by hand."""

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.evaluation import corrections
from tfrecords_tools import skeletons

# The official script's parents, 1-based, in the order of MPI_INF_3DHP17.
_PARENTS = np.array([2, 16, 2, 3, 4, 2, 6, 7, 15, 9, 10, 15, 12, 13, 15, 15, 2]) - 1
_ORDER = np.array([16, 2, 1, 17, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]) - 1
_TO_J17 = list(skeletons.mapping(skeletons.MPI_INF_3DHP17, skeletons.J17))


def _by_hand(pred, gt):
    """One body, joint by joint, in the official order of the joints."""
    fitted = pred.copy()
    for joint in _ORDER:
        parent = _PARENTS[joint]
        bone = pred[joint] - pred[parent]
        length = np.linalg.norm(gt[joint] - gt[parent])
        fitted[joint] = fitted[parent] + bone / np.linalg.norm(bone) * length
    return fitted


def test_bones_equal_a_loop_over_the_official_order():
    rng = np.random.default_rng(0)
    pred, gt = rng.normal(size=(2, 5, 17, 3))
    expected = np.stack([_by_hand(p, g) for p, g in zip(pred, gt)])[:, _TO_J17]
    fitted = corrections.fit_bones(pred[:, _TO_J17], gt[:, _TO_J17])
    np.testing.assert_allclose(fitted, expected, atol=1e-9)


def test_a_scaled_body_fits_again():
    gt = np.random.default_rng(1).normal(size=(3, 17, 3))
    gt -= gt[:, 14:15]
    np.testing.assert_allclose(corrections.fit_bones(1.7 * gt, gt), gt, atol=1e-9)


def test_a_bone_without_direction_gets_no_length():
    gt = np.random.default_rng(2).normal(size=(1, 17, 3))
    fitted = corrections.fit_bones(np.zeros_like(gt), gt).numpy()
    np.testing.assert_array_equal(fitted, 0.0)


def test_the_axis_turns_onto_the_ray_by_the_shortest_way():
    rng = np.random.default_rng(3)
    center = rng.uniform(0, 1000, (4, 2)).astype(np.float32)
    intrinsics = np.array([[1100, 900, 480, 520]] * 4, np.float32)
    axis = np.tile(np.float32([0, 0, 1]), (4, 1, 1))
    ray = np.concatenate([(center - [480, 520]) / [1100, 900], np.ones((4, 1))], axis=1)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    turned = corrections.turn_to_ray(axis, center, intrinsics).numpy()
    np.testing.assert_allclose(turned[:, 0], ray, atol=1e-6)
    points = rng.normal(size=(4, 6, 3)).astype(np.float32)
    for k in range(4):
        cross = np.cross([0, 0, 1], ray[k])
        angle = np.arccos(ray[k, 2])
        rotation = Rotation.from_rotvec(angle * cross / np.linalg.norm(cross))
        result = corrections.turn_to_ray(points, center, intrinsics).numpy()[k]
        np.testing.assert_allclose(result, rotation.apply(points[k]), atol=1e-5)


def test_an_unknown_camera_turns_nothing():
    points = np.random.default_rng(4).normal(size=(2, 6, 3)).astype(np.float32)
    result = corrections.turn_to_ray(points, np.float32([[3, 4]] * 2), np.zeros((2, 4), np.float32))
    np.testing.assert_array_equal(result, points)
