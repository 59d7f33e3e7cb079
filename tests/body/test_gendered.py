"""Each person on the body of their gender."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from toy_body import filler_body, toy_body

from hmr_tf.body import gendered
from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.smpl import SMPL
from hmr_tf.errors import BodyError

FEMALE = toy_body()
MALE = dataclasses.replace(FEMALE, template=FEMALE.template * np.float32(1.1), source="male")
ROTATIONS = tf.eye(3, batch_shape=[3, 24])
BETAS = tf.constant(np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32))
SCORE = tf.constant([-0.5, 0.0, 2.0])  # 0 counts as male, as in the release.


@pytest.mark.parametrize("make", [SMPL, MeshFreeKeypoints])
def test_takes_the_body_of_the_gender(make):
    female, male = make(FEMALE), make(MALE)
    found = gendered.GenderedBody(female, male)(ROTATIONS, BETAS, SCORE)
    wanted = [layer(ROTATIONS, BETAS) for layer in (female, male, male)]
    for values, *each in zip(*map(tf.nest.flatten, (found, *wanted))):
        for row, one in enumerate(each):
            np.testing.assert_array_equal(values[row], one[row])


def test_bodies_must_agree():
    gendered.check_pair(FEMALE, MALE)
    with pytest.raises(BodyError, match="num_vertices"):
        gendered.check_pair(FEMALE, filler_body())
