"""Chunks in any order, twice or interrupted, give the shards of one process."""

from __future__ import annotations

import errno
import functools
import os
import pickle
import random

import numpy as np
import pytest

from tfrecords_tools import chunks, driver
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.samples import MocapSample
from tfrecords_tools.workers import Encoded


class _Toy(Converter):
    """Item i yields i % 4 bodies, and a drop if i is even; what `items` gathers is needed."""

    name = "toy"
    examples_per_shard = 4
    num_items = 20

    def fingerprint(self, part):
        return ""

    def items(self, part):
        self.offset = 100.0
        return range(self.num_items)

    def convert(self, item):
        for index in range(item % 4):
            yield MocapSample(np.full(72, self.offset + 10 * item + index), np.zeros(10))
            if index == 0 and item % 2 == 0:
                yield Drop("even", name=f"item {item}")


def _work(tmp_path, items_per_chunk=3, **changes):
    toy = _Toy(tmp_path)
    for name, value in changes.items():
        setattr(toy, name, value)
    (tmp_path / "chunks").mkdir(exist_ok=True)
    return chunks.ChunkedWork(toy, "train", str(tmp_path / "chunks"), 20, items_per_chunk)


@pytest.mark.parametrize("items_per_chunk", [1, 3, 20, 50])
def test_shards_are_those_of_one_process(tmp_path, items_per_chunk):
    work = _work(tmp_path, items_per_chunk)
    order = list(range(work.num_chunks)) * 2  # Each twice, as if a scheduler were impatient.
    random.Random(0).shuffle(order)
    assert work.missing() == list(range(work.num_chunks))
    for chunk in order:
        chunks.convert_chunk(pickle.loads(pickle.dumps(work)), chunk)
    assert work.missing() == []
    assert len(os.listdir(work.folder)) == 2 * work.num_chunks  # No temporary file is left.

    planner = chunks.ShardPlanner("train_{:03d}.tfrecord".format, 4)
    drops = []
    for output, piece in chunks.read_outputs(work):
        if isinstance(output, Drop):
            drops.append(output)
        else:
            assert output == Encoded(b"", False, True)
            planner.add(piece)
    planner.finish()
    assert drops == [Drop("even", name=f"item {item}") for item in (2, 6, 10, 14, 18)]
    assert [plan.num_examples for plan in planner.plans] == [4] * 7 + [2]
    whole = driver.convert_part(_Toy(tmp_path), "train", str(tmp_path / "whole")).manifest
    for plan, shard in zip(planner.plans, whole.shards):
        assert chunks.assembled(str(tmp_path), plan) is None
        chunks.assemble_shard(str(tmp_path), plan)
        assert chunks.assembled(str(tmp_path), plan) == shard
        content = (tmp_path / "whole" / "toy" / shard.file).read_bytes()
        assert (tmp_path / plan.name).read_bytes() == content


def test_neighbours_are_one_piece():
    planner = chunks.ShardPlanner(str, 3)
    for path, begin in (("a", 0), ("a", 5), ("b", 0), ("b", 5), ("b", 15)):
        planner.add(chunks.Piece(path, begin, begin + 5))
    planner.finish()
    planner.finish()
    assert planner.plans == [
        chunks.ShardPlan("0", 3, (chunks.Piece("a", 0, 10), chunks.Piece("b", 0, 5))),
        chunks.ShardPlan("1", 2, (chunks.Piece("b", 5, 10), chunks.Piece("b", 15, 20))),
    ]


def test_a_different_source_tree_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="has 7 items here and 20 where"):
        chunks.convert_chunk(_work(tmp_path, num_items=7), 0)


def test_failures_are_reported_in_files(tmp_path, monkeypatch):
    def fail(kind, element):
        raise kind(f"{element} is bad")

    chunks.report_errors(lambda element: None, str(tmp_path), 5)
    assert os.listdir(tmp_path) == []
    chunks.report_errors(functools.partial(fail, RecordError), str(tmp_path), 5)
    (report,) = tmp_path.iterdir()
    assert report.read_text() == "5 is bad"
    with pytest.raises(ZeroDivisionError):  # A mistake of ours keeps its traceback.
        chunks.report_errors(functools.partial(fail, ZeroDivisionError), str(tmp_path), 5)

    def full(path, contents):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(chunks, "_write_whole", full)
    with pytest.raises(DatasetError, match="6 is bad"):
        chunks.report_errors(functools.partial(fail, DatasetError), str(tmp_path), 6)
    with pytest.raises(RecordError, match="cannot be written: full"):
        chunks.convert_chunk(_work(tmp_path), 0)
