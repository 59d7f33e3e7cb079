"""The tool says that good records are good, and names the bad ones."""

from __future__ import annotations

import numpy as np
import pytest
import record_folder


@pytest.fixture
def folder(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i) for i in range(6)])
    return tmp_path


def _validate(folder, *more):
    return record_folder.run_tool("validate", f"--data_dir={folder}", *more)


def test_good_records(folder):
    code, output, errors = _validate(folder, "--max_reprojection_px=0.01")
    assert (code, errors) == (0, "")
    assert "toy train: 6 records in 2 files, all good\n" in output
    assert "3D joints project 0.00 px from the 2D joints in the median, 0.00 px at most" in output


def test_bad_records_are_named(tmp_path):
    samples = [record_folder.sample(i) for i in range(6)]
    samples[1] = record_folder.sample(1, width=7)
    shifted = samples[4].keypoints_2d + np.array([2.0, 0.0, 0.0])
    samples[4] = record_folder.sample(4, keypoints_2d=shifted)
    record_folder.write(tmp_path, samples)
    code, output, errors = _validate(tmp_path)
    assert code == 1
    assert errors == "error: 1 records or files have problems; see above.\n"
    assert "6 records in 2 files, 1 with problems" in output
    assert "0.00 px from the 2D joints in the median, 2.00 px at most" in output
    problem = "image of another size than height and width say"
    assert f"  {problem}: {tmp_path}/toy/train_000.tfrecord, record 1\n" in output
    code, output, _ = _validate(tmp_path, "--max_reprojection_px=1")
    assert f"  3D joint over 1 px off: {tmp_path}/toy/train_001.tfrecord, record 0\n" in output


@pytest.mark.parametrize("kind", ["cut", "flipped", "replaced"])
def test_damaged_files_are_named(folder, kind):
    path = folder / "toy" / "train_000.tfrecord"
    content = path.read_bytes()
    if kind == "cut":
        path.write_bytes(content[:-5])
        expected = "train_000.tfrecord, record 3: the file ends within it"
    elif kind == "flipped":
        path.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
        expected = "train_000.tfrecord, record 0: its checksum is wrong"
    else:
        path.write_bytes((folder / "toy" / "train_001.tfrecord").read_bytes())
        expected = f"file that is not the one of the manifest: {path}"
    code, output, errors = _validate(folder)
    assert code == 1
    assert errors.count("\n") == 1
    assert expected in output


def test_foreign_records(folder):
    (folder / "toy" / "manifest_train.json").unlink()
    code, output, _ = _validate(folder)
    assert code == 0
    assert "6 records in 2 files, all good (no manifest)" in output
    # A record of nothing known.
    from tfrecords_tools.example_proto import encode_example
    from tfrecords_tools.record_file import frame_record

    record = frame_record(encode_example({"other": np.arange(3)}))
    (folder / "toy" / "train_001.tfrecord").write_bytes(record)
    code, output, _ = _validate(folder)
    assert code == 1
    assert "no known format" in output
