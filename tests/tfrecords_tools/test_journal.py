"""Journals come back as they were; damaged ones count for nothing."""

from __future__ import annotations

import pytest

from tfrecords_tools.journal import Journal, Progress, load_journal, save_journal
from tfrecords_tools.manifest import Identity, Shard

_IDENTITY = Identity("toy", "train", 1, 3, {"seed": 1}, "source")


def test_round_trip(tmp_path):
    path = str(tmp_path / "journal.json")
    assert load_journal(path) is None
    progress = Progress(next_item=5, next_output=1, drops={"small": 2}, num_errors=1)
    journal = Journal(_IDENTITY, (Shard("a", 3, 9, "f00"),), progress, True, 77)
    save_journal(path, journal)
    assert load_journal(path) == journal


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"identity": {"odd": 1}}', "\x00"])
def test_damaged_journals_count_for_nothing(tmp_path, text):
    (tmp_path / "journal.json").write_text(text)
    assert load_journal(str(tmp_path / "journal.json")) is None
