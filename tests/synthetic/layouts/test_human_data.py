"""The twin of HumanData against what mmhuman3d's documentation says of it."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import human_data

_CONFIG = SynthesisConfig(num_images=9, num_test=3, image_size=48, seed=2)
# Joints that each file stores, and the published places of some of them among the 190.
_FILES = {
    "lsp_train": (14, (4, 146, 147)),
    "coco_2014_train": (190, (55, 57, 56)),
    "h36m_mosh_train": (17, (147, 150, 152)),
    "mpi_inf_3dhp_train": (28, (9, 178, 184)),
    "pw3d_train": (0, ()),
    "spin_mpi_inf_3dhp_train": (49, (55, 151, 153, 177)),
    "mpi_inf_3dhp_test": (17, (147, 150, 152)),
    "pw3d_test": (0, ()),
    "up3d_test": (14, (4, 146, 147)),
}
# Published: native index of each stored column, so of left knee, right knee, ...
_COLUMNS = {
    "lsp_train": [4, 1, 5, 0, 9, 8, 10, 7, 11, 6, 2, 3, 12, 13],
    "h36m_mosh_train": [2, 5, 3, 6, 11, 14, 12, 15, 13, 16, 4, 1, 8, 10, 0, 7, 9],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("human_data") / "source"
    human_data.write(str(folder), _CONFIG)
    return folder


@pytest.fixture(scope="module")
def archives(source):
    """The files, read as mmhuman3d reads them; they come from the test itself."""
    paths = (source / "preprocessed_datasets").glob("*.npz")
    return {path.stem: dict(np.load(path, allow_pickle=True)) for path in paths}


def test_files_have_the_published_keys(archives):
    assert set(archives) == {*_FILES, "cmu_mosh"}
    for name, (num_joints, places) in _FILES.items():
        data = archives[name]
        count = len(data["image_path"])
        assert data["__data_len__"].item() == count and data["__key_strict__"].item() is False
        assert data["image_path"].dtype.kind == "U" and data["config"].shape == ()
        assert data["bbox_xywh"].shape == (count, 5) and (data["bbox_xywh"][:, 4] == 1).all()
        assert ("keypoints2d" in data) == (num_joints > 0)
        if num_joints:
            mask = data["keypoints2d_mask"]
            assert mask.shape == (190,) and mask.dtype == np.uint8 and mask[list(places)].all()
            assert data["keypoints2d"].shape == (count, num_joints, 3)
            is_compressed = data["__keypoints_compressed__"].item()
            assert is_compressed == (num_joints != 190)
            assert mask.sum() == (num_joints if is_compressed else 17)
        if "keypoints3d" in data:
            assert data["keypoints3d"].shape == (count, data["keypoints3d_mask"].sum(), 4)


def test_dicts_are_as_published(archives):
    for name in ("h36m_mosh_train", "pw3d_train", "spin_mpi_inf_3dhp_train", "cmu_mosh"):
        smpl = archives[name]["smpl"].item()
        count = archives[name]["__data_len__"].item()
        assert {key: value.shape for key, value in smpl.items()} == {
            "body_pose": (count, 23, 3),
            "global_orient": (count, 3),
            "betas": (count, 10),
        }
    assert "image_path" not in archives["cmu_mosh"]
    assert set(archives["pw3d_test"]["meta"].item()["gender"]) <= {"m", "f"}
    cameras = archives["pw3d_train"]["cam_param"]
    assert cameras.dtype == object and np.array(cameras[0]["in_mat"]).shape == (3, 3)
    cameras = archives["h36m_mosh_train"]["cam_param"].item()
    assert set(cameras) == {("S1", "54138969"), ("S1", "60457274")}
    assert set(archives["spin_mpi_inf_3dhp_train"]["has_smpl"]) <= {0, 1}


def test_columns_are_in_ascending_order_of_the_190(source, archives):
    with np.load(source / "smpl_truth.npz", allow_pickle=False) as file:
        truth = dict(file)
    # J24's place of each of Human3.6M's and LSP's joints, written out.
    h36m = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
    for name, native in (("lsp_train", [*range(14)]), ("h36m_mosh_train", h36m)):
        data = archives[name]
        path = f"datasets/{data['config'].item()}/{data['image_path'][0]}"
        row = truth["image_path"].tolist().index(path)
        points = truth["joints_24_3d"][row] + truth["translation"][row]
        fx, fy, cx, cy = truth["intrinsics"][row]
        pixels = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
        expected = pixels[[native[column] for column in _COLUMNS[name]]]
        np.testing.assert_allclose(data["keypoints2d"][0, :, :2], expected, atol=0.01)


def test_equal_settings_write_equal_bytes(source, tmp_path):
    human_data.write(str(tmp_path / "again"), _CONFIG, num_workers=1)
    for path in source.rglob("*"):
        if path.is_file():
            other = tmp_path / "again" / path.relative_to(source)
            assert other.read_bytes() == path.read_bytes(), path
