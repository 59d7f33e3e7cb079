import json

import cv2
import numpy as np
import pytest
import scipy.io

from hmr_tf.errors import ImageError
from hmr_tf.experiments import demo_photos


@pytest.fixture
def lsp_dir(tmp_path):
    """Thirteen people, of whom the last four are held out."""
    images = tmp_path / "lsp" / "images"
    images.mkdir(parents=True)
    for number in range(1, 14):
        (images / f"im{number:04d}.jpg").write_bytes(b"%d" % number)
    joints = np.random.default_rng(0).uniform(20, 90, (3, 14, 13))
    joints[2] = 0
    joints[:2, 3, 11] = 5, 7
    joints[:2, 8, 11] = 120, 200
    scipy.io.savemat(tmp_path / "lsp" / "joints.mat", {"joints": joints})
    return tmp_path / "lsp"


def test_photos_are_gathered_with_boxes(lsp_dir, tmp_path):
    mine = tmp_path / "me.png"
    cv2.imwrite(str(mine), np.zeros((30, 50, 3), np.uint8))
    photos, boxes = tmp_path / "photos", tmp_path / "boxes.json"
    names = demo_photos.gather_photos(lsp_dir, [str(mine)], 9, photos, boxes)
    held_out = {f"im{number:04d}.jpg" for number in range(10, 14)}
    assert held_out | {"me.png"} <= set(names)
    assert {path.name for path in photos.iterdir()} == set(names)
    assert (photos / "im0010.jpg").read_bytes() == b"10"
    found = {entry["file_name"]: entry["bbox"] for entry in json.loads(boxes.read_text())}
    assert set(found) == set(names)
    assert found["im0012.jpg"] == [5, 7, 115, 193]
    assert found["me.png"] == [0, 0, 50, 30]


def test_a_missing_photo_is_named(lsp_dir, tmp_path):
    with pytest.raises(ImageError, match=r"not found: nowhere\.jpg"):
        demo_photos.gather_photos(lsp_dir, ["nowhere.jpg"], 9, tmp_path / "p", tmp_path / "b.json")


def test_a_photo_that_cannot_be_read_is_named(lsp_dir, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"photograph broken\.jpg"):
        demo_photos.gather_photos(lsp_dir, [str(broken)], 9, tmp_path / "p", tmp_path / "b.json")
