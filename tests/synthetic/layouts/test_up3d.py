"""UP-3D's twin has UP-3D's tree, keys, shapes and camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import up3d
from tfrecords_tools import safe_pickle

_CONFIG = SynthesisConfig(num_images=4, num_test=2, image_size=80, seed=1)
_ENDINGS = (
    *("image.png", "body.pkl", "joints.npy", "render_light.png"),
    *("fit_crop_info.txt", "dataset_info.txt", "quality_info.txt"),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("up3d")
    up3d.write(str(folder), _CONFIG)
    return folder / "up-3d"


def test_the_tree_is_up3ds(dataset):
    names = {f"{index:05d}_{ending}" for index in range(4) for ending in _ENDINGS}
    lists = {f"{name}.txt" for name in ("train", "val", "test", "trainval")}
    assert {path.name for path in dataset.iterdir()} == {
        *names,
        *lists,
        *("smpl_truth.npz", "synthesize.json"),
    }
    assert (dataset / "trainval.txt").read_text() == (
        "/00000_image.png\n/00001_image.png\n/00002_image.png\n"
    )
    assert (dataset / "test.txt").read_text() == "/00003_image.png\n"


def test_a_body_projects_through_the_cut(dataset):
    """The fit's camera looks through the middle of the resized cut, as its authors render it."""
    body = safe_pickle.load(str(dataset / "00001_body.pkl"))
    shapes = {key: np.shape(value) for key, value in body.items()}
    assert shapes == {
        **{"pose": (72,), "betas": (10,), "trans": (3,), "rt": (3,), "t": (3,), "f": ()},
        "j2d": (25, 2),
    }
    assert body["f"] == 5000 and not body["rt"].any() and not body["trans"].any()
    cut = [int(word) for word in (dataset / "00001_fit_crop_info.txt").read_text().split()]
    height, width, top, bottom, left, right = cut
    shape = cv2.imread(str(dataset / "00001_image.png")).shape
    assert shape == cv2.imread(str(dataset / "00001_render_light.png")).shape
    assert 0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]
    with np.load(dataset / "smpl_truth.npz", allow_pickle=False) as truth:
        joints = truth["smpl_joints_3d"][1] + body["t"]
    in_cut = body["f"] * joints[:, :2] / joints[:, 2:] + [width / 2, height / 2]
    factor = width / (right - left)
    assert factor == height / (bottom - top)
    np.testing.assert_allclose(in_cut / factor + [left, top], body["j2d"][:24], atol=0.01)


def test_joints_are_lsps(dataset):
    joints = np.load(dataset / "00000_joints.npy", allow_pickle=False)
    assert joints.shape == (3, 14) and joints.dtype == np.float64
    assert not np.load(dataset / "00002_joints.npy").any()


def test_equal_settings_give_equal_files(dataset, tmp_path):
    up3d.write(str(tmp_path), _CONFIG)
    for path in dataset.iterdir():
        assert (tmp_path / "up-3d" / path.name).read_bytes() == path.read_bytes()
