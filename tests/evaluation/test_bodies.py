"""Regressors and bodies of both genders."""

import dataclasses

import numpy as np
import pytest
from toy_body import toy_arrays, toy_body

from hmr_tf.body import model_file
from hmr_tf.errors import BodyError
from hmr_tf.evaluation import bodies


@pytest.fixture(scope="module")
def body():
    return toy_body()


def test_a_regressor_comes_from_its_file(body, tmp_path):
    smpl = dataclasses.replace(body, kind="smpl")
    matrix = np.random.default_rng(0).random((17, body.num_vertices))
    path = str(tmp_path / "J_regressor_h36m.npy")
    np.save(path, matrix)
    found = bodies.with_joint_regressor(smpl, path)
    np.testing.assert_allclose(found.regressor("h36m"), matrix, rtol=1e-6)
    assert set(found.keypoint_regressors) == set(body.keypoint_regressors)
    with pytest.raises(BodyError):  # The embedded body has as many vertices, in other places.
        bodies.with_joint_regressor(body, path)
    np.save(tmp_path / "other.npy", matrix[:, 1:])
    np.save(tmp_path / "extra.npy", matrix[:9])
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "archive.npy", matrix)
    for name in ("other.npy", "extra.npy", "evil.npy", "archive.npy.npz", "none.npy"):
        with pytest.raises(BodyError):
            bodies.with_joint_regressor(smpl, str(tmp_path / name))


def test_both_genders_get_the_regressors_of_the_neutral_body(body, tmp_path):
    for number, gender in enumerate(("MALE", "FEMALE"), 1):
        arrays = toy_arrays()
        del arrays["cocoplus_regressor"]
        arrays["v_template"] = arrays["v_template"] * (1 + 0.1 * number)
        plain = model_file.body_from_arrays(arrays, source=gender)
        model_file.save_body(plain, tmp_path / f"SMPL_{gender}.npz")
    neutral = model_file.body_from_arrays(toy_arrays(), source="toy")
    found = bodies.load_gendered(str(tmp_path), neutral)
    assert list(found) == ["male", "female"]
    for number, other in enumerate(found.values(), 1):
        np.testing.assert_allclose(other.template, (1 + 0.1 * number) * body.template, rtol=1e-5)
        np.testing.assert_array_equal(other.regressor("cocoplus"), neutral.regressor("cocoplus"))
    with pytest.raises(BodyError, match="is one file"):
        bodies.load_gendered(str(tmp_path / "SMPL_MALE.npz"), neutral)
    (tmp_path / "SMPL_FEMALE.npz").unlink()
    with pytest.raises(BodyError, match="FEMALE"):
        bodies.load_gendered(str(tmp_path), neutral)
