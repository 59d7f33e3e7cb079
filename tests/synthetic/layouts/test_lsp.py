from __future__ import annotations

import dataclasses
import re

import cv2
import numpy as np
import pytest
import scipy.io

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic import lsp_pictures, poses
from hmr_tf.synthetic.layouts import lsp

CONFIG = SynthesisConfig(num_images=9, num_test=4, image_size=80, seed=3)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lsp") / "raw"
    line = lsp.write(str(folder), CONFIG)
    assert "9 images (5 train, 4 test)" in line
    return folder


@pytest.fixture(autouse=True)
def two_images_per_task(monkeypatch):
    monkeypatch.setattr(lsp, "_IMAGES_PER_TASK", 2)


def test_the_tree_is_lsps(dataset):
    names = sorted(p.name for p in dataset.iterdir())
    assert names == ["README.txt", "images", "joints.mat", "smpl_truth.npz", "synthesize.json"]
    images = sorted(p.name for p in (dataset / "images").iterdir())
    assert images == [f"im{k:04d}.jpg" for k in range(1, 10)]
    for name in images:
        image = cv2.imread(str(dataset / "images" / name))
        assert image.shape == (80, 80, 3) and image.std() > 5
    joints = scipy.io.loadmat(dataset / "joints.mat")["joints"]
    assert joints.shape == (3, 14, 9) and joints.dtype == np.float64
    assert set(np.unique(joints[2])) <= {0.0, 1.0}
    assert re.match(rb"MATLAB 5\.0 MAT-file", (dataset / "joints.mat").read_bytes())
    assert lsp_pictures.image_name(0) == "im0001.jpg"
    assert lsp_pictures.image_name(12344) == "im12345.jpg"


def test_the_truth_projects_onto_the_labels(dataset):
    body = load_body("free_body")
    joints = scipy.io.loadmat(dataset / "joints.mat")["joints"]
    with np.load(dataset / "smpl_truth.npz", allow_pickle=False) as file:
        truth = dict(file)
    shapes = {key: array.shape for key, array in truth.items()}
    assert shapes == {
        **{key: (9,) for key in ("image_name", "split", "subject")},
        **{"pose_axis_angle": (9, 72), "betas": (9, 10), "translation": (9, 3)},
        **{"intrinsics": (9, 4), "joints_3d": (9, 19, 3), "joints_24_3d": (9, 24, 3)},
        "body_kind": (),
    }
    assert str(truth["body_kind"]) == "free_body"
    assert truth["split"].tolist() == ["train"] * 5 + ["test"] * 4
    is_test_clip = np.isin(truth["subject"], poses.TEST_CLIPS)
    np.testing.assert_array_equal(is_test_clip, truth["split"] == "test")
    for index in range(9):
        vertices, _ = pose_body(body, truth["pose_axis_angle"][index], truth["betas"][index])
        points = body.regressor("cocoplus")[:14] @ vertices + truth["translation"][index]
        fx, fy, cx, cy = truth["intrinsics"][index]
        projected = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
        np.testing.assert_allclose(projected, joints[:2, :, index].T, atol=2e-2)


def test_workers_and_interruptions_change_nothing(dataset, tmp_path, monkeypatch):
    """Two processes, a failure half-way and a lost image end with the same bytes."""
    expected = contents(dataset)
    folder = tmp_path / "raw"
    draw, calls = lsp._draw_part, []

    def draw_two(task):
        calls.append(task)
        if len(calls) == 3:
            (folder / "images" / "im0005.jpg.tmp").write_bytes(b"half")
            raise KeyboardInterrupt
        return draw(task)

    monkeypatch.setattr(lsp, "_draw_part", draw_two)
    with pytest.raises(KeyboardInterrupt):
        lsp.write(str(folder), CONFIG)
    assert not (folder / "joints.mat").exists()
    calls.clear()
    done = [path.stat().st_mtime_ns for path in sorted((folder / "images").glob("*.jpg"))]
    monkeypatch.setattr(lsp, "_draw_part", draw)
    lsp.write(str(folder), CONFIG, num_workers=2)
    assert contents(folder) == expected
    again = [path.stat().st_mtime_ns for path in sorted((folder / "images").glob("*.jpg"))]
    assert again[: len(done)] == done  # what was finished was not drawn again
    (folder / "images" / "im0007.jpg").unlink()
    lsp.write(str(folder), CONFIG)
    assert contents(folder) == expected
    monkeypatch.setattr(lsp, "_draw_part", None)  # a finished folder needs no drawing
    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "part_0000000.npz").touch()  # what a kill at the end may leave
    lsp.write(str(folder), CONFIG)
    assert contents(folder) == expected


def test_an_image_depends_on_seed_and_number_only(dataset, tmp_path):
    """More images leave the first ones as they are; another seed changes them."""
    more = dataclasses.replace(CONFIG, num_images=2, num_test=0)
    lsp.write(str(tmp_path / "more"), more)
    for name in ("images/im0001.jpg", "images/im0002.jpg"):
        assert contents(tmp_path / "more")[name] == contents(dataset)[name]
    lsp.write(str(tmp_path / "other"), dataclasses.replace(more, seed=4))
    assert (
        contents(tmp_path / "other")["images/im0001.jpg"] != contents(dataset)["images/im0001.jpg"]
    )


def test_other_settings_and_foreign_folders_are_refused(dataset, tmp_path):
    with pytest.raises(
        DataError, match="made with image_size=80; these settings have image_size=96"
    ):
        lsp.write(str(dataset), dataclasses.replace(CONFIG, image_size=96))
    # What another layout would use does not count.
    lsp.write(str(dataset), dataclasses.replace(CONFIG, num_frames=7))
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="already holds 'images'"):
        lsp.write(str(tmp_path), CONFIG)
    with pytest.raises(
        DataError, match="num_test must lie between 0 and num_images=9; received 10"
    ):
        lsp.write(str(tmp_path / "x"), dataclasses.replace(CONFIG, num_test=10))
    assert not (tmp_path / "x").exists()
