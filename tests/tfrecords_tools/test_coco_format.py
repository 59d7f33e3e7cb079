from __future__ import annotations

import json

import numpy as np
import pytest

from tfrecords_tools import coco_format
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.skeletons import COCO17


def test_run_lengths_are_decoded():
    # Worked by hand: 6, 1, 40, 4, then 5 and 4 as differences from the one two before: -35 and 0.
    # 40 needs two characters: 8 | more = 40 + 48 = "X", then 1 = "1". 35 below: -35 = 29 | more,
    # then -2 with the sign bit = 30 + 48.
    assert coco_format.decode_counts("61X1") == [6, 1, 40]
    assert coco_format.decode_counts("61X13") == [6, 1, 40, 4]
    assert coco_format.decode_counts("61X13m^O")[:4] == [6, 1, 40, 4]
    text = "61X13" + chr(48 + (0x20 | 29)) + chr(48 + 30) + "0"
    assert coco_format.decode_counts(text) == [6, 1, 40, 4, 5, 4]
    assert coco_format.decode_counts("") == []


def rows_by_hand(mask):
    rows = np.flatnonzero(mask.any(axis=1))
    return rows[-1] - rows[0] + 1 if rows.size else 0


def counts(mask):
    runs, value = [0], 0
    for pixel in mask.T.reshape(-1).astype(int):
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def test_the_rows_of_a_mask_are_counted():
    random = np.random.default_rng(0)
    for _ in range(30):
        mask = np.zeros((12, 9), bool)
        top, left = random.integers(0, 8, 2)
        mask[top : top + random.integers(1, 5), left : left + 3] = random.random() < 0.9
        segmentation = {"size": [12, 9], "counts": counts(mask)}
        assert coco_format.mask_rows({"segmentation": segmentation}) == rows_by_hand(mask)
    # A run over a column's end covers the last row and the first.
    segmentation = {"size": [4, 2], "counts": [3, 2, 3]}
    assert coco_format.mask_rows({"segmentation": segmentation}) == 4
    polygons = [[0, 2, 5, 2, 5, 9], [1, 20, 2, 30.4, 3, 20]]
    assert coco_format.mask_rows({"segmentation": polygons}) == 28
    assert coco_format.mask_rows({"segmentation": [], "bbox": [1, 2, 3, 61.2]}) == 61
    assert coco_format.mask_rows({"bbox": [1, 2, 3, 61.2]}) == 61


def test_images_are_found_whatever_folder_their_names_begin_with(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "train" / "x").mkdir(parents=True)
    (tmp_path / "train" / "x" / "b.jpg").touch()
    assert coco_format.image_path(str(tmp_path), {"file_name": "old/a.jpg"}) == str(
        tmp_path / "a.jpg"
    )
    path = coco_format.image_path(str(tmp_path), {"file_name": "train/x/b.jpg"})
    assert path == str(tmp_path / "train" / "x" / "b.jpg")


def test_people_alone_are_read_in_the_order_of_images(tmp_path):
    content = {
        "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 3, "file_name": "3.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "keypoints": [0] * 51},
            {"id": 2, "image_id": 7, "category_id": 1},
            {"id": 3, "image_id": 3, "category_id": 5, "keypoints": [0] * 51},
        ],
        "categories": [{"id": 1, "name": "dog"}, {"id": 5, "name": "person"}],
    }
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content))
    read = coco_format.read_keypoints(str(path), "coco", COCO17)
    assert list(read.images) == [3, 7]
    assert [entry["id"] for entry in read.annotations[7]] == [1]
    assert [entry["id"] for entry in read.annotations[3]] == [3]


def test_what_is_no_json_is_refused(tmp_path):
    path = tmp_path / "file.json"
    for content in (b"", b"\xff\xfe\x00", b'{"images": [', b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"^aic: .* is no JSON or is cut short"):
            coco_format.read_json(str(path), "aic")
    with pytest.raises(DatasetError, match=r"^aic: .*none.json is not there"):
        coco_format.read_json(str(tmp_path / "none.json"), "aic")
    path.write_text("[1, 2]")
    with pytest.raises(DatasetError, match="must hold the lists images and annotations"):
        coco_format.read_keypoints(str(path), "coco", COCO17)
