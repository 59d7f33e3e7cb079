"""Every key of a record is printed with type, length and values."""

from __future__ import annotations

import numpy as np
import record_folder

from tfrecords_tools.inspect import describe


def test_descriptions():
    assert describe(np.array([3, -4])) == "int64[2]  3 -4"
    assert describe(np.arange(9.0, dtype=np.float32)) == ("float[9]  0 1 2 3 4 5 ... (from 0 to 8)")
    assert describe(np.arange(9.0), shows_all=True) == "float[9]  0 1 2 3 4 5 6 7 8"
    assert describe([b"lsp", b"\xff\xfe"]) == "bytes[2]  'lsp', 2 bytes fffe..."
    image = record_folder.sample(0).image
    assert describe([image]) == f"bytes[1]  JPEG 120 x 100, 3 channels, {len(image)} bytes"


def test_tool(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i) for i in range(6)])
    code, output, errors = record_folder.run_tool("inspect", f"--data_dir={tmp_path}", "--index=5")
    assert (code, errors) == (0, "")
    first, *lines = output.splitlines()
    assert first.startswith(f"toy train: {tmp_path}/toy/train_001.tfrecord, record 1, ")
    assert first.endswith("format hmr_tf")
    described = dict(line.split(maxsplit=1) for line in lines)
    assert described["image/filename"] == "bytes[1]  '5.jpg'"
    assert described["image/height"] == "int64[1]  100"
    assert described["hmr_tf/intrinsics"] == "float[4]  400 400 60 50"
    assert described["image/visibility"].startswith("int64[14]  1 1 1 0 1 1 ...")
    code, _, errors = record_folder.run_tool("inspect", f"--data_dir={tmp_path}", "--index=6")
    assert code == 1
    assert errors == "error: toy train has 6 records; --index=6 is beyond them.\n"
