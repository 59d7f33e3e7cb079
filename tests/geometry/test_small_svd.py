"""The decomposition of many matrices at once, against NumPy's of one after the other."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.geometry import small_svd

_RNG = np.random.default_rng(0)
_TURNS = Rotation.random(8, random_state=1).as_matrix()
_CASES = {
    "random": _RNG.normal(size=(500, 3, 3)),
    "mirroring": _RNG.normal(size=(50, 3, 3)) * [1, 1, -1],
    "rotations": Rotation.random(50, random_state=2).as_matrix(),
    "reflections": -Rotation.random(50, random_state=3).as_matrix(),
    "plane": _TURNS @ np.diag([2.0, 1.0, 0.0]) @ _TURNS[::-1],
    "nearly plane": _TURNS @ np.diag([2.0, 1.0, 1e-9]) @ _TURNS[::-1],
    "line": _TURNS @ np.diag([2.0, 0.0, 0.0]) @ _TURNS[::-1],
    "nearly line": _TURNS @ np.diag([2.0, 1e-9, 1e-12]) @ _TURNS[::-1],
    "two equal": _TURNS @ np.diag([2.0, 2.0, 0.5]) @ _TURNS[::-1],
    "the smaller two equal": _TURNS @ np.diag([2.0, 0.5, -0.5]) @ _TURNS[::-1],
    "zero": np.zeros((2, 3, 3)),
    "huge": 1e30 * _RNG.normal(size=(10, 3, 3)),
    "tiny": 1e-30 * _RNG.normal(size=(10, 3, 3)),
    "diagonal": np.tile(np.diag([1.0, 3.0, 2.0]), (2, 1, 1)),
    "one entry": np.tile(np.float64([[0, 0, 0], [5, 0, 0], [0, 0, 0]]), (2, 1, 1)),
}


@pytest.mark.parametrize("name", _CASES)
@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-13), (np.float32, 3e-6)])
def test_rotations_and_values(name, dtype, digits):
    matrix = _CASES[name].astype(dtype)
    values, left, right = (x.numpy() for x in small_svd.rotation_svd(matrix))
    assert values.dtype == dtype
    size = np.maximum(np.abs(matrix).max(axis=(1, 2)), np.finfo(dtype).tiny)[:, None]
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(values[:, :2] / size, expected[:, :2] / size, atol=10 * digits)
    np.testing.assert_allclose(np.abs(values) / size, expected / size, atol=10 * digits)
    is_signed = expected[:, 2] > 1e-5 * expected[:, 0]
    sign = np.sign(np.linalg.det(matrix.astype(np.float64) / size[..., None]))
    np.testing.assert_array_equal(np.sign(values[is_signed, 2]), sign[is_signed])
    for turn in (left, right):
        turned = np.einsum("nji,njk->nik", turn, turn)
        np.testing.assert_allclose(turned, np.tile(np.eye(3), (len(turn), 1, 1)), atol=10 * digits)
        np.testing.assert_allclose(np.linalg.det(turn), 1.0, atol=10 * digits)
    again = np.einsum("nij,nj,nkj->nik", left, values / size, right)
    np.testing.assert_allclose(again, matrix / size[..., None], atol=10 * digits)


def test_leading_dimensions_and_graphs():
    matrix = _RNG.normal(size=(2, 5, 3, 3))
    values, left, right = tf.function(small_svd.rotation_svd)(matrix)
    assert values.shape == (2, 5, 3) and left.shape == right.shape == (2, 5, 3, 3)
    alone = small_svd.rotation_svd(matrix[1, 3])
    np.testing.assert_allclose(values[1, 3], alone[0], rtol=1e-12)
    assert small_svd.rotation_svd(np.zeros((0, 3, 3)))[0].shape == (0, 3)


def test_what_is_not_finite_spoils_itself_alone():
    matrix = _RNG.normal(size=(3, 3, 3))
    matrix[1, 0, 0] = np.nan
    values = small_svd.rotation_svd(matrix)[0].numpy()
    assert np.isfinite(values[[0, 2]]).all()
