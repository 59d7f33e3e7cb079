"""The tool's table, from manifests and from files."""

from __future__ import annotations

import record_folder


def test_table(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i, with_3d=i < 2) for i in range(6)])
    manifest = record_folder.write(tmp_path, [record_folder.mocap_sample(0)] * 3, "mosh", "CMU")
    (tmp_path / "coco").mkdir()
    shard = manifest.shard_paths(str(tmp_path))[0]
    with open(shard, "rb") as file:
        (tmp_path / "coco" / "train_0000_wmeta.tfrecord").write_bytes(file.read())
    code, output, errors = record_folder.run_tool("count", f"--data_dir={tmp_path}")
    assert (code, errors) == (0, "")
    assert [line.split() for line in output.splitlines()] == [
        ["part", "files", "records", "3D", "SMPL", "left", "out"],
        ["coco", "train_wmeta", "1", "3", "?", "?"],
        ["mosh", "CMU", "1", "3", "0", "3"],
        ["toy", "train", "2", "6", "2", "2"],
        ["all", "4", "12"],
    ]


def test_cut_files_are_noticed(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i) for i in range(6)])
    path = tmp_path / "toy" / "train_001.tfrecord"
    path.write_bytes(path.read_bytes()[:-5])
    code, output, errors = record_folder.run_tool("count", f"--data_dir={tmp_path}")
    assert (code, output) == (1, "")
    assert "train_001.tfrecord has" in errors
    code, _, errors = record_folder.run_tool("count", f"--files={path}")
    assert code == 1
    assert "train_001.tfrecord, record 1: the file ends within it" in errors
