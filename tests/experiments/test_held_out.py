"""Bodies of people, as estimated and as they are."""

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf import outputs
from hmr_tf.experiments import held_out


class _Model:
    """Estimates half a turn of everyone, and betas that say which pose it was shown."""

    extra_inputs = ("pose_2d",)

    def __call__(self, images, training, pose_2d):
        count = tf.shape(images)[0]
        matrices = tf.tile(tf.linalg.diag([1.0, -1.0, -1.0])[None, None], [count, 24, 1, 1])
        betas = tf.tile(pose_2d[:, :1, 0], [1, 10])
        return {
            outputs.ROTATIONS: matrices,
            outputs.BETAS: betas,
            outputs.SMPL_JOINTS_3D: tf.zeros([count, 24, 3]),
            "other": betas,
        }

    def keypoints(self, rotations, betas):
        return None, rotations[..., 0] + betas[:, None, :3]


def _batch(rng, known):
    count = len(known)
    arrays = {
        "image": np.zeros((count, 4, 4, 3)),
        "pose_2d": rng.normal(size=(count, 30, 3)),
        "pose_axis_angle": rng.normal(size=(count, 72)),
        "betas": rng.normal(size=(count, 10)),
        "has_smpl": np.array(known),
    }
    return {key: tf.constant(value, tf.float32) for key, value in arrays.items()}


def test_people_whose_bodies_are_known():
    rng = np.random.default_rng(0)
    batches = [_batch(rng, [1, 0, 1]), _batch(rng, [0, 1])]
    estimated, true = held_out.bodies(_Model(), batches)
    rows = [(batches[0], 0), (batches[0], 2), (batches[1], 1)]
    assert estimated[outputs.ROTATIONS].shape == true[outputs.ROTATIONS].shape == (3, 24, 3, 3)
    for k, (batch, row) in enumerate(rows):
        pose = batch["pose_axis_angle"][row].numpy().reshape(24, 3)
        matrices = Rotation.from_rotvec(pose).as_matrix()
        np.testing.assert_allclose(true[outputs.ROTATIONS][k], matrices, atol=1e-5)
        np.testing.assert_array_equal(true[outputs.BETAS][k], batch["betas"][row])
        joints = matrices[..., 0] + batch["betas"][row, :3]
        np.testing.assert_allclose(true[outputs.SMPL_JOINTS_3D][k], joints, atol=1e-5)
        np.testing.assert_allclose(estimated[outputs.BETAS][k], batch["pose_2d"][row, 0, 0])


class _Plain(_Model):
    """The same of the image alone."""

    extra_inputs = ()

    def __call__(self, images, training):
        return super().__call__(images, training, tf.zeros([tf.shape(images)[0], 30, 3]))


def test_models_that_see_images_alone():
    estimated, _ = held_out.bodies(_Plain(), [_batch(np.random.default_rng(0), [1, 1])])
    assert estimated[outputs.BETAS].shape == (2, 10) and not estimated[outputs.BETAS].any()
