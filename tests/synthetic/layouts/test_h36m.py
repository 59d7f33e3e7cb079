"""The twin of Human3.6M is in the true format, and equal settings give equal files."""

from __future__ import annotations

import xml.etree.ElementTree

import cdflib
import cv2
import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import h36m
from tfrecords_tools import safe_pickle

_CONFIG = SynthesisConfig(num_images=4, num_test=1, image_size=64, seed=1)
_CLIP = "WalkingDog 1.54138969"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("h36m") / "source"
    h36m.write(str(folder), _CONFIG)
    return folder


def _contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _poses(path):
    file = cdflib.CDF(path)
    assert file.cdf_info().zVariables == ["Pose"]
    assert file.varinq("Pose").Data_Type_Description == "CDF_FLOAT"
    return file.varget("Pose")


def test_poses_videos_and_masks(folder):
    features = folder / "S1" / "MyPoseFeatures"
    mono = _poses(features / "D3_Positions_mono" / f"{_CLIP}.cdf")
    flat = _poses(features / "D2_Positions" / f"{_CLIP}.cdf")
    world = _poses(features / "D3_Positions" / "WalkingDog 1.cdf")
    # Two images, five frames apart.
    assert mono.shape == world.shape == (1, 6, 96) and flat.shape == (1, 6, 64)
    depth = mono.reshape(-1, 3)[:, 2]
    assert depth.min() > 1000 and depth.max() < 20_000
    capture = cv2.VideoCapture(str(folder / "S1" / "Videos" / f"{_CLIP}.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 50
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    assert capture.get(cv2.CAP_PROP_FRAME_HEIGHT) == 66
    masks = folder / "S1" / "MySegmentsMat" / "ground_truth_bb" / f"{_CLIP}.mat"
    assert masks.read_bytes()[:6] == b"MATLAB"
    with h5py.File(masks, "r") as file:
        assert file["Masks"].shape == (6, 1)
        mask = np.asarray(file[file["Masks"][0, 0]])
    assert mask.shape == (64, 66) and set(np.unique(mask)) == {0, 1}
    joints = flat[0, 0].reshape(32, 2)
    columns, rows = np.nonzero(mask)
    assert columns.min() < joints[0, 0] < columns.max() and rows.min() < joints[0, 1] < rows.max()


def test_the_cameras_bring_the_world_before_them(folder):
    text = xml.etree.ElementTree.parse(folder / "metadata.xml").getroot().findtext("w0")
    numbers = np.array(text.strip("[]").split(), float)
    assert numbers.shape == (300,)
    features = folder / "S1" / "MyPoseFeatures"
    mono = _poses(features / "D3_Positions_mono" / f"{_CLIP}.cdf").reshape(-1, 3)
    world = _poses(features / "D3_Positions" / "WalkingDog 1.cdf").reshape(-1, 3)
    flat = _poses(features / "D2_Positions" / f"{_CLIP}.cdf").reshape(-1, 2)
    turn, centre = numbers[:3], numbers[3:6]
    rotation = np.eye(3)
    for axis, angle in zip(np.eye(3), turn):
        rotation = rotation @ Rotation.from_rotvec(axis * angle).as_matrix()
    np.testing.assert_allclose((world - centre) @ rotation.T, mono, atol=0.05)
    fx, fy, cx, cy = numbers[264:268]
    np.testing.assert_allclose(mono[:, :2] / mono[:, 2:] * [fx, fy] + [cx, cy], flat, atol=1e-2)


def test_mosh_stands_on_its_head(folder):
    with np.load(folder / "smpl_truth.npz", allow_pickle=False) as file:
        truth = dict(file)
    path = folder / "mosh" / "S1" / "WalkingDog 1_cam0_aligned.pkl"
    motion = safe_pickle.load(path)
    assert motion["new_poses"].shape == (2, 72) and motion["betas"].shape == (10,)
    row = list(truth["image_path"]).index(f"S1/Videos/{_CLIP}.mp4#0")
    half = Rotation.from_rotvec([np.pi, 0, 0])
    root = Rotation.from_rotvec(motion["new_poses"][0, :3]) * half
    expected = Rotation.from_rotvec(truth["pose_axis_angle"][row, :3])
    np.testing.assert_allclose(root.as_matrix(), expected.as_matrix(), atol=1e-6)


def test_the_corrupt_clip_is_there(folder, tmp_path):
    video = folder / "S11" / "Videos" / "Directions.54138969.mp4"
    assert not cv2.VideoCapture(str(video)).isOpened()
    config = SynthesisConfig(num_images=1, num_test=0, image_size=64)
    h36m.write(str(tmp_path), config)
    assert not (tmp_path / "S11").exists()


@pytest.mark.parametrize("write", [h36m.write, h36m.write_spin])
def test_equal_settings_give_equal_files(tmp_path, write):
    config = SynthesisConfig(num_images=2, num_test=1, image_size=64, seed=1)
    for name in ("a", "b"):
        write(str(tmp_path / name), config)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")


def test_extracted_images_have_the_names_of_their_makers(tmp_path):
    config = SynthesisConfig(num_images=2, num_test=0, image_size=64)
    h36m.write_spin(str(tmp_path / "spin"), config)
    h36m.write_mmhuman3d(str(tmp_path / "mm"), config)
    stem = "S1_WalkingDog_1.54138969"
    assert (tmp_path / "spin" / "images" / f"{stem}_000001.jpg").exists()
    assert (tmp_path / "mm" / "S1" / "images" / stem / f"{stem}_000001.jpg").exists()
    assert not list(tmp_path.rglob("Videos"))
