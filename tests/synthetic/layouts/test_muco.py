"""The twin has the tree, keys and shapes of MuCo-3DHP, and the same bytes every time."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import muco as layout

_CONFIG = SynthesisConfig(num_images=7, num_test=0, image_size=64, seed=2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("muco") / "raw"
    layout.write(str(folder), _CONFIG)
    return folder


def _files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_tree(dataset):
    assert set(_files(dataset)) == {
        *(f"data/unaugmented_set/1/{n:06d}.jpg" for n in (1, 3, 5, 7)),
        *(f"data/augmented_set/1/{n:06d}.jpg" for n in (2, 4, 6)),
        *("data/MuCo-3DHP.json", "data/smpl_param.json", "smpl_truth.npz", "synthesize.json"),
    }


def test_labels(dataset):
    labels = json.loads((dataset / "data" / "MuCo-3DHP.json").read_text())
    fits = json.loads((dataset / "data" / "smpl_param.json").read_text())
    images = {image["id"]: image for image in labels["images"]}
    assert len(images) == 7
    people = [sum(a["image_id"] == key for a in labels["annotations"]) for key in range(7)]
    assert people == [1, 2, 3, 4, 1, 2, 0]
    for annotation in labels["annotations"]:
        image = images[annotation["image_id"]]
        pixels = cv2.imread(str(dataset / "data" / image["file_name"])).shape[:2]
        assert pixels == (image["height"], image["width"]) == (64, 64)
        points = np.array(annotation["keypoints_img"])
        joints = np.array(annotation["keypoints_cam"])
        assert points.shape == (21, 2) and joints.shape == (21, 3) and joints[:, 2].min() > 500
        projected = joints[:, :2] / joints[:, 2:] * image["f"] + image["c"]
        np.testing.assert_allclose(projected, points, atol=1e-6)
        assert set(annotation["keypoints_vis"]) <= {0, 1} and len(annotation["bbox"]) == 4
        outside = (points < 0) | (points > 63)
        assert not np.array(annotation["keypoints_vis"])[outside.any(axis=1)].any()
    assert 0 < len(fits) < len(labels["annotations"])
    for fit in fits.values():
        assert {key: len(value) for key, value in fit.items()} == {
            **{"pose": 72, "shape": 10, "trans": 3},
        }


def test_somebody_stands_at_the_border(dataset):
    labels = json.loads((dataset / "data" / "MuCo-3DHP.json").read_text())
    (first, _) = [a for a in labels["annotations"] if a["image_id"] == 5]
    points = np.array(first["keypoints_img"])[:, 0]
    assert points.min() < 0 or points.max() > 63


def test_the_same_bytes_again(dataset, tmp_path):
    layout.write(str(tmp_path), _CONFIG, 2)
    assert _files(tmp_path) == _files(dataset)


def test_damage_needs_many_images(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "_BROKEN_FROM", 2)
    monkeypatch.setattr(layout, "_CORRUPT", 0)
    monkeypatch.setattr(layout, "_MISSING", 1)
    layout.write(str(tmp_path), SynthesisConfig(num_images=2, num_test=0, image_size=32))
    (left,) = tmp_path.rglob("*.jpg")
    assert left.name == "000001.jpg" and not left.read_bytes().endswith(b"\xff\xd9")
