"""Labelled people become samples: size, drops, translations."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfrecords_tools.converter import Drop
from tfrecords_tools.labelled_people import Framing, LabelledPerson, projected, to_sample

_INTRINSICS = np.array([300.0, 310.0, 99.0, 74.0])


@pytest.fixture
def path(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (150, 200, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.jpg"), image)
    return str(tmp_path / "a.jpg")


def _person(path, **changes):
    """Returns a person with Human3.6M's 17 joints, some metres away."""
    joints = np.random.default_rng(1).uniform([-0.6, -0.7, 3], [0.6, 0.7, 4], (17, 3))
    fields = {
        "points_2d": projected(joints, _INTRINSICS),
        "skeleton_2d": "h36m17",
        "points_3d": joints,
        "skeleton_3d": "h36m17",
        "intrinsics": _INTRINSICS,
        **changes,
    }
    return LabelledPerson(path, **fields)


def test_the_camera_projects_onto_the_joints(path):
    for framing in (Framing(), Framing(0), Framing(80.0)):
        sample = to_sample(_person(path), "d", framing)
        points = sample.joints_24_3d[:, :3] + sample.translation
        fx, fy, cx, cy = sample.intrinsics
        pixels = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
        known = sample.joints_24_3d[:, 3] > 0
        np.testing.assert_allclose(pixels[known], sample.keypoints_24_2d[known, :2], atol=1e-6)
        np.testing.assert_allclose(sample.joints_24_3d[14, :3], 0.0, atol=1e-9)  # The pelvis.
        seen = sample.keypoints_2d[:14, :2]
        size = np.linalg.norm(np.ptp(seen, axis=0))
        if framing.person_px:
            assert abs(size / framing.person_px - 1) < 0.02
        else:
            assert sample.image == open(path, "rb").read()


def test_the_bodys_translation_goes_before_the_pelvis(path):
    person = _person(path, translation=np.array([0.1, 0.2, 3.5]))
    sample = to_sample(person, "d", Framing())
    np.testing.assert_array_equal(sample.translation, [0.1, 0.2, 3.5])
    np.testing.assert_allclose(
        sample.joints_24_3d[14, :3] + sample.translation, person.points_3d[0]
    )
    relative = to_sample(_person(path, is_root_relative=True), "d", Framing())
    assert relative.translation is None
    np.testing.assert_array_equal(relative.joints_24_3d[14, :3], person.points_3d[0])


def test_an_image_may_be_at_hand(path):
    image = np.full((150, 200, 3), 77, np.uint8)
    sample = to_sample(_person("name.jpg"), "d", Framing(), image)
    assert sample.filename == "name.jpg" and sample.height > 20
    whole = to_sample(_person("name.jpg"), "d", Framing(0), image)
    assert (whole.height, whole.width) == (150, 200)


def test_drops(path):
    bad = _person(path).points_3d.copy()
    bad[3, 1] = np.nan
    unseen = np.zeros((17, 3))
    one = unseen.copy()
    one[10] = [5, 5, 1]
    far = _person(path).points_2d + np.array([3000.0, 0.0, 0.0])
    for changes, expected in (
        ({"points_3d": bad}, Drop("label that is not finite", True)),
        ({"betas": np.full(10, np.inf)}, Drop("label that is not finite", True)),
        ({"points_2d": unseen}, Drop("no visible keypoint")),
        ({"points_2d": one}, Drop("too little labelled to tell the size")),
        ({"points_2d": far}, Drop("person outside of the image")),
    ):
        assert to_sample(_person(path, **changes), "d", Framing()) == expected
    assert to_sample(_person(path + "x"), "d", Framing()) == Drop("missing image", True)
    open(path, "wb").write(b"short")
    for framing in (Framing(), Framing(0)):
        assert to_sample(_person(path), "d", framing) == Drop("corrupt image", True)


def test_what_is_behind_the_camera_is_not_seen():
    points = projected(np.array([[0.1, 0.2, 2.0], [0.1, 0.2, -2.0], [0.0, 0.0, 0.0]]), _INTRINSICS)
    np.testing.assert_allclose(points, [[114, 105, 1], [0, 0, 0], [0, 0, 0]])
