"""Tests of hmr_tf/data/record_sets.py."""

import pytest

from hmr_tf.data import record_sets
from hmr_tf.errors import DataError
from tfrecords_tools.errors import RecordError


def _one_line(error):
    message = str(error.value)
    assert "\n" not in message
    return message


def test_finds_shards_counts_and_kind(tmp_path, write_records):
    write_records(tmp_path, "lsp", (3, 2))
    write_records(tmp_path, "mpi_inf_3dhp", (4,), with_3d=True)
    lsp = record_sets.find_records(str(tmp_path), "lsp", "train")
    names = [shard.rsplit("/", 1)[1] for shard in lsp.shards]
    assert names == ["train_000.tfrecord", "train_001.tfrecord"]
    assert (lsp.name, lsp.num_records, lsp.has_3d) == ("lsp", 5, False)
    other = record_sets.find_records(str(tmp_path), "mpi_inf_3dhp", "train")
    assert (other.num_records, other.has_3d) == (4, True)


def test_mocap_sets_count_as_one(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6, 4))
    write_mocap(tmp_path, "jointLim", (3,))
    found = record_sets.find_mocap(str(tmp_path), ("CMU", "jointLim"))
    assert found.num_records == 13 and len(found.shards) == 3


def test_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(DataError) as error:
        record_sets.find_records(str(tmp_path / "nowhere"), "lsp", "train")
    message = _one_line(error)
    assert f"no folder {tmp_path}/nowhere" in message
    assert "python -m hmr_tf.convert --dataset lsp --split train" in message


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path} empty"):
        record_sets.find_records(str(tmp_path), "coco", "train")


def test_other_split_shows_what_is_there(tmp_path, write_records):
    write_records(tmp_path, "lsp", (1,) * 7, split="test")
    with pytest.raises(DataError) as error:
        record_sets.find_records(str(tmp_path), "lsp", "train")
    message = _one_line(error)
    assert "lsp/train_*.tfrecord" in message
    assert "only test_000.tfrecord" in message and "and 2 more" in message


def test_missing_mocap_names_its_set(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (2,))
    with pytest.raises(DataError) as error:
        record_sets.find_mocap(str(tmp_path), ("CMU", "H3.6"))
    message = _one_line(error)
    assert "neutrSMPL_H3.6_*.tfrecord" in message and "neutrSMPL_CMU_000.tfrecord" in message
    assert "hmr_tf.convert --dataset mosh --subsets H3.6 " in message
    with pytest.raises(DataError, match="at least one set"):
        record_sets.find_mocap(str(tmp_path), ())


def test_empty_and_cut_shards_are_errors(tmp_path, write_records):
    write_records(tmp_path, "lsp", (2,))
    shard = tmp_path / "lsp" / "train_000.tfrecord"
    whole = shard.read_bytes()
    shard.write_bytes(b"")
    with pytest.raises(RecordError, match="empty"):
        record_sets.find_records(str(tmp_path), "lsp", "train")
    shard.write_bytes(whole[:-100])
    with pytest.raises(RecordError, match=r"train_000\.tfrecord"):
        record_sets.find_records(str(tmp_path), "lsp", "train")
