"""The list of drops: lines, cuts, and names that try to look like two lines."""

from __future__ import annotations

import pytest

from tfrecords_tools.converter import Drop
from tfrecords_tools.drop_log import DropLog, read_drops
from tfrecords_tools.errors import DatasetError


def test_lines(tmp_path):
    path = tmp_path / "drops.tsv"
    assert list(read_drops(str(path))) == []
    log = DropLog(str(path))
    assert log.close() == 0
    log.sync()
    assert not path.exists()
    log.add(Drop("corrupt image", is_error=True, name="images/im0001.jpg"))
    log.add(Drop("too\tsmall", name="a\nb\rc  d"))
    size = log.close()
    log.sync()
    assert size == path.stat().st_size
    assert path.read_text() == (
        "sample\treason\tkind\n"
        "images/im0001.jpg\tcorrupt image\tdamaged\n"
        "a b c d\ttoo small\tfiltered\n"
    )
    log.add(Drop("third"))
    log.close()
    assert list(read_drops(str(path))) == [
        ("images/im0001.jpg", "corrupt image", True),
        ("a b c d", "too small", False),
        ("", "third", False),
    ]


def test_cuts(tmp_path):
    path = tmp_path / "drops.tsv"
    log = DropLog(str(path))
    log.cut(0)
    log.add(Drop("one"))
    size = log.close()
    log.sync()
    log.add(Drop("two"))
    log.cut(size)
    log.add(Drop("three"))
    log.close()
    assert [drop.reason for drop in read_drops(str(path))] == ["one", "three"]
    with pytest.raises(ValueError, match="expected 999"):
        log.cut(999)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a").write_text("one\ttwo\n")
    with pytest.raises(DatasetError, match="line 1: expected sample, reason and kind"):
        list(read_drops(str(tmp_path / "a")))
