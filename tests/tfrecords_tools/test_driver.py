"""Conversions: counts, limits, refusals, and the same bytes however they were interrupted."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tfrecords_tools import driver, reader
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.example_proto import decode_example
from tfrecords_tools.manifest import load_manifest
from tfrecords_tools.samples import MocapSample
from tfrecords_tools.writer import ShardedWriter

_NUM_ITEMS = 20


class _Toy(Converter):
    """Item i yields i % 4 bodies, and a drop if i is even."""

    name = "toy"
    option_defaults = {"seed": 0}  # noqa: RUF012
    examples_per_shard = 4
    drop = Drop("even")
    source = "one"

    def fingerprint(self, part):
        return self.source

    def items(self, part):
        return range(_NUM_ITEMS)

    def convert(self, item):
        for index in range(item % 4):
            yield MocapSample(np.full(72, 10.0 * item + index), np.zeros(10))
            if index == 0 and item % 2 == 0:
                yield self.drop

    def item_name(self, item):
        return f"item {item}"


def _outputs(out_dir):
    folder = out_dir / "toy"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def _convert(tmp_path, out_dir="out", converter=None, **arguments):
    converter = converter or _Toy(tmp_path)
    return driver.convert_part(converter, "train", str(tmp_path / out_dir), **arguments)


def test_counts_and_order(tmp_path):
    outcome = _convert(tmp_path)
    manifest = outcome.manifest
    assert not outcome.was_done
    # By hand: five times 0 + 1 + 2 + 3 bodies; a drop for each item of two bodies.
    assert manifest.num_examples == 30
    assert (manifest.num_with_3d, manifest.num_with_smpl) == (0, 30)
    assert manifest.drops == {"even": 5}
    assert [shard.num_examples for shard in manifest.shards] == [4] * 7 + [2]
    values = []
    for path in manifest.shard_paths(str(tmp_path / "out")):
        for record in reader.read_records(path):
            values.append(np.frombuffer(decode_example(record)["pose"], np.float32)[0])
    assert values == [10 * item + i for item in range(_NUM_ITEMS) for i in range(item % 4)]
    assert outcome.report("out") == (
        "toy train: 30 records (0 with 3D joints, 30 with SMPL) in 8 files in out/toy\n"
        "left out: 5 even; listed in out/toy/drops_train.tsv"
    )
    lines = (tmp_path / "out" / "toy" / "drops_train.tsv").read_text().splitlines()
    assert lines == [
        "sample\treason\tkind",
        *(f"item {item}\teven\tfiltered" for item in (2, 6, 10, 14, 18)),
    ]


def test_a_second_run_does_nothing(tmp_path):
    first = _convert(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "toy").iterdir()}
    toy = _Toy(tmp_path)
    toy.items = None  # Would fail.
    again = _convert(tmp_path, converter=toy)
    assert again.was_done
    assert again.manifest == first.manifest
    assert "already converted" in again.report("out")
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "toy").iterdir()}


def test_other_settings_and_sources_are_refused_or_overwrite(tmp_path):
    _convert(tmp_path)
    before = _outputs(tmp_path / "out")
    message = r"already holds 'train' .*examples_per_shard 4, now 7.*--overwrite"
    with pytest.raises(DatasetError, match=message):
        _convert(tmp_path, examples_per_shard=7)
    with pytest.raises(DatasetError, match="seed 0, now 5"):
        _convert(tmp_path, converter=_Toy(tmp_path, options={"seed": "5"}))
    toy = _Toy(tmp_path)
    toy.source = "two"
    with pytest.raises(DatasetError, match="other source files"):
        _convert(tmp_path, converter=toy)
    assert _outputs(tmp_path / "out") == before
    outcome = _convert(tmp_path, examples_per_shard=7, overwrite=True)
    assert [shard.num_examples for shard in outcome.manifest.shards] == [7, 7, 7, 7, 2]
    assert len(_outputs(tmp_path / "out")) == 5 + 2  # The manifest and the list of drops.


def test_changed_and_foreign_files_are_refused(tmp_path):
    manifest = _convert(tmp_path).manifest
    path = tmp_path / "out" / "toy" / manifest.shards[1].file
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"train_001\.tfrecord is not the file"):
        _convert(tmp_path)
    (tmp_path / "out" / "toy" / "manifest_train.json").unlink()
    with pytest.raises(DatasetError, match="no manifest says how it was made"):
        _convert(tmp_path)
    assert _convert(tmp_path, overwrite=True).manifest == manifest


@pytest.mark.parametrize("finished", range(1, 9))
@pytest.mark.parametrize("overwrite", [False, True])
def test_resume_within_items_gives_the_same_bytes(tmp_path, monkeypatch, finished, overwrite):
    _convert(tmp_path, "whole")
    finish_shard, calls = ShardedWriter.finish_shard, []

    def stopping_finish(self, *arguments, **keywords):
        finish_shard(self, *arguments, **keywords)
        calls.append(1)
        if len(calls) == finished:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ShardedWriter, "finish_shard", stopping_finish)
        _convert(tmp_path, overwrite=overwrite)
    assert os.listdir(tmp_path / "out" / "toy") == [".partial_train"]
    converted = []
    toy = _Toy(tmp_path)
    toy.convert = lambda item: converted.append(item) or _Toy.convert(toy, item)
    _convert(tmp_path, converter=toy, overwrite=overwrite)
    assert _outputs(tmp_path / "out") == _outputs(tmp_path / "whole")
    # Of what is behind the last finished shard, nothing is done twice.
    assert len(converted) < _NUM_ITEMS - 2 * finished + 2


@pytest.mark.parametrize("removed", [[], ["journal.json"], ["lock"], ["journal.json", "lock"]])
def test_a_kill_behind_the_manifest_leaves_nothing_for_long(tmp_path, monkeypatch, removed):
    with monkeypatch.context() as patch:
        patch.setattr(ShardedWriter, "discard", lambda self: None)
        first = _convert(tmp_path)
    staging = tmp_path / "out" / "toy" / ".partial_train"
    assert sorted(os.listdir(staging)) == ["journal.json", "lock"]
    for name in removed:
        (staging / name).unlink()
    assert _convert(tmp_path) == driver.Outcome(first.manifest, was_done=True)
    _convert(tmp_path, "whole")
    assert _outputs(tmp_path / "out") == _outputs(tmp_path / "whole")


@pytest.mark.parametrize("examples_per_shard", [4, 7])
def test_a_run_that_is_done_keeps_what_an_overwriting_one_began(
    tmp_path, monkeypatch, examples_per_shard
):
    _convert(tmp_path)
    settings = {"examples_per_shard": examples_per_shard, "overwrite": True}

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tfrecords_tools.tally.Tally.check", stop)
        _convert(tmp_path, **settings)
    staging = tmp_path / "out" / "toy" / ".partial_train"
    before = {path.name: path.read_bytes() for path in staging.iterdir()}
    assert "train_000.tfrecord" in before
    assert _convert(tmp_path).was_done
    assert {path.name: path.read_bytes() for path in staging.iterdir()} == before


def test_a_run_that_is_done_leaves_a_running_one_alone(tmp_path):
    manifest = _convert(tmp_path).manifest
    with ShardedWriter(str(tmp_path / "out"), manifest.identity) as writer:
        assert _convert(tmp_path).was_done
        assert os.listdir(writer.staging) == ["lock"]


@pytest.mark.parametrize(("limit", "is_refused"), [(0.1, True), (0.15, False)])
def test_too_much_damage_is_refused_and_leaves_nothing(tmp_path, limit, is_refused):
    toy = _Toy(tmp_path)
    toy.drop = Drop("corrupt image", is_error=True)  # 5 of 35.
    if not is_refused:
        outcome = _convert(tmp_path, converter=toy, max_error_fraction=limit)
        report = outcome.report(str(tmp_path / "out")).splitlines()
        named = ", ".join(f"item {item} (corrupt image)" for item in (2, 6, 10, 14, 18))
        assert report[2] == f"damaged: {named}"
        return
    message = r"toy train: 5 of 35 samples are damaged \(5 corrupt image; e\.g\. item 2, item 6, "
    with pytest.raises(DatasetError, match=message):
        _convert(tmp_path, converter=toy, max_error_fraction=limit)
    assert _outputs(tmp_path / "out") == {}


def test_nothing_left_is_refused(tmp_path):
    toy = _Toy(tmp_path)
    toy.convert = lambda item: [Drop("too small")]
    with pytest.raises(DatasetError, match=r"no sample is left of 20 \(20 too small\)"):
        _convert(tmp_path, converter=toy)
    toy.items = lambda part: []
    with pytest.raises(DatasetError, match="the part is empty"):
        _convert(tmp_path, converter=toy)
    assert _outputs(tmp_path / "out") == {}


def test_values_that_are_not_finite_end_the_conversion(tmp_path):
    toy = _Toy(tmp_path)
    toy.convert = lambda item: [MocapSample(np.full(72, np.nan), np.zeros(10), f"clip {item}")]
    with pytest.raises(RecordError, match="clip 0: pose_axis_angle holds"):
        _convert(tmp_path, converter=toy)
    assert _outputs(tmp_path / "out") == {}
    assert load_manifest(str(tmp_path / "out"), "toy", "train") is None


def test_a_source_that_is_clearly_wrong_is_not_read_to_its_end(tmp_path):
    toy = _Toy(tmp_path)
    toy.items = lambda part: range(1000)
    converted = []
    toy.convert = lambda item: converted.append(item) or [Drop("missing image", is_error=True)]
    with pytest.raises(DatasetError, match="after 101 of 1000 items, 101 of 101 samples"):
        _convert(tmp_path, converter=toy)
    assert len(converted) == 101  # Twice the 50 that would be too many.
    assert _outputs(tmp_path / "out") == {}
