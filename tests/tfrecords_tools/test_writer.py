"""Shards appear together, or not at all; finished ones survive an interruption."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import threading

import pytest
from full_disk import full_beyond

from tfrecords_tools import reader
from tfrecords_tools import writer as writer_module
from tfrecords_tools.converter import Drop
from tfrecords_tools.drop_log import read_drops
from tfrecords_tools.errors import DatasetError, OutputError, RecordError
from tfrecords_tools.manifest import Identity, load_manifest
from tfrecords_tools.record_file import frame_record
from tfrecords_tools.writer import Progress, ShardedWriter

_IDENTITY = Identity("toy", "train", 1, 3, {}, "source")


def _names(out_dir):
    return sorted(os.listdir(out_dir / "toy")) if (out_dir / "toy").exists() else []


def _write(writer, first, last):
    """Writes records ``first`` to ``last`` (exclusive), a work item each."""
    for index in range(first, last):
        writer.write(frame_record(b"record %d" % index))
        if writer.is_shard_full:
            writer.finish_shard(Progress(next_item=index + 1, num_examples=index + 1))


def _convert(out_dir, num_records=8, identity=_IDENTITY):
    with ShardedWriter(str(out_dir), identity) as writer:
        _write(writer, writer.progress.next_item, num_records)
        writer.finish_shard(Progress(next_item=num_records, num_with_3d=2), is_last=True)
        return writer.publish()


def test_shards_and_manifest(tmp_path):
    manifest = _convert(tmp_path)
    names = [f"train_00{index}.tfrecord" for index in range(3)]
    assert _names(tmp_path) == ["manifest_train.json", *names]
    assert [shard.num_examples for shard in manifest.shards] == [3, 3, 2]
    assert manifest == load_manifest(str(tmp_path), "toy", "train")
    records = [r for name in names for r in reader.read_records(str(tmp_path / "toy" / name))]
    assert records == [b"record %d" % index for index in range(8)]
    for shard in manifest.shards:
        content = (tmp_path / "toy" / shard.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == shard.sha256
        assert len(content) == shard.num_bytes


def test_nothing_has_a_final_name_before_the_end(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        _write(writer, 0, 8)
        assert _names(tmp_path) == [".partial_train"]
    assert _names(tmp_path) == [".partial_train"]


def test_a_writer_without_a_finished_shard_leaves_nothing(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        _write(writer, 0, 2)
    assert _names(tmp_path) == []
    with pytest.raises(KeyError), ShardedWriter(str(tmp_path), _IDENTITY):
        raise KeyError
    assert _names(tmp_path) == []


def test_resume_gives_the_bytes_of_an_uninterrupted_run(tmp_path):
    expected = _convert(tmp_path / "whole")
    for stop in range(9):
        out_dir = tmp_path / f"stopped_at_{stop}"
        with ShardedWriter(str(out_dir), _IDENTITY) as writer:
            _write(writer, 0, stop)
        with ShardedWriter(str(out_dir), _IDENTITY) as writer:
            assert writer.progress.next_item == stop - stop % 3
        assert _convert(out_dir) == expected
        assert _names(out_dir) == _names(tmp_path / "whole")


@pytest.mark.parametrize("moved", range(4))
def test_interrupted_publication_is_completed(tmp_path, monkeypatch, moved):
    expected = _convert(tmp_path / "whole")
    replace, calls = os.replace, []

    def failing_replace(source, target):
        if target.endswith(".tfrecord") and ".partial" not in target:
            calls.append(target)
            if len(calls) > moved:
                raise KeyboardInterrupt
        elif target.endswith("manifest_train.json"):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", failing_replace)
        _convert(tmp_path / "out")
    assert load_manifest(str(tmp_path / "out"), "toy", "train") is None
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        assert writer.is_complete
        assert writer.publish() == expected
    assert _names(tmp_path / "out") == _names(tmp_path / "whole")


def test_another_conversion_starts_over(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        _write(writer, 0, 7)
    other = dataclasses.replace(_IDENTITY, fingerprint="changed")
    with ShardedWriter(str(tmp_path), other) as writer:
        assert writer.progress == Progress()
    assert _names(tmp_path) == []


@pytest.mark.parametrize("damage", ["shard", "missing", "journal"])
def test_damaged_leftovers_start_over(tmp_path, damage):
    expected = _convert(tmp_path / "whole")
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        _write(writer, 0, 7)
    staging = tmp_path / "out" / "toy" / ".partial_train"
    if damage == "shard":
        with open(staging / "train_001.tfrecord", "r+b") as file:
            file.seek(20)
            file.write(b"!")
    elif damage == "missing":
        (staging / "train_000.tfrecord").unlink()
    else:
        (staging / "journal.json").write_text("{")
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        assert writer.progress == Progress()
        _write(writer, 0, 8)
        writer.finish_shard(Progress(next_item=8, num_with_3d=2), is_last=True)
        assert writer.publish() == expected


def test_older_and_surplus_shards_are_replaced(tmp_path):
    _convert(tmp_path, num_records=20)
    manifest = _convert(tmp_path, num_records=2)
    assert _names(tmp_path) == ["manifest_train.json", "train_000.tfrecord"]
    assert manifest.num_examples == 2


def test_two_writers_do_not_share_a_folder(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        _write(writer, 0, 4)
        with pytest.raises(DatasetError, match="toy train: another conversion is writing"):
            ShardedWriter(str(tmp_path), _IDENTITY).__enter__()
        _write(writer, 4, 8)
        writer.finish_shard(Progress(), is_last=True)
        writer.publish()


def test_publication_needs_all_shards(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        with pytest.raises(ValueError, match="is_last"):
            writer.publish()
        _write(writer, 0, 3)
        writer.finish_shard(Progress(), is_last=True)
        os.remove(tmp_path / "toy" / ".partial_train" / "train_000.tfrecord")
        with pytest.raises(RecordError, match=r"train_000\.tfrecord is missing"):
            writer.publish()


def test_the_journal_is_readable(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        _write(writer, 0, 4)
    content = json.loads((tmp_path / "toy" / ".partial_train" / "journal.json").read_text())
    assert content["progress"]["next_item"] == 3
    assert content["is_complete"] is False


def _noted(out_dir):
    return [drop.sample for drop in read_drops(str(out_dir / "toy" / "drops_train.tsv"))]


def test_the_list_of_drops_is_cut_back_with_the_shards(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        writer.note_drop(Drop("bad", name="before"))
        _write(writer, 0, 3)
        writer.note_drop(Drop("bad", name="forgotten"))
        _write(writer, 3, 4)
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        writer.note_drop(Drop("bad", name="behind"))
        progress = Progress(next_item=4, drops={"bad": 2})
        writer.finish_shard(progress, is_last=True)
        writer.publish()
    assert _noted(tmp_path) == ["before", "behind"]
    _convert(tmp_path)  # Another conversion, without drops.
    assert "drops_train.tsv" not in _names(tmp_path)


def test_a_shortened_list_of_drops_starts_over(tmp_path):
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        writer.note_drop(Drop("bad", name="one"))
        _write(writer, 0, 3)
    os.truncate(tmp_path / "toy" / ".partial_train" / "drops.tsv", 5)
    with ShardedWriter(str(tmp_path), _IDENTITY) as writer:
        assert writer.progress == Progress()


@pytest.mark.parametrize("limit", [20, 50, 90, 130, 400, 700])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path, limit):
    expected = _convert(tmp_path / "whole")
    out_dir = tmp_path / "out"
    message = "cannot be written: File too large"
    with full_beyond(limit), pytest.raises(OutputError, match=message) as caught:
        _convert(out_dir)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").rglob("toy/*.tfrecord"))
    assert _convert(out_dir) == expected
    assert _names(out_dir) == _names(tmp_path / "whole")


def test_the_next_shard_is_written_while_the_disk_is_waited_for(tmp_path, monkeypatch):
    expected = _convert(tmp_path / "whole")
    may_go_on, publish = threading.Event(), writer_module.publish

    def slow_publish(*paths):
        assert may_go_on.wait(10)
        publish(*paths)

    monkeypatch.setattr(writer_module, "publish", slow_publish)
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        _write(writer, 0, 5)
        assert not (tmp_path / "out" / "toy" / ".partial_train" / "journal.json").exists()
        may_go_on.set()
        _write(writer, 5, 8)
        writer.finish_shard(Progress(next_item=8, num_with_3d=2), is_last=True)
        assert writer.publish() == expected


def test_what_fails_in_the_background_is_raised_by_the_next_call(tmp_path, monkeypatch):
    expected = _convert(tmp_path / "whole")

    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        patch.setattr(writer_module, "publish", full)
        _write(writer, 0, 5)
        with pytest.raises(OutputError, match=r"train_000\.tfrecord cannot be written: No space"):
            _write(writer, 5, 8)
    assert _convert(tmp_path / "out") == expected


def test_shards_of_others_are_adopted(tmp_path):
    expected = _convert(tmp_path / "whole")
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        writer.delegate()
    assert _names(tmp_path / "out") == [".partial_train"]
    with ShardedWriter(str(tmp_path / "out"), _IDENTITY) as writer:
        for shard in expected.shards:
            content = (tmp_path / "whole" / "toy" / shard.file).read_bytes()
            (tmp_path / "out" / "toy" / ".partial_train" / shard.file).write_bytes(content)
        writer.adopt(expected.shards, Progress(next_item=8, num_with_3d=2))
        assert writer.publish() == expected
    assert _names(tmp_path / "out") == _names(tmp_path / "whole")
