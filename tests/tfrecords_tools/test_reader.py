"""Record files are found, counted and read; damage is named by file and record."""

from __future__ import annotations

import foreign_records
import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import reader
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.manifest import Identity, Manifest, Shard, save_manifest
from tfrecords_tools.schema import MocapSample, encode_sample

_RECORDS = [bytes([index]) * (index * 40) for index in range(6)]


def _write(path, records=_RECORDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def _original_record(with_3d):
    points, picture = np.ones((14, 3)), (b"jpeg", (8, 9), (1, 2))
    if with_3d:
        return foreign_records.hmr_image_3d(*picture, points, np.full((14, 3), 0.5))
    return foreign_records.hmr_image(*picture, points)


def test_records_are_read_and_counted(tmp_path):
    path = _write(tmp_path / "a.tfrecord")
    assert list(reader.read_records(path)) == _RECORDS
    assert reader.count_records(path) == 6


# Bytes of record i, from the format's definition: 16 of framing and 40 i of payload.
_BEGINS = np.cumsum([0] + [16 + 40 * index for index in range(6)])


@pytest.mark.parametrize("record", range(1, 6))
@pytest.mark.parametrize("kept", [3, 14, 40])
def test_cut_files_name_the_record(tmp_path, record, kept):
    path = _write(tmp_path / "a.tfrecord")
    content = (tmp_path / "a.tfrecord").read_bytes()
    assert len(content) == _BEGINS[-1]
    (tmp_path / "a.tfrecord").write_bytes(content[: _BEGINS[record] + kept])
    with pytest.raises(RecordError, match=rf"a\.tfrecord, record {record}: the file ends"):
        list(reader.read_records(path))
    with pytest.raises(RecordError, match=rf"a\.tfrecord, record {record}: the file ends"):
        reader.count_records(path)


def test_corrupt_records_are_named(tmp_path):
    path = _write(tmp_path / "a.tfrecord")
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    content[_BEGINS[3] + 20] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(bytes(content))
    records = reader.read_records(path)
    assert [next(records) for _ in range(3)] == _RECORDS[:3]
    with pytest.raises(RecordError, match=r"a\.tfrecord, record 3: its checksum is wrong"):
        next(records)


def test_missing_empty_and_foreign_files(tmp_path):
    for read in (reader.count_records, lambda path: list(reader.read_records(path))):
        with pytest.raises(RecordError, match="is not there"):
            read(str(tmp_path / "none.tfrecord"))
        (tmp_path / "empty.tfrecord").touch()
        with pytest.raises(RecordError, match=r"empty\.tfrecord is empty"):
            read(str(tmp_path / "empty.tfrecord"))
        (tmp_path / "text.tfrecord").write_text("not records at all, but a text " * 5)
        with pytest.raises(RecordError, match=r"text\.tfrecord, record 0"):
            read(str(tmp_path / "text.tfrecord"))


def test_list_shards(tmp_path):
    paths = [_write(tmp_path / "lsp" / f"train_00{index}.tfrecord") for index in range(2)]
    assert reader.list_shards(str(tmp_path), "lsp") == paths
    with pytest.raises(DatasetError, match=r"lsp: no records of 'test' .*lsp/test_\*\.tfrecord"):
        reader.list_shards(str(tmp_path), "lsp", "test")
    with pytest.raises(DatasetError, match=r"hmr_tf\.convert --dataset mosh"):
        reader.list_shards(str(tmp_path), "mosh", "CMU")
    (tmp_path / "lsp" / "train_002.tfrecord").touch()
    with pytest.raises(RecordError, match=r"train_002\.tfrecord is empty"):
        reader.list_shards(str(tmp_path), "lsp")


@pytest.mark.parametrize("with_3d", [False, True])
def test_original_records_are_described_without_a_manifest(tmp_path, with_3d):
    for index in range(3):
        _write(tmp_path / "mpii" / f"train_00{index}.tfrecord", [_original_record(with_3d)] * 2)
    summary = reader.describe_records(str(tmp_path), "mpii")
    assert len(summary.shards) == 3
    assert summary.num_records == 6
    assert summary.has_3d == with_3d
    assert not summary.has_smpl


def test_mocap_records_are_described(tmp_path):
    record = encode_sample(MocapSample(np.zeros(72), np.zeros(10)))
    _write(tmp_path / "mocap_neutrMosh" / "neutrSMPL_CMU_000.tfrecord", [record] * 3)
    summary = reader.describe_records(str(tmp_path), "mosh", "CMU")
    assert (summary.num_records, summary.has_3d, summary.has_smpl) == (3, False, True)


def test_a_manifest_is_believed_only_about_its_own_files(tmp_path):
    _write(tmp_path / "lsp" / "train_000.tfrecord", [_original_record(False)])
    identity = Identity("lsp", "train", 1, 500, {}, "")
    num_bytes = (tmp_path / "lsp" / "train_000.tfrecord").stat().st_size
    shard = Shard("train_000.tfrecord", 77, num_bytes, "")
    save_manifest(str(tmp_path), Manifest(identity, (shard,), 77, 77, {}))
    summary = reader.describe_records(str(tmp_path), "lsp")
    assert (summary.num_records, summary.has_3d, summary.has_smpl) == (77, True, True)
    _write(tmp_path / "lsp" / "train_001.tfrecord", [_original_record(False)])
    summary = reader.describe_records(str(tmp_path), "lsp")
    assert (summary.num_records, summary.has_3d, summary.has_smpl) == (2, False, False)


@pytest.mark.parametrize("num_lost", [1, 5, 16, 17])
def test_cut_files_are_noticed_beside_a_manifest(tmp_path, num_lost):
    # TensorFlow's reader takes a file that ends within a record's header for a whole one.
    path = _write(tmp_path / "lsp" / "train_000.tfrecord", [_original_record(False)] * 2 + [b""])
    content = (tmp_path / "lsp" / "train_000.tfrecord").read_bytes()
    identity = Identity("lsp", "train", 1, 500, {}, "")
    shard = Shard("train_000.tfrecord", 3, len(content), "")
    save_manifest(str(tmp_path), Manifest(identity, (shard,), 0, 0, {}))
    assert reader.describe_records(str(tmp_path), "lsp").num_records == 3
    (tmp_path / "lsp" / "train_000.tfrecord").write_bytes(content[:-num_lost])
    with pytest.raises(
        RecordError, match=rf"{path} has {len(content) - num_lost} bytes; its manif"
    ):
        reader.describe_records(str(tmp_path), "lsp")
    with pytest.raises(RecordError, match=r"train_000\.tfrecord has"):
        reader.check_sizes(reader.load_manifest(str(tmp_path), "lsp", "train"), [path])
    with pytest.raises(RecordError, match=r"nothing is missing; its manifest says"):
        manifest = reader.load_manifest(str(tmp_path), "lsp", "train")
        reader.check_sizes(manifest, [str(tmp_path / "nothing")])
