"""Samples say what is known about them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tfrecords_tools.samples import MocapSample, Sample


def _sample(**fields):
    return Sample(b"jpeg", "im.jpg", 10, 20, np.zeros(2), np.zeros((19, 3)), **fields)


def test_knowledge_flags():
    assert not _sample().has_3d
    assert not _sample().has_smpl
    assert _sample(joints_3d=np.zeros((14, 3))).has_3d
    smpl = _sample(pose_axis_angle=np.zeros(72), betas=np.zeros(10))
    assert smpl.has_smpl
    assert not smpl.has_3d
    mocap = MocapSample(np.zeros(72), np.zeros(10))
    assert mocap.has_smpl
    assert not mocap.has_3d


def test_samples_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _sample().height = 3
