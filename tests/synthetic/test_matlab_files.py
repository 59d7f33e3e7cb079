from __future__ import annotations

import numpy as np
import scipy.io

from hmr_tf.synthetic import matlab_files


def test_files_are_read_back_and_do_not_tell_the_time(tmp_path, monkeypatch):
    cells = np.empty((2, 1), object)
    cells[0, 0], cells[1, 0] = np.arange(6.0).reshape(2, 3), {"name": "x", "values": np.ones(3)}
    content = matlab_files.dumps({"cells": cells, "number": 7})
    monkeypatch.setattr("time.asctime", lambda *_: "another time", raising=True)
    assert matlab_files.dumps({"cells": cells, "number": 7}) == content
    (tmp_path / "a.mat").write_bytes(content)
    read = scipy.io.loadmat(tmp_path / "a.mat")
    np.testing.assert_array_equal(read["cells"][0, 0], cells[0, 0])
    assert read["cells"][1, 0]["name"][0, 0][0] == "x"
    assert read["number"].item() == 7
    assert content.startswith(b"MATLAB 5.0 MAT-file") and content[124:128] == b"\0\1IM"


def test_the_header_has_the_size_of_the_format():
    header = matlab_files.header(b"MATLAB 7.3", 0x0200)
    assert len(header) == 128 and header[124:] == b"\0\2IM"
