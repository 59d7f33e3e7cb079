from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools import person_scale
from tfrecords_tools.skeletons import COCOPLUS19


def person(**joints):
    """Returns cocoplus keypoints of which only the named ones are visible."""
    points = np.full((19, 3), [777.0, -55.0, 0.0])
    for name, (x, y) in joints.items():
        points[COCOPLUS19.index(name)] = x, y, 1
    return points


def test_a_person_with_an_ankle_is_measured_whole():
    seen = person(left_ankle=(10, 300), head_top=(50, 270))
    for rule in (person_scale.scale_from_head, person_scale.scale_from_trunk):
        assert rule(seen) == pytest.approx(150 / 50)
    assert person_scale.diagonal(seen) == 50


def test_without_ankles_the_trunk_measures_75():
    # Head top to hips: 100 and 80; right shoulder to right hip 50, left shoulder alone.
    seen = person(
        head_top=(0, 0), right_hip=(0, 100), left_hip=(48, 64), right_shoulder=(30, 60),
        left_shoulder=(5, 5),
    )  # fmt: skip
    assert person_scale.scale_from_head(seen) == pytest.approx(75 / 90)
    seen[COCOPLUS19.index("left_hip"), 2] = 0
    assert person_scale.scale_from_head(seen) == pytest.approx(75 / 100)
    assert person_scale.scale_from_trunk(seen) == pytest.approx(75 / 50)
    seen[COCOPLUS19.index("head_top"), 2] = 0
    assert person_scale.scale_from_head(seen) == pytest.approx(56 / 50)


def test_a_few_limbs_are_a_third_of_a_person_to_coco_alone():
    seen = person(left_wrist=(0, 0), nose=(30, 40))
    assert person_scale.scale_from_trunk(seen) == pytest.approx(1.0)
    assert person_scale.scale_from_head(seen) is None


def test_faces_and_single_points_say_nothing():
    face = person(nose=(0, 0), left_eye=(5, 5), left_shoulder=(20, 30))
    assert person_scale.scale_from_trunk(face) is None
    assert person_scale.scale_from_head(face) is None
    assert person_scale.scale_from_head(person(left_ankle=(3, 3))) is None
    assert person_scale.scale_from_trunk(person()) is None
