"""Files of people, whatever is made of each."""

import json
from typing import NamedTuple

import pytest

from hmr_tf.errors import ImageError
from hmr_tf.image_files import people_files


class _Person(NamedTuple):
    score: float
    what: object


def _of_points(points, where):
    del where
    return _Person(points[0][2], points) if points else None


def _of_entry(entry, where):
    return _Person(entry.get("score", 1.0), where) if "skip" not in entry else None


def _read(path, content=None):
    if content is not None:
        path.write_text(json.dumps(content))
    return people_files.read_people(str(path), _of_points, _of_entry)


def _openpose(*confidences):
    return {"people": [{"pose_keypoints_2d": [1, 2, c] * 2} for c in confidences]}


def test_openpose_people_are_ranked_and_those_of_nothing_passed_over(tmp_path):
    content = _openpose(0.5, 0.9)
    content["people"].insert(1, {"pose_keypoints_2d": []})
    people = _read(tmp_path / "any.json", content)
    assert [p.score for p in people.for_image("photo.jpg")] == [0.9, 0.5]
    assert [p.score for p in people.for_image("photo.jpg", best_only=True)] == [0.9]
    assert people.found("other.jpg")[0].what == [(1, 2, 0.9)] * 2


def test_a_folder_is_read_image_by_image(tmp_path):
    (tmp_path / "a_keypoints.json").write_text(json.dumps(_openpose(0.5)))
    (tmp_path / "b.json").write_text(json.dumps(_openpose()))
    (tmp_path / "c_keypoints.json").write_text("{")
    people = _read(tmp_path)
    assert len(people.found("photos/a.png")) == 1 and people.found("b.png") == []
    with pytest.raises(ImageError, match=r"no person for the image b\.png"):
        people.for_image("b.png")
    with pytest.raises(ImageError, match="not readable as JSON"):
        people.found("c.jpg")
    with pytest.raises(ImageError, match=r"expected d_keypoints\.json"):
        people.found("d.jpg")


def test_entries_by_the_image_they_name(tmp_path):
    content = [
        {"image_id": "some/a.jpg", "score": 0.5},
        {"file_name": "a.jpg", "image_id": 3, "score": 0.75},
        {"file_name": "b.jpg", "skip": True},
        {"file_name": "b.jpg", "category_id": 18},
        {"file_name": "b.jpg", "iscrowd": 1},
    ]
    people = _read(tmp_path / "results.json", content)
    assert [p.score for p in people.for_image("a.jpg")] == [0.75, 0.5]
    assert people.found("a.jpg")[1].what.endswith("results.json: entry 0")
    assert people.found("b.jpg") == people.found("unheard_of.jpg") == []
    content = {"images": [{"id": 3, "file_name": "c.jpg"}], "annotations": [{"image_id": 3}]}
    assert len(_read(tmp_path / "coco.json", content).found("c.jpg")) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (7, "says of nobody where they are"),
        ({"people": {}}, "no list of people"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, "x, y, confidence; got 2 numbers"),
        ({"annotations": [{"image_id": 4}]}, "entry 0 names no image"),
        ([{"image_id": [4]}], "is not laid out as"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, content, words):
    with pytest.raises(ImageError, match=words) as error:
        _read(tmp_path / "people.json", content)
    assert "\n" not in str(error.value) and "people.json" in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ImageError, match=r"none\.json does not exist"):
        _read(tmp_path / "none.json")
