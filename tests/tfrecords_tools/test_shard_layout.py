"""Record file names against the original release's."""

from __future__ import annotations

import pytest

from tfrecords_tools.shard_layout import shard_layout


@pytest.mark.parametrize(
    ("dataset", "part", "index", "expected"),
    [
        ("lsp", "train", 0, "lsp/train_000.tfrecord"),
        ("lsp", "test", 12, "lsp/test_012.tfrecord"),
        ("lsp_ext", "train", 3, "lsp_ext/train_003.tfrecord"),
        ("mpii", "train", 3, "mpii/train_003.tfrecord"),
        ("coco", "train", 7, "coco/train_0007_wmeta.tfrecord"),
        ("mpi_inf_3dhp", "train", 7, "mpi_inf_3dhp/train/train_0007.tfrecord"),
        ("mpi_inf_3dhp", "trainval", 7, "mpi_inf_3dhp/trainval/train_0007.tfrecord"),
        ("mosh", "CMU", 393, "mocap_neutrMosh/neutrSMPL_CMU_393.tfrecord"),
        ("mosh", "H3.6", 0, "mocap_neutrMosh/neutrSMPL_H3.6_000.tfrecord"),
        ("something_new", "val", 0, "something_new/val_000.tfrecord"),
    ],
)
def test_shards_have_the_names_of_the_original_and_are_found(
    tmp_path, dataset, part, index, expected
):
    layout = shard_layout(dataset)
    assert f"{layout.folder}/{layout.shard_name(part, index)}" == expected
    path = tmp_path / expected
    path.parent.mkdir(parents=True)
    path.touch()
    assert layout.shards(str(tmp_path), part) == [str(path)]


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("h36m", "tf_records_human36m_wjoints/train/anything.tfrecord"),
        ("mpi_inf_3dhp", "mpi_inf_3dhp/train/S1_Seq1.tfrecord"),
        ("coco", "coco/train_0000_wmeta.tfrecord"),
    ],
)
def test_files_that_the_original_loader_globs_are_found(tmp_path, dataset, file):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert shard_layout(dataset).shards(str(tmp_path), "train") == [str(tmp_path / file)]


def test_other_parts_and_unfinished_files_are_not_found(tmp_path):
    folder = tmp_path / "lsp"
    (folder / ".partial_train").mkdir(parents=True)
    for name in (
        "test_000.tfrecord",
        ".partial_train/train_000.tfrecord",
        "train_001.tfrecord.tmp",
        "manifest_train.json",
    ):
        (folder / name).touch()
    assert shard_layout("lsp").shards(str(tmp_path), "train") == []


def test_shards_come_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / "lsp").mkdir()
    for index in (1000, 2, 999, 10):
        (tmp_path / "lsp" / f"train_{index:03d}.tfrecord").touch()
    names = [path.rsplit("_")[-1] for path in shard_layout("lsp").shards(str(tmp_path), "train")]
    assert names == ["002.tfrecord", "010.tfrecord", "999.tfrecord", "1000.tfrecord"]


def test_brackets_in_the_folder_are_not_patterns(tmp_path):
    odd = tmp_path / "records [1]*"
    (odd / "lsp").mkdir(parents=True)
    (odd / "lsp" / "train_000.tfrecord").touch()
    assert len(shard_layout("lsp").shards(str(odd), "train")) == 1


def test_sources_of_several_datasets_are_read_by_the_name_of_both(tmp_path):
    whole, inner = shard_layout("spin_npz"), shard_layout("spin_npz/h36m")
    assert inner.shard_name("train", 2) == whole.shard_name("h36m_train", 2)
    for name in ("manifest_path", "drops_path", "staging"):
        found = getattr(inner, name)("records", "train")
        assert found == getattr(whole, name)("records", "h36m_train")
    folder = tmp_path / "spin_npz"
    folder.mkdir()
    for name in ("h36m_valid_000", "h36m_valid_001", "h36m_valid_protocol1_000", "mpii_valid_000"):
        (folder / f"{name}.tfrecord").touch()
    names = [path.rsplit("/", 1)[1] for path in inner.shards(str(tmp_path), "valid")]
    assert names == ["h36m_valid_000.tfrecord", "h36m_valid_001.tfrecord"]


def test_hmr2s_names(tmp_path):
    made = (
        *("lsp/000_train", "lsp/001_val", "lsp/010_train", "lsp/002_train", "lsp/train_000"),
        *("mpii_3d/000_train", "smpl/cmu/000_train", "smpl/joint_lim/000_train"),
    )
    for name in made:
        path = tmp_path / f"{name}.tfrecord"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def found(dataset, part):
        paths = shard_layout(dataset).hmr2_shards(str(tmp_path), part)
        return [path[len(str(tmp_path)) + 1 : -len(".tfrecord")] for path in paths]

    assert found("lsp", "train") == ["lsp/000_train", "lsp/002_train", "lsp/010_train"]
    assert found("lsp", "val") == ["lsp/001_val"] and found("lsp", "test") == []
    assert found("mpi_inf_3dhp", "train") == found("mpii_3d", "train") == ["mpii_3d/000_train"]
    assert found("mosh", "CMU") == ["smpl/cmu/000_train"]
    assert found("mosh", "jointLim") == ["smpl/joint_lim/000_train"]
