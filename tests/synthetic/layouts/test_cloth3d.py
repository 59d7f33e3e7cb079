"""CLOTH3D++'s twin has the tree, arrays and conventions that were measured on the samples."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import cloth3d
from tfrecords_tools.skeletons import SMPL_PARENTS

_CONFIG = SynthesisConfig(num_images=5, num_test=1, image_size=60, seed=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloth3d")
    assert "5 frames in 3 sequences" in cloth3d.write(str(folder), _CONFIG)
    return folder / "Data"


def test_the_tree_is_smplrs(dataset):
    found = sorted(str(path.relative_to(dataset)) for path in dataset.rglob("*.*"))
    labels = ("info.mat", "info_body.mat")
    assert found == sorted(
        [
            *[f"frames/{name}/{file}" for name in ("00449", "00742", "07054") for file in labels],
            *("frames/00449/0000.png", "frames/00449/0001.png", "frames/07054/0000.png"),
            *("frames/00742/00742.avi", "train.txt", "val.txt"),
            *("smpl_truth.npz", "synthesize.json"),
        ]
    )
    lines = "00449/0000.png\n00449/0001.png\n00742/0000.png\n00742/0001.png"
    assert (dataset / "train.txt").read_text() == lines
    picture = cv2.imread(str(dataset / "frames/00449/0000.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (60, 80, 4)
    assert picture[..., 3].min() == 0 and picture[..., 3].max() == 255
    assert not picture[picture[..., 3] == 0].any()


@pytest.mark.parametrize("name", ["00449", "00742"])
def test_arrays_are_as_measured(dataset, name):
    info = scipy.io.loadmat(dataset / "frames" / name / "info.mat")
    body = scipy.io.loadmat(dataset / "frames" / name / "info_body.mat")
    count = len(body["joints"])
    extra = int(name == "00449")
    assert info["poses"].shape == (72, count + extra) and info["trans"].shape == (3, count + extra)
    sizes = {"shape": (1, 10), "gender": (1, 1), "zrot": (1, 1), "camLoc": (1, 3)}
    assert {key: info[key].shape for key in sizes} == sizes
    assert info["camLoc"][0, 1:].tolist() == [0, 1] and 4.19 < info["camLoc"][0, 0] < 4.94
    shapes = {"joints": (24, 3), "lmarks": (18, 3), "rotations": (24, 3, 3)}
    assert {key: body[key].shape[1:] for key in shapes} == shapes
    assert body["B"].shape == (14475, 3) and body["joints"].dtype == np.float32
    np.testing.assert_array_equal(body["joints"][:, 0], 0)
    matrices = Rotation.from_rotvec(info["poses"].T[:count].reshape(-1, 3)).as_matrix()
    np.testing.assert_allclose(body["rotations"].reshape(-1, 3, 3), matrices, atol=1e-5)


def test_joints_obey_forward_kinematics(dataset):
    """Bones keep their length and direction in the parent's frame over a film."""
    body = scipy.io.loadmat(dataset / "frames" / "00449" / "info_body.mat")
    turned = body["rotations"].astype(np.float64)
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ turned[:, joint]
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        bone = (body["joints"][:, joint] - body["joints"][:, parent])[:, None] @ turned[:, parent]
        np.testing.assert_allclose(bone[0], bone[1], atol=1e-5)


def test_equal_settings_give_equal_files(dataset, tmp_path):
    cloth3d.write(str(tmp_path), _CONFIG)
    for path in dataset.rglob("*.*"):
        assert (tmp_path / "Data" / path.relative_to(dataset)).read_bytes() == path.read_bytes()
