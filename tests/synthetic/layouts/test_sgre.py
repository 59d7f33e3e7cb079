"""SGRE's layouts have the files, keys and shapes of the real ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import sgre

_CONFIG = SynthesisConfig(num_images=7, num_test=2, image_size=64, seed=1)


def _contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("write", "labels", "bodies", "images", "joints"),
    [
        (
            sgre.write_coco,
            "person_keypoints_train2017",
            "MSCOCO_train_SMPL_NeuralAnnot",
            "images/train2017",
            17,
        ),
        (sgre.write_mpii, "train", "MPII_train_SMPL_NeuralAnnot", "", 16),
    ],
)
def test_photographs(tmp_path, write, labels, bodies, images, joints):
    write(str(tmp_path), _CONFIG)
    content = json.loads((tmp_path / "annotations" / f"{labels}.json").read_text())
    fits = json.loads((tmp_path / "annotations" / f"{bodies}.json").read_text())
    assert len(content["images"]) == 5
    assert all((tmp_path / images / image["file_name"]).exists() for image in content["images"])
    people = content["annotations"]
    # 1 + 2 + 3 + 1 + 2 people, of whom the last is a crowd.
    assert [person["iscrowd"] for person in people] == [0] * 8 + [1]
    assert sorted(map(int, fits)) == [p["id"] for p in people if p["id"] % 5]
    for person in people:
        points = np.array(person["keypoints"]).reshape(joints, 3)
        assert (
            set(points[:, 2]) <= {0, 1, 2} and person["num_keypoints"] == (points[:, 2] > 0).sum()
        )
        assert not points[points[:, 2] == 0].any()
    for fit in fits.values():
        sizes = {key: len(value) for key, value in fit["smpl_param"].items()}
        assert sizes == {"pose": 72, "shape": 10, "trans": 3}
        assert {key: len(value) for key, value in fit["cam_param"].items()} == {
            "focal": 2,
            "princpt": 2,
        }


def test_pw3d(tmp_path):
    sgre.write_pw3d(str(tmp_path), _CONFIG)
    for split, count in (("train", 5), ("validation", 1), ("test", 1)):
        content = json.loads((tmp_path / f"3DPW_latest_{split}.json").read_text())
        assert len(content["images"]) == count and len(content["annotations"]) == 2 * count
        for image in content["images"]:
            assert (tmp_path / "imageFiles" / image["sequence"] / image["file_name"]).exists()
        for person in content["annotations"]:
            assert len(person["openpose_result"]) == 54 and np.shape(person["joint_img"]) == (24, 2)
            assert person["smpl_param"]["gender"] in ("male", "female")
        assert not any(content["annotations"][-1]["openpose_result"])


@pytest.mark.parametrize("write", [sgre.write_coco, sgre.write_mpii, sgre.write_pw3d])
def test_equal_settings_give_equal_files(tmp_path, write):
    config = SynthesisConfig(num_images=2, num_test=1, image_size=64)
    for name in ("a", "b"):
        write(str(tmp_path / name), config)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
