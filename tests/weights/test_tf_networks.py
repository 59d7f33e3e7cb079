"""Critics of TensorFlow's releases, by whatever names."""

import numpy as np
from published_files import ShapesOnly

from hmr_tf.models.discriminator import Discriminator
from hmr_tf.weights import tf_networks


def test_every_variable_of_the_critics_is_made():
    layer = Discriminator()
    layer.build({"rotations": [None, 23, 3, 3], "betas": [None, 10]})
    made = tf_networks.discriminator(layer, lambda part, kind: f"{part}/{kind}")
    assert {id(x.variable) for x in made} == {id(x) for x in layer.weights}
    assert len(made) == len(layer.weights) and all(x.is_optional for x in made)
    shapes = {source.name: source.shape for x in made for source in x.sources}
    assert len(shapes) == 2 * (2 + 23 + 3 + 3)
    assert shapes["embedding_1/kernel"] == (1, 1, 9, 32)
    assert shapes["joint_22/kernel"] == (32, 1) and shapes["joint_22/bias"] == (1,)
    assert shapes["full_pose_1/kernel"] == (736, 1024) and shapes["shape_3/kernel"] == (5, 1)
    assert ShapesOnly(shapes).shapes == shapes


def test_each_joint_gets_its_own_row():
    layer = Discriminator()
    layer.build({"rotations": [None, 23, 3, 3], "betas": [None, 10]})
    made = tf_networks.discriminator(layer, lambda part, kind: f"{part}/{kind}")
    (heads,) = [x for x in made if x.variable is layer.joint_kernel]
    assert [x.name for x in heads.sources] == [f"joint_{joint}/kernel" for joint in range(23)]
    value = heads.make(*(np.full([32, 1], joint) for joint in range(23)))
    np.testing.assert_array_equal(value, np.repeat(np.arange(23)[:, None], 32, axis=1))
