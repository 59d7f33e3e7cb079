"""Checked wheels and repeatable array files."""

import hashlib
import time
import zipfile

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import archive
from hmr_tf.errors import HmrError


def test_equal_arrays_give_equal_bytes(tmp_path, monkeypatch):
    arrays = {"a": np.arange(12.0).reshape(3, 4), "name": np.array("body")}
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    archive.write_npz(str(first), arrays)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    archive.write_npz(str(second), arrays)
    assert first.read_bytes() == second.read_bytes()
    with np.load(first, allow_pickle=False) as file:
        assert file.files == ["a", "name"]
        np.testing.assert_array_equal(file["a"], arrays["a"])
        assert file["name"] == "body"


def test_objects_are_refused_and_leave_no_file(tmp_path):
    path = tmp_path / "bad.npz"
    with pytest.raises(ValueError, match="allow_pickle"):
        archive.write_npz(str(path), {"bad": np.array([{}], dtype=object)})
    assert not path.exists()


def test_wheel_must_match_its_hash(tmp_path):
    wheel = tmp_path / "thing.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("inside.txt", "hello")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with archive.open_wheel(str(wheel), digest) as opened:
        assert opened.read("inside.txt") == b"hello"
    with pytest.raises(HmrError, match=f"should be {'0' * 64} and is {digest}"):
        archive.open_wheel(str(wheel), "0" * 64)
    with pytest.raises(HmrError, match="pip download"):
        archive.open_wheel(str(tmp_path / "none.whl"), digest)
