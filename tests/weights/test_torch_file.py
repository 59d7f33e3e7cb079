"""Torch's files read without torch, and refused where they ask for more than tensors."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch_files
from torch_files import Global

from hmr_tf.errors import CheckpointError
from hmr_tf.weights.torch_file import TorchFile

_BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def _tensors():
    rng = np.random.default_rng(0)
    return {
        "a.weight": rng.normal(size=(3, 4, 2, 2)).astype(np.float32),
        "a.bias": rng.normal(size=3),
        "half": rng.normal(size=5).astype(np.float16),
        "count": np.array(9, np.int64),
        "empty": np.zeros((0, 3), np.float32),
    }


@_BOTH
def test_values_shapes_and_names(tmp_path, is_zip):
    tensors = _tensors()
    tree = {
        "model": tensors,
        "optimizer": {"state": [{"step": 3, "mean": tensors["a.bias"]}], "rate": 0.5},
        "epoch": 4,
    }
    torch_files.write_torch(tmp_path / "x.pt", tree, is_zip)
    found = TorchFile(str(tmp_path / "x.pt"), "model")
    assert found.shapes["optimizer.state.0.mean"] == (3,)
    assert set(found.shapes) == {*tensors, "optimizer.state.0.mean"}
    for name, expected in tensors.items():
        got = found.read(name)
        assert got.shape == expected.shape == found.shapes[name] and got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected, err_msg=name)


@_BOTH
def test_data_parallel_s_prefix_goes(tmp_path, is_zip):
    tensors = {f"module.{name}": value for name, value in _tensors().items()}
    torch_files.write_torch(tmp_path / "x.pt", tensors, is_zip)
    assert set(TorchFile(str(tmp_path / "x.pt"), "model").shapes) == set(_tensors())


def test_bfloat16_becomes_float32(tmp_path):
    upper = np.array([0x3F80, 0xC000, 0x3E80], np.uint16).view(torch_files.BFloat16)
    torch_files.write_torch(tmp_path / "x.pt", {"x": upper}, True)
    got = TorchFile(str(tmp_path / "x.pt")).read("x")
    np.testing.assert_array_equal(got, np.array([1.0, -2.0, 0.25], np.float32))


def _write_by_hand(path, arguments, data=bytes(48), more=()):
    """Writes one tensor whose rebuilding gets these arguments after its data."""
    structure = torch_files.one_tensor(arguments, len(data) // 4, more)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", structure)
        archive.writestr("archive/data/0", data)


def test_strides_and_offsets(tmp_path):
    data = np.arange(12, dtype=np.float32)
    _write_by_hand(tmp_path / "x.pt", (1, (3, 2), (1, 4)), data.tobytes())
    got = TorchFile(str(tmp_path / "x.pt")).read("x")
    np.testing.assert_array_equal(got, [[1, 5], [2, 6], [3, 7]])


@pytest.mark.parametrize(
    "arguments",
    [(1, (3, 4), (4, 1)), (0, (2,), (12,)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (2, 2), (1,))],
)
def test_tensors_beyond_their_data_are_refused(tmp_path, arguments):
    _write_by_hand(tmp_path / "x.pt", arguments)
    with pytest.raises(CheckpointError, match=r"refused|not a readable pickle"):
        TorchFile(str(tmp_path / "x.pt"))


def test_a_checked_tensor_cannot_be_changed(tmp_path):
    _write_by_hand(tmp_path / "x.pt", (0, (2,), (1,)), more=(None, {"offset": 1 << 40}))
    with pytest.raises(CheckpointError, match="it tries to change a tensor"):
        TorchFile(str(tmp_path / "x.pt"))


@_BOTH
@pytest.mark.parametrize("module, name", [("posix", "system"), ("builtins", "eval")])
def test_code_is_refused_and_not_run(tmp_path, is_zip, module, name):
    mark = tmp_path / "was_run"
    path = tmp_path / "x.pt"
    torch_files.write_torch(path, {"x": Global(module, name, f"touch {mark}")}, is_zip)
    with pytest.raises(CheckpointError, match=f"asks for '{module}.{name}'.*nothing in it was run"):
        TorchFile(str(path))
    assert not mark.exists()


def test_other_files_are_told_apart(tmp_path):
    def refused(content, match):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(CheckpointError, match=match) as error:
            TorchFile(str(tmp_path / "x"))
        assert "\n" not in str(error.value) and str(tmp_path / "x") in str(error.value)

    refused(b"", "not a torch file")
    refused(b"\x89HDF\r\n\x1a\n", "not a torch file")
    refused(pickle.dumps({"a": 1}, 2), "a pickle, but not of torch.save|not a readable pickle")
    refused(b"PK\x03\x04rubbish", "damaged")
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("m/data.pkl", b"")
        archive.writestr("m/constants.pkl", b"")
    refused((tmp_path / "y").read_bytes(), "TorchScript is not read")
    with zipfile.ZipFile(tmp_path / "z", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", bytes(1000))
    refused((tmp_path / "z").read_bytes(), "a compressed archive")
    with pytest.raises(CheckpointError, match="There is no file"):
        TorchFile(str(tmp_path / "missing"))


@_BOTH
def test_a_file_cut_off_is_refused(tmp_path, is_zip):
    path = tmp_path / "x.pt"
    torch_files.write_torch(path, {"x": np.zeros(1000, np.float32)}, is_zip)
    whole = path.read_bytes()
    for size in (10, len(whole) // 4, len(whole) - 100):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            TorchFile(str(path)).read("x")
    assert os.path.getsize(path) < len(whole)
