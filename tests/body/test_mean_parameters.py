"""Mean parameters from both published formats, and the standing pose without a file."""

import h5py
import numpy as np
import pytest
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body.mean_parameters import load_mean_parameters
from hmr_tf.body.posing import pose_body
from hmr_tf.errors import BodyError
from tfrecords_tools import skeletons

_UPRIGHT = (np.pi, 0.0, 0.0)


def random_pose():
    return 0.5 * np.random.default_rng(0).normal(size=72)


def test_h5_of_the_original_release(tmp_path):
    path = tmp_path / "neutral_smpl_mean_params.h5"
    pose, shape = random_pose(), np.arange(10.0)
    with h5py.File(path, "w") as file:
        file["pose"], file["shape"] = pose, shape
    before = path.read_bytes()
    got_pose, got_betas = load_mean_parameters(path)
    np.testing.assert_allclose(got_pose[:3], _UPRIGHT)
    np.testing.assert_allclose(got_pose[3:], pose[3:], rtol=1e-6)
    np.testing.assert_allclose(got_betas, shape)
    assert got_pose.dtype == got_betas.dtype == np.float32
    assert path.read_bytes() == before  # Ports are known to overwrite the file.


@pytest.mark.parametrize("leading", [(), (1,)])
def test_npz_of_spin(tmp_path, leading):
    pose = random_pose()
    matrices = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix()
    # Interleaved: the first two columns of each matrix, row by row. Unnormalised on purpose.
    six = (2.0 * matrices[:, :, :2]).reshape(*leading, 144)
    shape = np.ones((*leading, 10))
    path = tmp_path / "smpl_mean_params.npz"
    np.savez(path, pose=six, shape=shape, cam=np.array([0.9, 0.0, 0.0]))
    got_pose, got_betas = load_mean_parameters(path)
    np.testing.assert_allclose(got_pose[:3], _UPRIGHT)
    np.testing.assert_allclose(got_pose[3:], pose[3:], atol=1e-6)
    np.testing.assert_array_equal(got_betas, np.ones(10))


def test_standing_pose_is_a_relaxed_upright_person():
    pose, betas = load_mean_parameters()
    assert pose.shape == (72,) and betas.shape == (10,) and not betas.any()
    np.testing.assert_allclose(pose[:3], _UPRIGHT)
    _, joints = pose_body(toy_body.toy_body(), pose, betas)
    names = skeletons.SMPL24.joints
    assert names[15] == "smpl_head" or "head" in names[15]
    y = joints[:, 1]  # Image axes: y down.
    assert y[15] < y[12] < y[0] < y[4] < y[7] < y[10]
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        assert y[shoulder] + 0.15 < y[elbow] and y[elbow] + 0.15 < y[wrist]
        assert joints[wrist, 2] < joints[elbow, 2]  # Forearms bend forward, to the viewer.
    # It faces the viewer: its left is on the right, and both sides are mirror images.
    assert joints[16, 0] > joints[17, 0]
    flip = list(skeletons.SMPL24.flip)
    mirrored = pose.reshape(24, 3)[flip] * [1, -1, -1]
    np.testing.assert_allclose(mirrored[1:], pose.reshape(24, 3)[1:], atol=1e-7)


def test_what_is_returned_may_be_changed():
    load_mean_parameters()[0][:] = 7.0
    assert load_mean_parameters()[0].max() < 7.0


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(BodyError, match=r"none\.h5: no such file"):
        load_mean_parameters(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(BodyError, match=r"text\.h5: not a file of mean"):
        load_mean_parameters(tmp_path / "text.h5")
    np.savez(tmp_path / "short.npz", pose=np.zeros(69), shape=np.zeros(10))
    with pytest.raises(BodyError, match=r"short\.npz.*69 and 10"):
        load_mean_parameters(tmp_path / "short.npz")
    np.savez(tmp_path / "zero.npz", pose=np.zeros(144), shape=np.zeros(10))
    with pytest.raises(BodyError, match=r"zero\.npz"):
        load_mean_parameters(tmp_path / "zero.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(BodyError, match=r"other\.npz: not a file of mean"):
        load_mean_parameters(tmp_path / "other.npz")
