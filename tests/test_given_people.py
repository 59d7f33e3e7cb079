"""People given by boxes, by poses, by both and by neither."""

import json

import coco_people
import numpy as np
import pytest
from stub_model import StubModel

from hmr_tf import given_people
from hmr_tf.errors import ConfigError, ImageError
from hmr_tf.image_files import box_files, pose_files


def test_where_people_are_follows_from_what_is_given(tmp_path):
    left, right = coco_people.points(10, 10), coco_people.points(80, 15)
    path = tmp_path / "poses.json"
    path.write_text(json.dumps([coco_people.entry(left), {**coco_people.entry(right), "score": 2}]))
    poses = pose_files.read_poses(str(path))
    boxes = box_files.read_boxes("5,5,40,60")
    assert given_people.find("two.png", given_people.Given(None, None), False) == (None, {})
    found, beside = given_people.find("two.png", given_people.Given(boxes, None), False)
    assert found.tolist() == [[5, 5, 45, 65]] and beside == {}
    found, beside = given_people.find("two.png", given_people.Given(None, poses), False)
    expected = [[*points[:, :2].min(0), *points[:, :2].max(0)] for points in (right, left)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(beside["pose_2d"][:, 20, :2], [right[9, :2], left[9, :2]], rtol=1e-6)
    found, _ = given_people.find("two.png", given_people.Given(None, poses), True)
    assert len(found) == 1
    found, beside = given_people.find("two.png", given_people.Given(boxes, poses), False)
    np.testing.assert_allclose(beside["pose_2d"][:, 20, :2], left[None, 9, :2], rtol=1e-6)
    # Nobody has a pose in another image, which need not stop who has boxes.
    with pytest.raises(ImageError, match=r"no person for the image one\.png"):
        given_people.find("one.png", given_people.Given(None, poses), False)
    _, beside = given_people.find("one.png", given_people.Given(boxes, poses), False)
    assert not beside["pose_2d"].any()


def test_poses_without_effect_and_models_that_lack_them():
    plain, posed = StubModel(), StubModel(takes_poses=True)
    nothing, poses = given_people.Given(None, None), given_people.Given(None, "poses")
    for model, given in ((plain, nothing), (posed, nothing), (posed, poses)):
        given_people.check_poses(model, given)
    with pytest.raises(ConfigError, match="--poses has no effect"):
        given_people.check_poses(plain, poses)
    beside = {"pose_2d": np.zeros((1, 30, 3))}
    given_people.check_people(posed, beside, "a.jpg")
    posed.needs_extra_inputs = True
    with pytest.raises(ConfigError, match="give --poses"):
        given_people.check_poses(posed, nothing)
    with pytest.raises(ImageError, match=r"nobody for a box of a\.jpg"):
        given_people.check_people(posed, beside, "a.jpg")
