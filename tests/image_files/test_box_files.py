"""Boxes of people in each spelling a user may have."""

import json

import pytest

from hmr_tf.errors import ImageError
from hmr_tf.image_files import box_files


def _write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    return str(path)


def _person(points, key):
    return {key: [number for point in points for number in point]}


POINTS = [(10, 20, 0.9), (110, 220, 0.5), (500, 500, 0.1), (0, 0, 0)]


def test_numbers():
    boxes = box_files.read_boxes("10,20,30.5,40")
    assert boxes.for_image("any/photo.jpg")[0].xyxy == (10, 20, 40.5, 60)


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "1,2,0,4", "1,2,nan,4", "1;2;3;4"])
def test_wrong_numbers_are_one_line(text):
    with pytest.raises(ImageError, match=r"x,y,w,h|positive"):
        box_files.read_boxes(text)


@pytest.mark.parametrize("key", ["pose_keypoints", "pose_keypoints_2d"])
def test_openpose_people_by_confidence(tmp_path, key):
    unseen = _person([(0, 0, 0)] * 18, key)
    sure = _person([(1, 2, 1.0), (3, 5, 1.0)], key)
    one_point = _person([(7, 7, 1.0)], key)
    content = {"people": [unseen, _person(POINTS, key), sure, one_point]}
    boxes = box_files.read_boxes(_write(tmp_path, "photo.json", content))
    people = boxes.for_image("photo.jpg")
    assert [person.xyxy for person in people] == [(1, 2, 3, 5), (10, 20, 110, 220)]
    assert people[1].score == pytest.approx(0.7)
    assert [p.xyxy for p in boxes.for_image("photo.jpg", best_only=True)] == [(1, 2, 3, 5)]


def test_openpose_file_without_a_person(tmp_path):
    path = _write(tmp_path, "photo.json", {"people": []})
    with pytest.raises(ImageError, match=r"no person for the image photo\.jpg"):
        box_files.read_boxes(path).for_image("photo.jpg")


def test_folder_of_openpose_files(tmp_path):
    _write(tmp_path, "a_keypoints.json", {"people": [_person(POINTS, "pose_keypoints_2d")]})
    boxes = box_files.read_boxes(str(tmp_path))
    assert boxes.for_image("/photos/a.png")[0].xyxy == (10, 20, 110, 220)
    with pytest.raises(ImageError, match=r"b_keypoints\.json"):
        boxes.for_image("/photos/b.png")


def test_coco_annotations(tmp_path):
    content = {
        "images": [{"id": 7, "file_name": "train/a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"image_id": 7, "category_id": 18, "bbox": [9, 9, 9, 9]},
            {"image_id": 7, "category_id": 1, "iscrowd": 1, "bbox": [9, 9, 9, 9]},
        ],
    }
    boxes = box_files.read_boxes(_write(tmp_path, "coco.json", content))
    assert [person.xyxy for person in boxes.for_image("a.jpg")] == [(1, 2, 4, 6)]
    with pytest.raises(ImageError, match="no person"):
        boxes.for_image("b.jpg")


def test_detector_results(tmp_path):
    content = [
        {"file_name": "a.jpg", "bbox": [0, 0, 1, 1], "score": 0.5},
        {"file_name": "a.jpg", "bbox": [0, 0, 2, 2], "score": 0.9},
    ]
    boxes = box_files.read_boxes(_write(tmp_path, "results.json", content))
    assert [person.score for person in boxes.for_image("a.jpg")] == [0.9, 0.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"persons": []}, "expected OpenPose's 'people'"),
        ([1, 2, 3, 4], "expected OpenPose's 'people'"),
        ([{"bbox": [1, 2, 3, 4]}], "names no image"),
        ([{"file_name": "a.jpg", "bbox": [1, 2, 3]}], "four numbers"),
        ([{"file_name": "a.jpg"}], "four numbers"),
        ([{"file_name": "a.jpg", "bbox": [1, 2, -3, 4]}], "positive"),
        ({"people": [{"pose_keypoints": [1, 2]}]}, "x, y, confidence"),
        ({"people": [7]}, "is not laid out as"),
        ({"people": [{"pose_keypoints": [1, 2, "sure"]}]}, "is not laid out as"),
        ({"images": [7], "annotations": []}, "is not laid out as"),
        ([{"file_name": "a.jpg", "bbox": [1, 2, 3, 4], "score": "high"}], "is not laid out as"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, content, words):
    with pytest.raises(ImageError, match=words) as error:
        box_files.read_boxes(_write(tmp_path, "boxes.json", content))
    assert "\n" not in str(error.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        box_files.read_boxes(str(tmp_path / "none.json"))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(ImageError, match="not readable as JSON"):
        box_files.read_boxes(str(broken))
