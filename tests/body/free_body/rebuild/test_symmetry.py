"""Left-right symmetry of each kind of array."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.free_body.rebuild import symmetry

MIRROR = np.array([1, 0, 2, 4, 3])  # Two pairs and a midline vertex.
SIGN = np.array([-1.0, 1.0, 1.0])


def test_flip_swaps_sides():
    expected = [
        0,
        2,
        1,
        3,
        5,
        4,
        6,
        8,
        7,
        9,
        11,
        10,
        12,
        14,
        13,
        15,
        17,
        16,
        19,
        18,
        21,
        20,
        23,
        22,
    ]
    assert symmetry.FLIP.tolist() == expected


@pytest.mark.parametrize("shape", [(5, 3), (4, 5, 3)])
def test_vectors(shape):
    values = symmetry.symmetric_vectors(np.random.default_rng(0).normal(size=shape), MIRROR)
    np.testing.assert_array_equal(values[..., MIRROR, :] * SIGN, values)
    assert not values[..., 2, 0].any()
    np.testing.assert_array_equal(symmetry.symmetric_vectors(values, MIRROR), values)


def test_weights_and_regressor():
    values = np.random.default_rng(0).random((5, 24))
    weights = symmetry.symmetric_weights(values, MIRROR)
    assert weights[0, 1] == weights[1, 2] == (values[0, 1] + values[1, 2]) / 2
    regressor = symmetry.symmetric_regressor(values.T, MIRROR)
    np.testing.assert_array_equal(regressor, weights.T)


def test_pose_directions_of_a_mirrored_pose():
    generator = np.random.default_rng(0)
    directions = symmetry.symmetric_pose_directions(generator.normal(size=(5, 3, 207)), MIRROR)
    vectors = generator.normal(size=(24, 3))
    # A mirrored rotation vector: the other side's, with y and z negated.
    mirrored = vectors[symmetry.FLIP] * [1.0, -1.0, -1.0]
    offsets = []
    for pose in (vectors, mirrored):
        matrices = Rotation.from_rotvec(pose).as_matrix()
        offsets.append(directions @ (matrices[1:] - np.eye(3)).ravel())
    np.testing.assert_allclose(offsets[1][MIRROR] * SIGN, offsets[0], atol=1e-12)


def test_mirrored_faces():
    faces = np.array([[0, 2, 3], [2, 1, 4], [0, 1, 2]])
    assert symmetry.mirrored_faces(faces, MIRROR).tolist() == [1, 0, 2]
    with pytest.raises(ValueError, match="1 faces have no mirror image"):
        symmetry.mirrored_faces(faces[[0, 2]], MIRROR)
