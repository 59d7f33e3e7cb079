"""Both formats of TF 1, and the ways to name a checkpoint."""

import numpy as np
import published_files
import pytest
import tensorflow as tf

from hmr_tf.errors import CheckpointError
from hmr_tf.weights.tf_checkpoint import TFCheckpoint

_TENSORS = {"a/weights": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.int64(7)}


def _check(found):
    assert found.shapes == {"a/weights": (2, 3), "step": ()}
    for name, expected in _TENSORS.items():
        np.testing.assert_array_equal(found.read(name), expected)


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", ".meta"])
def test_files_of_a_checkpoint(tmp_path, ending):
    published_files.write_tf1(tmp_path / "model.ckpt-7", _TENSORS)
    _check(TFCheckpoint(str(tmp_path / "model.ckpt-7") + ending))


def test_the_older_format_is_one_file(tmp_path):
    path = tmp_path / "resnet_v2_50.ckpt"
    names = sorted(_TENSORS)
    tf.raw_ops.Save(
        filename=str(path), tensor_names=names, data=[tf.constant(_TENSORS[x]) for x in names]
    )
    assert path.is_file()
    _check(TFCheckpoint(str(path)))


def test_folder_with_a_newest_checkpoint(tmp_path):
    published_files.write_tf1(tmp_path / "model.ckpt-7", _TENSORS)
    with pytest.raises(CheckpointError, match="names no newest checkpoint"):
        TFCheckpoint(str(tmp_path))
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"\n')
    _check(TFCheckpoint(str(tmp_path)))


def test_object_graph(tmp_path):
    published_files.write_object_graph(tmp_path / "ckpt-1", {"net/layer-0/kernel": np.ones(2)})
    found = TFCheckpoint(str(tmp_path / "ckpt-1"))
    name = "net/layer-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    assert found.shapes[name] == (2,)
    np.testing.assert_array_equal(found.read(name), np.ones(2))


def test_missing_and_damaged_files_are_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="There is no TensorFlow checkpoint"):
        TFCheckpoint(str(tmp_path / "no"))
    for name in ("x.index", "y"):
        (tmp_path / name).write_bytes(b"rubbish" * 100)
        with pytest.raises(CheckpointError, match="cannot be read as a TensorFlow checkpoint") as e:
            TFCheckpoint(str(tmp_path / name))
        assert "\n" not in str(e.value)
    published_files.write_tf1(tmp_path / "z", _TENSORS)
    (tmp_path / "z.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be read"):
        TFCheckpoint(str(tmp_path / "z")).read("a/weights")
