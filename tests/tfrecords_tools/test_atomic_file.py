"""Files appear whole or not at all."""

from __future__ import annotations

import json

import pytest

from tfrecords_tools import atomic_file


def test_json_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "sub" / "a.json"
    atomic_file.write_json(str(path), {"b": 1, "a": [2]})
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}
    with pytest.raises(TypeError):
        atomic_file.write_json(str(path), {"b": object()})
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}


def test_publish_renames(tmp_path):
    temporary, path = tmp_path / "a.tmp", tmp_path / "a"
    temporary.write_text("new")
    path.write_text("old")
    atomic_file.publish(str(temporary), str(path))
    assert path.read_text() == "new"
    assert not temporary.exists()


def test_bytes_are_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "sub" / "a.bin"
    atomic_file.write_bytes(path, b"12")
    atomic_file.write_bytes(str(path), b"345")
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("a.bin", b"345")]
