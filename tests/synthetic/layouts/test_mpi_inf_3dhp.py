"""The twin has MPI-INF-3DHP's tree, types and shapes, and the same bytes every time."""

from __future__ import annotations

import re

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mpi_inf_3dhp as layout

_CONFIG = SynthesisConfig(num_images=27, num_test=3, image_size=64, seed=2)
_CHEST = (0, 1, 2, 4, 5, 6, 7, 8)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi_inf_3dhp") / "raw"
    layout.write(str(folder), _CONFIG)
    return folder


def _files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_tree(dataset):
    test_set = "mpi_inf_3dhp_test_set"
    videos = [f"{s}/imageSequence/video_{c}.avi" for s in ("S1/Seq1", "S8/Seq1") for c in _CHEST]
    expected = {
        *videos,
        *(f"S2/Seq2/imageFrames/video_{c}/frame_000001.jpg" for c in _CHEST),
        *(
            f"{s}/{name}"
            for s in ("S1/Seq1", "S8/Seq1", "S2/Seq2")
            for name in ("annot.mat", "camera.calibration")
        ),
        *(f"{test_set}/{s}/annot_data.mat" for s in ("TS1", "TS5")),
        *(f"{test_set}/TS1/imageSequence/img_{n:06d}.jpg" for n in (1, 2, 3)),
        *(f"{test_set}/TS5/imageSequence/img_{n:06d}.jpg" for n in (1, 2)),
        *("smpl_truth.npz", "synthesize.json"),
    }
    assert set(_files(dataset)) == expected
    image = cv2.imread(str(dataset / test_set / "TS5" / "imageSequence" / "img_000001.jpg"))
    assert image.shape == (36, 64, 3)
    capture = cv2.VideoCapture(str(dataset / videos[0]))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 1 and capture.read()[1].shape == (64, 64, 3)


def test_training_labels(dataset):
    path = dataset / "S1" / "Seq1" / "annot.mat"
    assert path.read_bytes().startswith(b"MATLAB 5.0 MAT-file")
    labels = scipy.io.loadmat(path)
    assert labels["frames"].shape == (1, 1) and labels["cameras"].tolist() == [[*range(14)]]
    for name, size in (("annot2", 56), ("annot3", 84), ("univ_annot3", 84)):
        assert labels[name].shape == (14, 1)
        assert {cell.shape for cell in labels[name][:, 0]} == {(1, size)}
    lines = (dataset / "S1" / "Seq1" / "camera.calibration").read_text().split("\n")
    assert lines[0] == "Skeletool Camera Calibration File V1.0" and len(lines) == 1 + 14 * 7 + 1
    for camera in range(14):
        block = lines[1 + 7 * camera : 8 + 7 * camera]
        assert block[0] == f"name          {camera}"
        patterns = (r"  sensor      10 10", r"  size        64 64", r"  animated    0")
        patterns += (r"  intrinsic   (\S+ ){16}", r"  extrinsic   (\S+ ){16}", r"  radial      0")
        assert all(re.fullmatch(p, line) for p, line in zip(patterns, block[1:]))
        # Cameras project their own labels with the numbers of the file alone.
        matrix = np.array(block[4].split()[1:], float).reshape(4, 4)[:3, :3]
        points = labels["annot3"][camera, 0].reshape(28, 3) @ matrix.T
        pixels = labels["annot2"][camera, 0].reshape(28, 2)
        np.testing.assert_allclose(points[:, :2] / points[:, 2:], pixels, atol=1e-6)
        # Neck 5, pelvis 4, left hip 18, left knee 19.
        universal = labels["univ_annot3"][camera, 0].reshape(28, 3)
        height = sum(np.linalg.norm(universal[i] - universal[j]) for i, j in ((5, 4), (18, 19)))
        assert height == pytest.approx(920)
        rotation = np.array(block[5].split()[1:], float).reshape(4, 4)
        np.testing.assert_allclose(rotation[:3, :3] @ rotation[:3, :3].T, np.eye(3), atol=1e-5)
        world = np.linalg.solve(
            rotation[:3, :3], (labels["annot3"][camera, 0].reshape(28, 3) - rotation[:3, 3]).T
        ).T
        assert -500 < world[:, 1].min() < 300  # Feet are on the ground of a world in mm, y up.
        assert world[6, 1] > world[20, 1]


def test_test_labels(dataset):
    path = dataset / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    assert path.read_bytes()[:10] == b"MATLAB 7.3" and path.read_bytes()[124:128] == b"\0\2IM"
    with h5py.File(path, "r") as file:
        shapes = {name: values.shape for name, values in file.items()}
        assert shapes == {
            **{"annot2": (3, 1, 17, 2), "annot3": (3, 1, 17, 3), "univ_annot3": (3, 1, 17, 3)},
            **{"valid_frame": (3, 1), "activity_annotation": (3, 1), "bb_crop": (3, 34)},
        }
        assert file["valid_frame"][:, 0].tolist() == [1, 1, 0]


def test_the_same_bytes_again(dataset, tmp_path):
    layout.write(str(tmp_path / "again"), _CONFIG, 2)
    assert _files(tmp_path / "again") == _files(dataset)
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    layout.write(str(dataset), _CONFIG)
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before


def test_awkward_cases_need_many_images(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "_AWKWARD_FROM", 40)
    config = SynthesisConfig(num_images=41, num_test=0, image_size=32, seed=2)
    assert "40 training and 0 test images in 3 sequences" in layout.write(str(tmp_path), config)
    folder = tmp_path / "S1" / "Seq1" / "imageSequence"
    counts = [
        cv2.VideoCapture(str(folder / f"video_{c}.avi")).get(cv2.CAP_PROP_FRAME_COUNT)
        for c in _CHEST
    ]
    assert counts == [2, 2, 1, 2, 2, 2, 2, 2]
    frames = sorted((tmp_path / "S2").rglob("*.jpg"))
    is_whole = [path.read_bytes().endswith(b"\xff\xd9") for path in frames]
    assert is_whole.count(False) == 1
    labels = scipy.io.loadmat(tmp_path / "S2" / "Seq2" / "annot.mat")
    at_border = labels["annot2"][8, 0].reshape(-1, 28, 2)[-1, :, 0]
    assert at_border.min() < 0 or at_border.max() > 31
