"""The flip test: exact on mirrored inputs, and nothing but the mean of two estimates."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import outputs
from hmr_tf.body import posing
from hmr_tf.config import HMRConfig
from hmr_tf.data import crops
from hmr_tf.geometry import camera as camera_lib
from hmr_tf.models import flip_test
from hmr_tf.models.hmr import HMR
from tfrecords_tools import skeletons

_SIZE = 32


def _estimate(seed, count=3):
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(rng.normal(scale=0.5, size=(24 * count, 3))).as_matrix()
    camera = np.stack([rng.uniform(0.5, 1.2, count), *rng.normal(scale=0.2, size=(2, count))], 1)
    return {
        outputs.ROTATIONS: tf.constant(rotations.reshape(count, 24, 3, 3), tf.float32),
        outputs.BETAS: tf.constant(rng.normal(size=(count, 10)), tf.float32),
        outputs.CAMERA: tf.constant(camera, tf.float32),
    }


def test_mirroring_twice_is_nothing():
    estimate = _estimate(0)
    again = flip_test.mirror_estimate(flip_test.mirror_estimate(estimate, _SIZE), _SIZE)
    for key, values in estimate.items():
        np.testing.assert_allclose(again[key], values, atol=1e-6, err_msg=key)


def test_a_mirrored_body_projects_onto_the_mirrored_picture():
    """On a body that is its own mirror image, joint by joint."""
    estimate = _estimate(1, count=1)
    mirrored = flip_test.mirror_estimate(estimate, _SIZE)
    symmetric = toy_body()
    flip = list(skeletons.SMPL24.flip)
    _, rest = posing.pose_body(symmetric, np.zeros(72), np.zeros(10))

    def pixels(one):
        joints = _joints(one[outputs.ROTATIONS].numpy()[0], rest, symmetric.parents)
        points = camera_lib.weak_perspective(joints[None].astype(np.float32), one[outputs.CAMERA])
        return crops.crop_units_to_pixels(points, _SIZE).numpy()[0]

    expected = pixels(estimate)[flip]
    expected[:, 0] = _SIZE - 1 - expected[:, 0]
    np.testing.assert_allclose(pixels(mirrored), expected, atol=0.1)


def _joints(rotations, rest, parents):
    turned, joints = [rotations[0]], [rest[0]]
    for joint in range(1, 24):
        parent = parents[joint]
        turned.append(turned[parent] @ rotations[joint])
        joints.append(joints[parent] + turned[parent] @ (rest[joint] - rest[parent]))
    return np.stack(joints)


def test_the_mean_of_rotations_is_halfway():
    turn = Rotation.from_rotvec([[0.1, 0.2, 0.3]] * 24)
    first, second = _estimate(2, 1), _estimate(2, 1)
    rotations = second[outputs.ROTATIONS].numpy()[0]
    second[outputs.ROTATIONS] = tf.constant((rotations @ turn.as_matrix())[None], tf.float32)
    halfway = rotations @ Rotation.from_rotvec(0.5 * turn.as_rotvec()).as_matrix()
    mean = flip_test.average(first, second)
    np.testing.assert_allclose(mean[outputs.ROTATIONS][0], halfway, atol=1e-5)
    np.testing.assert_allclose(mean[outputs.CAMERA], first[outputs.CAMERA], rtol=1e-6)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(3)
    model = HMR(HMRConfig("resnet_small_v2", image_size=_SIZE, hidden_units=8), toy_body())
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(5 * layer.kernel)
    return model


def test_mirrored_images_get_the_mirrored_estimate(model):
    images = np.random.default_rng(4).random((2, _SIZE, _SIZE, 3)).astype(np.float32)
    plain = model.flip_test(tf.constant(images))
    mirrored = model.flip_test(tf.constant(images[:, :, ::-1]))
    back = flip_test.mirror_estimate(mirrored, _SIZE)
    for key in (outputs.ROTATIONS, outputs.BETAS, outputs.CAMERA):
        np.testing.assert_allclose(back[key], plain[key], atol=2e-5, err_msg=key)
    alone = model(images)
    assert np.abs(alone[outputs.ROTATIONS] - plain[outputs.ROTATIONS]).max() > 1e-3
