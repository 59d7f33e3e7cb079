from __future__ import annotations

import json
import re

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import aic


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aic")
    config = SynthesisConfig(num_images=7, num_test=2, image_size=96)
    assert "5 train and 2 validation images" in aic.write(str(folder), config)
    return folder


def test_the_tree_and_the_labels_are_aics(twin):
    train = twin / "ai_challenger_keypoint_train_20170909"
    content = json.loads((train / "keypoint_train_annotations_20170909.json").read_text())
    assert len(content) == 5
    names = {path.name for path in (train / "keypoint_train_images_20170902").iterdir()}
    assert names == {f"{entry['image_id']}.jpg" for entry in content}
    for entry in content:
        assert set(entry) == {"url", "image_id", "keypoint_annotations", "human_annotations"}
        assert re.fullmatch("[0-9a-f]{40}", entry["image_id"])
        assert set(entry["keypoint_annotations"]) == set(entry["human_annotations"])
        for values in entry["keypoint_annotations"].values():
            points = np.array(values).reshape(14, 3)
            assert points.dtype.kind == "i" and np.isin(points[:, 2], (1, 2, 3)).all()
            assert not points[points[:, 2] == 3, :2].any()
    assert [len(entry["keypoint_annotations"]) for entry in content] == [1, 2, 2, 5, 1]
    rest = twin / "ai_challenger_keypoint_validation_20170911"
    content = json.loads((rest / "keypoint_validation_annotations_20170911.json").read_text())
    assert len(content) == len(list((rest / "keypoint_validation_images_20170911").iterdir())) == 2
