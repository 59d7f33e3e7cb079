"""Merged records are the bytes they were, in their order or a reproducible other one."""

from __future__ import annotations

import pytest
import record_folder

from tfrecords_tools import reader
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.merging import OpenFiles, merge_parts, record_places
from tfrecords_tools.record_parts import find_parts
from tfrecords_tools.writer import ShardedWriter


def _records(paths):
    return [record for path in paths for record in reader.read_records(path)]


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "in"
    record_folder.write(folder, [record_folder.sample(i) for i in range(6)], "one")
    samples = [record_folder.sample(i, with_3d=False) for i in range(6, 11)]
    record_folder.write(folder, samples, "two", examples_per_shard=2)
    return find_parts(str(folder))


def _merge(parts, out_dir, **arguments):
    settings = {"examples_per_shard": 4, **arguments}
    return merge_parts(parts, str(out_dir), "sum", "train", **settings)


def test_records_are_copied_in_order(sources, tmp_path):
    outcome = _merge(sources, tmp_path / "out")
    manifest = outcome.manifest
    assert [shard.num_examples for shard in manifest.shards] == [4, 4, 3]
    assert (manifest.num_with_3d, manifest.num_with_smpl) == (6, 6)
    expected = _records(path for part in sources for path in part.shards)
    assert _records(manifest.shard_paths(str(tmp_path / "out"))) == expected
    assert len(expected) == 11
    again = _merge(sources, tmp_path / "out")
    assert again.was_done
    with pytest.raises(DatasetError, match="examples_per_shard 4, now 5"):
        _merge(sources, tmp_path / "out", examples_per_shard=5)
    assert (
        len(_merge(sources, tmp_path / "out", examples_per_shard=5, overwrite=True)[0].shards) == 3
    )


def test_shuffled_records_are_the_same_records(sources, tmp_path):
    def shuffled(name, seed):
        manifest = _merge(sources, tmp_path / name, seed=seed).manifest
        return _records(manifest.shard_paths(str(tmp_path / name)))

    expected = _records(path for part in sources for path in part.shards)
    first = shuffled("a", 0)
    assert first != expected
    assert sorted(first) == sorted(expected)
    assert shuffled("b", 0) == first
    assert shuffled("c", 1) != first


def test_resharding_and_back_gives_the_same_files(sources, tmp_path):
    _merge(sources[:1], tmp_path / "out", examples_per_shard=1)
    (part,) = find_parts(str(tmp_path / "out"))
    back = merge_parts([part], str(tmp_path / "back"), "one", "train", 4).manifest
    assert [shard.sha256 for shard in back.shards] == [
        shard.sha256 for shard in sources[0].manifest.shards
    ]


@pytest.mark.parametrize("seed", [None, 3])
def test_an_interrupted_merge_goes_on(sources, tmp_path, monkeypatch, seed):
    whole = _merge(sources, tmp_path / "whole", seed=seed).manifest
    finish_shard, calls = ShardedWriter.finish_shard, []

    def stopping_finish(self, *arguments, **keywords):
        finish_shard(self, *arguments, **keywords)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ShardedWriter, "finish_shard", stopping_finish)
        _merge(sources, tmp_path / "out", seed=seed)
    read, places = OpenFiles.read, []
    monkeypatch.setattr(OpenFiles, "read", lambda *place: places.append(place) or read(*place))
    assert _merge(sources, tmp_path / "out", seed=seed).manifest == whole
    assert len(places) == 3


def test_formats_that_do_not_go_together_are_refused(sources, tmp_path):
    record_folder.write(tmp_path / "m", [record_folder.mocap_sample(0)] * 2, "mosh", "CMU")
    with pytest.raises(RecordError, match="must be of one format"):
        _merge([*sources, *find_parts(str(tmp_path / "m"))], tmp_path / "out")


def test_files_are_not_written_over_themselves(sources, tmp_path):
    with pytest.raises(DatasetError, match="read and replaced at a time"):
        merge_parts(sources, str(tmp_path / "in"), "one", "train", 4, overwrite=True)
    part = find_parts(str(tmp_path / "in"), ["one"])[0]
    (tmp_path / "out" / "sum").mkdir(parents=True)
    (tmp_path / "out" / "sum" / "train_000.tfrecord").write_bytes(b"foreign")
    with pytest.raises(DatasetError, match="no manifest says how it was made"):
        _merge([part], tmp_path / "out")


def test_places_and_few_open_files(sources, monkeypatch):
    monkeypatch.setattr(OpenFiles, "_MOST", 1)
    paths = [path for part in sources for path in part.shards]
    places = record_places(paths)
    with OpenFiles(paths) as files:
        read = [files.read(*place) for place in places.tolist()]
        assert read == _records(paths)
        assert files.read(*places[0].tolist()) == read[0]
