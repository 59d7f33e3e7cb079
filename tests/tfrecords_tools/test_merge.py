"""The tool, as a user runs it."""

from __future__ import annotations

import record_folder

from tfrecords_tools import reader


def test_tool(tmp_path):
    for dataset, first in (("one", 0), ("two", 10)):
        samples = [record_folder.sample(first + i) for i in range(3)]
        record_folder.write(tmp_path / "in", samples, dataset)
    arguments = (
        *(f"--data_dir={tmp_path / 'in'}", "--dataset=one,two", "--split=train"),
        *(f"--out_dir={tmp_path / 'out'}", "--out_dataset=sum", "--examples_per_shard=4"),
    )
    code, output, errors = record_folder.run_tool("merge", *arguments)
    assert (code, errors) == (0, "")
    assert "sum train: 6 records (6 with 3D joints, 6 with SMPL) in 2 files" in output
    assert reader.describe_records(str(tmp_path / "out"), "sum").num_records == 6
    code, output, _ = record_folder.run_tool("merge", *arguments)
    assert code == 0
    assert "already converted" in output
    code, output, errors = record_folder.run_tool("merge", *arguments, "--shuffle")
    assert code == 1
    assert errors.startswith("error: ")
    assert "shuffle_seed None, now 0" in errors
