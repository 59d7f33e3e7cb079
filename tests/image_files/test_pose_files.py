"""2D poses of detectors: orders of joints, what is missing, whose they are."""

import json

import numpy as np
import pytest

from hmr_tf.errors import ImageError
from hmr_tf.image_files import pose_files

# Where the release puts the points of each format among its 30, and BODY_25's by their names.
PLACES = {
    17: (24, 25, 26, 27, 28, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8),
    18: (24, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 26, 25, 28, 27),
    25: (*(24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 26, 25, 28, 27), *[None] * 6),
}
PELVIS, LEFT_HIP, RIGHT_HIP, NECK, LEFT_SHOULDER, RIGHT_SHOULDER = 0, 1, 2, 12, 16, 17


def _points(count, seed=0, offset=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, (count, 2)) + offset
    return np.concatenate([places, rng.uniform(0.5, 1, (count, 1))], axis=1)


def _write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def _openpose(*people):
    return {"people": [{"pose_keypoints_2d": np.ravel(points).tolist()} for points in people]}


@pytest.mark.parametrize("count", PLACES)
def test_every_point_has_the_release_s_place(count):
    points = _points(count)
    pose = pose_files.to_pose(points.tolist(), "test")
    assert pose.shape == (30, 3) and pose.dtype == np.float32
    known = [place for place in PLACES[count] if place is not None]
    for point, place in zip(points, PLACES[count]):
        if place is not None:
            np.testing.assert_allclose(pose[place], [*point[:2], 1.0], rtol=1e-6)
    middles = {}
    if PELVIS not in known:
        middles[PELVIS] = pose[[LEFT_HIP, RIGHT_HIP]].mean(axis=0)
    if NECK not in known:
        middles[NECK] = pose[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0)
    for place, middle in middles.items():
        np.testing.assert_allclose(pose[place], middle, rtol=1e-6)
    absent = sorted({*range(30)} - {*known, *middles})
    np.testing.assert_array_equal(pose[absent], 0.0)


def test_points_that_are_not_seen_are_absent_and_so_are_their_middles():
    points = _points(17)
    points[[5, 11], 2] = 0.05, 0.25  # A shoulder's and a hip's; the other hip is at most 1.
    points[12, 2] = 0.15  # Together they are no more than 0.05.
    pose = pose_files.to_pose(points.tolist(), "test")
    assert pose[LEFT_HIP, 2] == pose[RIGHT_HIP, 2] == 1.0
    for place in (LEFT_SHOULDER, NECK, PELVIS):
        np.testing.assert_array_equal(pose[place], 0.0)


def test_openpose_people(tmp_path):
    first, second = _points(25), _points(25, seed=1)
    second[:, 2] = 0.99
    second[3] = (500, 500, 0.1)  # Seen, but not sure.
    unseen = np.zeros((25, 3))
    path = _write(tmp_path / "photo.json", _openpose(first, unseen, second))
    surest, other = pose_files.read_poses(path).for_image("photo.jpg")
    assert surest.score == pytest.approx(0.99)
    sure = np.delete(second, 3, axis=0)[:, :2]
    np.testing.assert_allclose(surest.xyxy, [*sure.min(axis=0), *sure.max(axis=0)])
    np.testing.assert_allclose(surest.pose_2d[19], [500, 500, 1])
    np.testing.assert_array_equal(other.pose_2d, pose_files.to_pose(first.tolist(), ""))


def test_coco_annotations_and_results(tmp_path):
    points = _points(17)
    points[:, 2] = np.arange(17) % 3  # Not labelled, hidden, seen.
    keypoints = points.ravel().tolist()
    content = {
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "keypoints": keypoints, "bbox": [1, 2, 3, 4]},
            {"image_id": 7, "category_id": 1, "keypoints": [0] * 51, "bbox": [1, 2, 3, 4]},
        ],
    }
    path = _write(tmp_path / "coco.json", content)
    (person,) = pose_files.read_poses(path).for_image("a.jpg")
    assert person.xyxy == (1, 2, 4, 6)
    # The pelvis needs both hips, of which the left is not labelled no more than is the neck's pair.
    seen = {place for place, flag in zip(PLACES[17], points[:, 2]) if flag}
    middles = {PELVIS: {LEFT_HIP, RIGHT_HIP}, NECK: {LEFT_SHOULDER, RIGHT_SHOULDER}}
    seen |= {middle for middle, pair in middles.items() if pair <= seen}
    assert set(np.flatnonzero(person.pose_2d[:, 2]).tolist()) == seen
    results = [{"image_id": "a.jpg", "keypoints": keypoints, "score": 2.5}]
    (person,) = pose_files.read_poses(_write(tmp_path / "b.json", results)).for_image("a.jpg")
    sure = points[points[:, 2] > 0, :2]
    assert person.score == 2.5
    np.testing.assert_allclose(person.xyxy, [*sure.min(axis=0), *sure.max(axis=0)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_openpose(_points(15)), "15 keypoints; known are"),
        (_openpose(np.vstack([_points(24), [np.nan, 1, 1]])), "must be finite numbers"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 0.5, 4]}]}, "got 4 numbers"),
        ({"people": [{"pose_keypoints_2d": [1, 2, "sure"] * 25}]}, "is not laid out as"),
        ([{"file_name": "a.jpg", "bbox": [1, 2, 3, 4]}], "entry 0 has no 'keypoints'"),
        ([{"file_name": "a.jpg", "keypoints": [1] * 52}], "got 52 numbers"),
        (
            [{"file_name": "a.jpg", "keypoints": _points(17).ravel().tolist(), "bbox": [1, 2]}],
            "four numbers",
        ),
        (["a.jpg"], "says of nobody"),
    ],
)
def test_broken_files_are_one_line(tmp_path, content, words):
    path = _write(tmp_path / "poses.json", content)
    with pytest.raises(ImageError, match=words) as error:
        pose_files.read_poses(path)
    assert "\n" not in str(error.value) and "poses.json" in str(error.value)


def _person(offset, seed=0):
    pose = pose_files.to_pose(_points(25, seed, offset).tolist(), "test")
    return pose_files.PersonPose((0, 0, 1, 1), pose, 1.0)


def test_people_get_their_own_poses():
    left, right, far = _person((0, 0)), _person((60, 0), seed=1), _person((900, 900), seed=2)
    boxes = np.float32([[58, -2, 165, 102], [300, 300, 400, 400], [-5, -5, 105, 105]])
    found = pose_files.match([left, right, far], boxes)
    np.testing.assert_array_equal(found[0], right.pose_2d)
    np.testing.assert_array_equal(found[1], 0.0)
    np.testing.assert_array_equal(found[2], left.pose_2d)
    # The order of neither matters.
    again = pose_files.match([far, right, left], boxes[::-1])
    np.testing.assert_array_equal(again, found[::-1])


def test_a_pose_is_nobody_else_s():
    # Two boxes of one person: the better one has the pose; a box about its hand alone has none.
    pose = _person((0, 0))
    boxes = np.float32([[-30, -30, 140, 140], [0, 0, 100, 100], [0, 0, 20, 20]])
    found = pose_files.match([pose], boxes)
    assert found[..., 2].any(axis=1).tolist() == [False, True, False]
    assert pose_files.match([], boxes).shape == (3, 30, 3)
