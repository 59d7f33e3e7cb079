"""Frames of many motions: shuffled, found again, and checked."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tfrecords_tools import motion_frames
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError

_SIZES = {"a": 3, "b": 0, "c": 2500, "d": 1}


class _Toy(motion_frames.MotionConverter):
    name = "toy"

    def files(self, part):
        return [f"{self.data_dir}/{name}" for name in (*_SIZES, "skipped")]

    def read(self, path):
        name = os.path.basename(path)
        if name not in _SIZES:
            return Drop("of no use")
        poses = np.full((_SIZES[name], 72), ord(name) * 10_000.0) + np.arange(_SIZES[name])[:, None]
        return motion_frames.checked_motion(poses, np.arange(12), path, "toy")


def test_every_frame_comes_once_with_its_name(tmp_path):
    toy = _Toy(tmp_path)
    items = toy.items("part")
    assert [item for item in items if isinstance(item, Drop)] == [
        Drop("file without frames", name="b"),
        Drop("of no use", name="skipped"),
    ]
    outputs = [output for item in items for output in toy.convert(item)][2:]
    assert len(items) == 2 + 3 and len(outputs) == 2504
    expected = [ord(n) * 10_000 + row for n, size in _SIZES.items() for row in range(size)]
    found = [int(output.pose_axis_angle[0]) for output in outputs]
    assert sorted(found) == expected and found != expected
    for output, value in zip(outputs, found):
        assert output.name == f"{chr(value // 10_000)} frame {value % 10_000}"
        assert output.betas.tolist() == list(range(10))
    assert toy.items("part") == items


@pytest.mark.parametrize(
    ("poses", "betas", "message"),
    [
        (np.zeros((2, 156)), np.zeros(10), r"poses must be \[frames, 72\] .* are \[2, 156\] and"),
        (np.zeros((2, 72)), np.zeros(3), r"and betas \[10\]; .* and \[3\]"),
        ("x", np.zeros(10), "holds no numbers"),
        (np.zeros((2, 72)), np.full(10, np.inf), "betas hold a value that is not finite"),
    ],
)
def test_other_shapes_are_refused(poses, betas, message):
    with pytest.raises(DatasetError, match=f"toy: walk.*{message}"):
        motion_frames.checked_motion(poses, betas, "walk", "toy")
