"""The shared flags choose the parts that a tool sees."""

from __future__ import annotations

import record_folder


def test_choices(tmp_path):
    for split in ("train", "test"):
        record_folder.write(tmp_path, [record_folder.sample(0)], split=split)

    def titles(*arguments):
        code, output, errors = record_folder.run_tool("count", *arguments)
        assert code == 0, errors
        return [" ".join(line.split()[:2]) for line in output.splitlines()[1:-1]]

    assert titles(f"--data_dir={tmp_path}") == ["toy test", "toy train"]
    assert titles(f"--data_dir={tmp_path}", "--dataset=toy", "--split=test") == ["toy test"]
    path = tmp_path / "toy" / "test_000.tfrecord"
    assert titles(f"--files={path}") == [f"{path} 1"]


def test_help_shows_them():
    _, output, _ = record_folder.run_tool("draw", "--helpfull")
    for flag in ("--data_dir", "--dataset", "--split", "--files"):
        assert flag in output
