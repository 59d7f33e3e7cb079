"""Tests of hmr_tf/data/record_sets.py."""

import foreign_records
import numpy as np
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


def test_people_are_no_occluders(tmp_path, write_records):
    write_records(tmp_path, "lsp", (3,))
    with pytest.raises(DataError) as error:
        record_sets.find_occluders(str(tmp_path), "lsp")
    assert "train_000.tfrecord holds no things to put in front of people" in _one_line(error)


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


_HMR2 = foreign_records.hmr2_image(b"", np.ones((19, 3)), np.ones((14, 3)))
_MOCAP = foreign_records.mosh(np.ones(72), np.ones(10))


def test_hmr2_records_are_found_under_its_names(tmp_path):
    for dataset, folder in (("lsp", "lsp"), ("mpi_inf_3dhp", "mpii_3d"), ("h36m", "h36m")):
        for number in (0, 1, 3):
            path = tmp_path / folder / f"{number:03d}_train.tfrecord"
            foreign_records.write(path, [_HMR2] * 2)
        foreign_records.write(tmp_path / folder / "002_val.tfrecord", [_HMR2])
        found = record_sets.find_records(str(tmp_path), dataset, "train")
        assert (found.num_records, found.has_3d, found.record_format) == (6, True, "hmr2")
        assert record_sets.find_records(str(tmp_path), dataset, "val").num_records == 1
    # By its own name too.
    assert record_sets.find_records(str(tmp_path), "mpii_3d", "train").num_records == 6
    foreign_records.write(tmp_path / "smpl" / "cmu" / "000_train.tfrecord", [_MOCAP] * 3)
    foreign_records.write(tmp_path / "smpl" / "joint_lim" / "000_train.tfrecord", [_MOCAP])
    found = record_sets.find_mocap(str(tmp_path), ("CMU", "jointLim"))
    assert (found.num_records, found.record_format) == (4, "mocap")


def test_our_names_go_before_hmr2s(tmp_path, write_records):
    foreign_records.write(tmp_path / "lsp" / "000_train.tfrecord", [_HMR2])
    write_records(tmp_path, "lsp", (3,))
    found = record_sets.find_records(str(tmp_path), "lsp", "train")
    assert (found.num_records, found.record_format) == (3, "hmr_tf")


def test_original_records_are_told_from_ours(tmp_path):
    record = foreign_records.hmr_image(b"", (8, 9), (1, 2), np.ones((14, 3)))
    foreign_records.write(tmp_path / "coco" / "train_0000_wmeta.tfrecord", [record] * 2)
    found = record_sets.find_records(str(tmp_path), "coco", "train")
    assert (found.num_records, found.has_3d, found.record_format) == (2, False, "hmr")


def test_unknown_and_mixed_formats_are_one_line(tmp_path, write_records):
    strange = foreign_records.serialize({"image": foreign_records.bytes_list(b"")})
    foreign_records.write(tmp_path / "coco" / "train_000_wmeta.tfrecord", [strange])
    with pytest.raises(RecordError, match=r"no known format.*it holds image") as error:
        record_sets.find_records(str(tmp_path), "coco", "train")
    assert "coco/train_000_wmeta.tfrecord" in _one_line(error)
    write_records(tmp_path, "lsp", (3,))
    foreign_records.write(tmp_path / "lsp" / "train_001.tfrecord", [_HMR2])
    with pytest.raises(RecordError, match=r"of the format hmr2, .* of hmr_tf") as error:
        record_sets.find_records(str(tmp_path), "lsp", "train")
    assert "train_001.tfrecord" in _one_line(error)


def test_images_and_motion_capture_are_not_confused(tmp_path):
    foreign_records.write(tmp_path / "lsp" / "train_000.tfrecord", [_MOCAP])
    with pytest.raises(DataError, match="--mocap_datasets instead of --datasets") as error:
        record_sets.find_records(str(tmp_path), "lsp", "train")
    _one_line(error)
    path = tmp_path / "mocap_neutrMosh" / "neutrSMPL_CMU_000.tfrecord"
    foreign_records.write(path, [_HMR2])
    with pytest.raises(DataError, match="--datasets instead of --mocap_datasets") as error:
        record_sets.find_mocap(str(tmp_path), ("CMU",))
    _one_line(error)


def test_sources_of_several_datasets(tmp_path):
    record = foreign_records.hmr_image(b"", (8, 9), (1, 2), np.ones((14, 3)))
    for name, count in (("mpii_train_000", 2), ("mpii_test_000", 1), ("h36m_train_000", 4)):
        foreign_records.write(tmp_path / "spin_npz" / f"{name}.tfrecord", [record] * count)
    found = record_sets.find_records(str(tmp_path), "spin_npz/mpii", "train")
    assert (found.name, found.num_records) == ("spin_npz/mpii", 2)
    assert record_sets.find_records(str(tmp_path), "spin_npz/mpii", "test").num_records == 1
    with pytest.raises(DataError, match="--dataset spin_npz --subsets coco --split train") as error:
        record_sets.find_records(str(tmp_path), "spin_npz/coco", "train")
    _one_line(error)


def test_motion_capture_of_other_sources(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (2,))
    foreign_records.write(tmp_path / "amass" / "CMU_000.tfrecord", [_MOCAP] * 3)
    foreign_records.write(tmp_path / "human_data" / "cmu_mosh_train_000.tfrecord", [_MOCAP] * 4)
    names = ("CMU", "amass/CMU", "human_data/cmu_mosh")
    assert record_sets.find_mocap(str(tmp_path), names).num_records == 9
    with pytest.raises(DataError, match=r"amass/KIT_\*\.tfrecord") as error:
        record_sets.find_mocap(str(tmp_path), ("amass/KIT",))
    _one_line(error)


def test_smpl_alone_is_a_3d_label(tmp_path):
    joints, pose = -np.ones((14, 3)), np.zeros(72)
    record = foreign_records.hmr_image_3d(
        b"", (8, 9), (1, 2), np.ones((14, 3)), joints, pose, np.zeros(10)
    )
    foreign_records.write(tmp_path / "h36m_smpl" / "train_000.tfrecord", [record])
    assert record_sets.find_records(str(tmp_path), "h36m_smpl", "train").has_3d


def test_things_to_put_in_front_are_no_people(tmp_path):
    size = foreign_records.integers(4)
    text = foreign_records.bytes_list(b"bottle")
    keys = {"encoded": text, "height": size, "width": size, "category": text, "filename": text}
    record = foreign_records.serialize({f"occluder/{key}": value for key, value in keys.items()})
    foreign_records.write(tmp_path / "voc" / "train_000.tfrecord", [record])
    with pytest.raises(DataError, match="not people; leave voc out of --datasets") as error:
        record_sets.find_records(str(tmp_path), "voc", "train")
    _one_line(error)
