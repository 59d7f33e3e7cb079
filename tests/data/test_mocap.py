"""Tests of hmr_tf/data/mocap.py."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.data import mocap
from hmr_tf.data.mocap import mocap_dataset
from hmr_tf.errors import DataError
from tfrecords_tools.errors import RecordError


def _numbers(batches):
    return [round(-row[0]) for batch in batches for row in batch["betas"]]


def _take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_batches_hold_whole_bodies(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6, 4))
    dataset = mocap_dataset(str(tmp_path), ("CMU",), batch_size=7)
    assert dataset.element_spec == {
        "pose_axis_angle": tf.TensorSpec([7, 72], tf.float32),
        "betas": tf.TensorSpec([7, 10], tf.float32),
    }
    for batch in _take(dataset, 5):
        numbers = np.round(-batch["betas"][:, 0])
        np.testing.assert_allclose(batch["betas"], -np.repeat(numbers[:, None], 10, 1))
        expected = numbers[:, None] + np.arange(72) / 100
        np.testing.assert_allclose(batch["pose_axis_angle"], expected, rtol=1e-6)


def test_sets_are_mixed_by_size_and_shuffled(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6, 4))
    write_mocap(tmp_path, "jointLim", (5,), first=100)
    dataset = mocap_dataset(str(tmp_path), ("CMU", "jointLim"), batch_size=5, seed=1)
    numbers = _numbers(_take(dataset, 6))
    everything = [*range(10), *range(100, 105)]
    assert sorted(numbers[:15]) == everything and sorted(numbers[15:]) == everything
    assert numbers[:15] != everything and numbers[:15] != numbers[15:]
    again = mocap_dataset(str(tmp_path), ("CMU", "jointLim"), batch_size=5, seed=1)
    assert _numbers(_take(again, 6)) == numbers
    other = mocap_dataset(str(tmp_path), ("CMU", "jointLim"), batch_size=5, seed=2)
    assert _numbers(_take(other, 6)) != numbers


@pytest.mark.parametrize("cache", [False, True])
def test_restart_continues(tmp_path, write_mocap, cache):
    write_mocap(tmp_path, "CMU", (6, 4, 3))

    def batches(first_step, count):
        dataset = mocap_dataset(
            str(tmp_path), ("CMU",), batch_size=5, seed=3, first_step=first_step, cache=cache
        )
        return _numbers(_take(dataset, count))

    assert batches(4, 5) == batches(0, 9)[20:]


def test_missing_set(tmp_path):
    with pytest.raises(DataError, match="mosh"):
        mocap_dataset(str(tmp_path), ("CMU",), batch_size=2)


def test_mean_body_is_the_mean_rotation_of_every_joint(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6, 4))
    write_mocap(tmp_path, "jointLim", (5,), first=100)
    pose, betas = mocap.mean_body(str(tmp_path), ("CMU", "jointLim"))
    (everybody,) = _take(mocap_dataset(str(tmp_path), ("CMU", "jointLim"), batch_size=15), 1)
    poses = everybody["pose_axis_angle"].reshape(-1, 24, 3)
    found = Rotation.from_rotvec(pose.reshape(24, 3))
    assert (pose.dtype, betas.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(found[0].as_matrix(), np.diag([1.0, -1.0, -1.0]), atol=1e-6)
    for joint in range(1, 24):
        mean = Rotation.from_rotvec(poses[:, joint]).mean()
        assert (found[joint] * mean.inv()).magnitude() < 1e-5
    np.testing.assert_allclose(betas, everybody["betas"].mean(axis=0), rtol=1e-5)


def test_mean_body_of_missing_sets(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6,))
    with pytest.raises(DataError, match="jointLim"):
        mocap.mean_body(str(tmp_path), ("CMU", "jointLim"))


def test_mean_body_of_a_damaged_file(tmp_path, write_mocap):
    write_mocap(tmp_path, "CMU", (6, 4))
    damaged = sorted(tmp_path.rglob("*.tfrecord"))[1]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(RecordError, match=damaged.name):
        mocap.mean_body(str(tmp_path), ("CMU",))
