"""A model with HMR's face and a few hundred weights, for tests of what stands around a model."""

import types

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.config import HMRConfig
from hmr_tf.geometry import camera, rotations

NUM_VERTICES = 30


class StubModel(tf.keras.Model):
    """Estimates that depend on every part of the image and on variables.

    One that takes poses returns them, and moves its keypoints by them.
    """

    needs_extra_inputs = False

    def __init__(self, image_size=32, seed=0, takes_poses=False):
        super().__init__()
        self.extra_inputs = (outputs.POSE_2D,) if takes_poses else ()
        rng = np.random.default_rng(seed)
        # Not the default window, so that whoever forgets it crops something else.
        self.config = HMRConfig(image_size=image_size, window_px=180.0)
        faces = rng.integers(0, NUM_VERTICES, (40, 3)).astype(np.int32)
        self.body_model = types.SimpleNamespace(faces=faces, kind="toy")
        self.template = rng.normal(size=(NUM_VERTICES, 3)).astype(np.float32)
        self.kernel = tf.Variable(rng.normal(size=(48, 85)).astype(np.float32))
        self.unused = tf.Variable(tf.zeros([1000]), name="like_a_discriminator")

    crop_focal = None

    def call(self, images, training=False, with_vertices=False, view=None, pose_2d=None):
        quarters = tf.image.resize(images, [4, 4], antialias=True)
        theta = 0.3 * tf.matmul(tf.reshape(quarters, [-1, 48]), self.kernel)
        joints = tf.reshape(theta[:, 20:77], [-1, 19, 3])
        estimate = {
            outputs.ROTATIONS: rotations.axis_angle_to_matrix(
                tf.reshape(theta[:, 3:75], [-1, 24, 3])
            ),
            outputs.BETAS: theta[:, 75:],
            outputs.CAMERA: tf.concat([0.9 + 0.1 * tf.tanh(theta[:, :1]), theta[:, 1:3]], axis=-1),
            outputs.JOINTS_3D: joints,
            outputs.SMPL_JOINTS_3D: tf.reshape(theta[:, 3:75], [-1, 24, 3]),
        }
        estimate[outputs.KEYPOINTS_2D] = camera.weak_perspective(joints, estimate[outputs.CAMERA])
        if pose_2d is not None:
            estimate[outputs.POSE_2D] = pose_2d
            estimate[outputs.JOINTS_3D] += pose_2d[:, :19]
        if with_vertices:
            estimate[outputs.VERTICES] = self.template + theta[:, None, 3:6]
        return estimate
