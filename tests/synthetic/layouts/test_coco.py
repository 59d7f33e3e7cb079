from __future__ import annotations

import json

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic.layouts import coco


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    config = SynthesisConfig(num_images=6, num_test=1, image_size=120)
    assert "5 train and 1 val images" in coco.write(str(folder), config)
    return folder


def test_the_tree_is_cocos(twin):
    files = {str(path.relative_to(twin)) for path in twin.rglob("*") if path.is_file()}
    assert {
        "annotations/person_keypoints_train2014.json",
        "annotations/person_keypoints_val2014.json",
        "annotations/person_keypoints_train2017.json",
        "annotations/person_keypoints_val2017.json",
        "images/train2014/COCO_train2014_000000000009.jpg",
        "images/val2014/COCO_val2014_000000000089.jpg",
        "train2017/000000000009.jpg",
        "val2017/000000000089.jpg",
        "smpl_truth.npz",
    } <= files
    assert len([name for name in files if name.endswith(".jpg")]) == 12


@pytest.mark.parametrize("year", [2014, 2017])
def test_annotations_are_cocos(twin, year):
    path = twin / "annotations" / f"person_keypoints_train{year}.json"
    content = json.loads(path.read_text())
    (category,) = content["categories"]
    assert category["id"] == 1 and category["keypoints"][9] == "left_wrist"
    assert len(category["skeleton"]) == 19
    sizes = {entry["id"]: (entry["height"], entry["width"]) for entry in content["images"]}
    assert len({entry["id"] for entry in content["annotations"]}) == len(content["annotations"])
    crowds = 0
    for entry in content["annotations"]:
        points = np.array(entry["keypoints"]).reshape(17, 3)
        assert points.dtype.kind == "i" and np.isin(points[:, 2], (0, 1, 2)).all()
        assert not points[points[:, 2] == 0].any()
        assert entry["num_keypoints"] == (points[:, 2] > 0).sum()
        height, width = sizes[entry["image_id"]]
        assert (points[:, 0] <= width - 1).all() and (points[:, 1] <= height - 1).all()
        x, y, box_width, box_height = entry["bbox"]
        assert x >= 0 and y >= 0 and x + box_width <= width and y + box_height <= height
        assert entry["area"] <= box_width * box_height
        if entry["iscrowd"]:
            crowds += 1
            assert sum(entry["segmentation"]["counts"]) == height * width
            assert sum(entry["segmentation"]["counts"][1::2]) == entry["area"]
            assert entry["segmentation"]["size"] == [height, width]
        else:
            assert all(len(polygon) >= 6 for polygon in entry["segmentation"])
    assert crowds == 1


def test_finished_twins_are_left_and_others_refused(twin):
    before = (twin / "smpl_truth.npz").stat().st_mtime_ns
    coco.write(str(twin), SynthesisConfig(num_images=6, num_test=1, image_size=120))
    assert (twin / "smpl_truth.npz").stat().st_mtime_ns == before
    with pytest.raises(DataError, match="seed"):
        coco.write(str(twin), SynthesisConfig(num_images=6, num_test=1, image_size=120, seed=1))
