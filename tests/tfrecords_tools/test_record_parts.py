"""Record folders are looked through, with manifests and without."""

from __future__ import annotations

import pytest
import record_folder

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.record_parts import find_parts


@pytest.fixture
def folder(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i) for i in range(5)])
    record_folder.write(tmp_path, [record_folder.sample(9)], split="test")
    record_folder.write(tmp_path, [record_folder.mocap_sample(0)], "mosh", "CMU")
    # What the original release leaves: no manifests.
    for name in ("coco/train_0000_wmeta", "coco/train_0001_wmeta", "h36m_x/train/S1_a_0_cam1"):
        path = tmp_path / f"{name}.tfrecord"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((tmp_path / "toy" / "test_000.tfrecord").read_bytes())
    (tmp_path / "toy" / ".partial_train").mkdir()
    (tmp_path / "toy" / ".partial_train" / "train_000.tfrecord").touch()
    return tmp_path


def test_all_parts(folder):
    parts = find_parts(str(folder))
    assert [(part.title, len(part.shards), part.manifest is None) for part in parts] == [
        ("coco train_wmeta", 2, True),
        ("h36m_x/train S_a_cam", 1, True),
        ("mosh CMU", 1, False),
        ("toy test", 1, False),
        ("toy train", 2, False),
    ]


def test_choices(folder):
    def titles(*arguments):
        return [part.title for part in find_parts(str(folder), *arguments)]

    assert titles(["toy"]) == ["toy test", "toy train"]
    assert titles([], "test") == ["toy test"]
    assert titles(["toy", "coco"], "train") == ["toy train", "coco train"]
    (part,) = find_parts("", files=[f"{folder}/coco/*.tfrecord"])
    assert len(part.shards) == 2


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(DatasetError, match="no records of lps; it holds: mosh CMU, toy test"):
        find_parts(str(folder), ["lps"])
    with pytest.raises(DatasetError, match=r"toy: no records of 'val' found"):
        find_parts(str(folder), ["toy"], "val")
    with pytest.raises(DatasetError, match=r"\*\.nothing is not there"):
        find_parts("", files=[f"{folder}/*.nothing"])
    with pytest.raises(DatasetError, match="is not a folder"):
        find_parts("")
    (tmp_path / "toy" / "manifest_train.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"manifest_train\.json is not a manifest"):
        find_parts(str(folder))
