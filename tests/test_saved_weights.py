"""The newest weights are found, those that are lost are told, a full disk harms none."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from full_disk import full_beyond

from hmr_tf import saved_weights
from hmr_tf.errors import CheckpointError
from tfrecords_tools.errors import OutputError

_NUMBERS = np.arange(4000, dtype=np.float32)


def _manager(folder, variable):
    checkpoint = tf.train.Checkpoint(weight=variable)
    return tf.train.CheckpointManager(checkpoint, saved_weights.weights_dir(folder), 3)


@pytest.fixture
def saved(tmp_path):
    saved_weights.save(_manager(tmp_path, tf.Variable(_NUMBERS)), 7)
    return tmp_path


def _names(folder):
    return sorted(path.name for path in (folder / saved_weights.WEIGHTS_DIR).iterdir())


def _value(folder):
    weight = tf.Variable(np.zeros_like(_NUMBERS))
    saved_weights.restore(saved_weights.latest_weights(folder), {"weight": weight})
    return weight.numpy()


def test_round_trip(saved):
    assert saved_weights.latest_step(saved) == 7
    np.testing.assert_array_equal(_value(saved), _NUMBERS)
    before = saved_weights.weights_digest(saved_weights.latest_weights(saved))
    variable = tf.Variable(2 * _NUMBERS)
    saved_weights.save(_manager(saved, variable), 9)
    assert saved_weights.latest_step(saved) == 9
    np.testing.assert_array_equal(_value(saved), 2 * _NUMBERS)
    assert saved_weights.weights_digest(saved_weights.latest_weights(saved)) != before


def test_there_may_be_none_yet(tmp_path):
    assert saved_weights.latest_weights(tmp_path) is None
    assert saved_weights.latest_step(tmp_path) is None


def test_one_that_is_alone(tmp_path):
    saved_weights.save_only(tmp_path, weight=tf.Variable(_NUMBERS))
    assert saved_weights.latest_step(tmp_path) == 1
    np.testing.assert_array_equal(_value(tmp_path), _NUMBERS)


def test_a_full_disk_is_one_line_and_leaves_what_was_there(saved):
    before = _names(saved)
    manager = _manager(saved, tf.Variable(2 * _NUMBERS))
    message = r"weights cannot be written: File too large\. Make room .* run the same command again"
    with full_beyond(1000), pytest.raises(OutputError, match=message) as caught:
        saved_weights.save(manager, 9)
    assert "\n" not in str(caught.value)
    assert _names(saved) == before
    np.testing.assert_array_equal(_value(saved), _NUMBERS)
    saved_weights.save(manager, 9)
    np.testing.assert_array_equal(_value(saved), 2 * _NUMBERS)


def test_full_memory_is_no_full_disk():
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(tf.errors.ResourceExhaustedError), saved_weights.writing("a"):
        raise error


def test_what_a_kill_left_is_removed(saved):
    before = _names(saved)
    (saved / saved_weights.WEIGHTS_DIR / "ckpt-8_temp").mkdir()
    (saved / saved_weights.WEIGHTS_DIR / "ckpt-8.index").touch()
    saved_weights.remove_unfinished(_manager(saved, tf.Variable(_NUMBERS)))
    assert _names(saved) == before


def test_a_lost_file_is_told(saved):
    (saved / saved_weights.WEIGHTS_DIR / "ckpt-7.index").unlink()
    for function in (saved_weights.latest_weights, saved_weights.latest_step):
        with pytest.raises(CheckpointError, match=r"ckpt-7\.index' of the newest .* is missing"):
            function(saved)


@pytest.mark.parametrize("damage", [b"", b"\xf4\xf5", b"model_che"])
def test_a_damaged_list_is_told(saved, damage):
    (saved / saved_weights.WEIGHTS_DIR / "checkpoint").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"checkpoint', TensorFlow's list .* is damaged"):
        saved_weights.latest_weights(saved)


def test_a_lost_list_is_told_where_a_kill_cannot_explain_it(saved):
    (saved / saved_weights.WEIGHTS_DIR / "checkpoint").unlink()
    assert saved_weights.latest_weights(saved) is None
    index = saved / saved_weights.WEIGHTS_DIR / "ckpt-7.index"
    shutil.copy(index, index.with_name("ckpt-5.index"))
    with pytest.raises(CheckpointError, match="damaged or missing"):
        saved_weights.latest_weights(saved)


def test_other_variables_are_refused(saved):
    path = saved_weights.latest_weights(saved)
    for name, shape in (("weight", [3]), ("another", [4000])):
        with pytest.raises(CheckpointError, match="damaged or of another model") as caught:
            saved_weights.restore(path, {name: tf.Variable(tf.zeros(shape))})
        assert "\n" not in str(caught.value)
