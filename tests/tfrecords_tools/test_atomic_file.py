"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os

import pytest

from tfrecords_tools import atomic_file
from tfrecords_tools.errors import OutputError


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


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_file, "sync_file", full)
    path = tmp_path / "a.bin"
    with pytest.raises(OutputError, match=r"a\.bin cannot be written: No space left on device\."):
        atomic_file.write_bytes(path, b"12")
    assert list(tmp_path.iterdir()) == []
