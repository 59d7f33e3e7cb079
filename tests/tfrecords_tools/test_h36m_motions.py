"""MoSh's bodies: which frame has one, upside-down roots, hostile files."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tfrecords_tools import h36m_motions
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.h36m_names import parse_stem

_CLIP = parse_stem("S1", "Walking 1.58860488")
# People who lean, in a camera's frame (y down): pelvis, left hip, ..., neck as in H36M32.
_LEAN = Rotation.from_rotvec([[0.3, 0.0, 0.2], [-0.2, 0.1, -0.4], [0.1, 0.2, 0.3]])


def _people():
    """Returns upright poses `[3, 72]` and their joints `[3, 32, 3]`."""
    roots = _LEAN * Rotation.from_rotvec([np.pi, 0.0, 0.0])
    poses = np.random.default_rng(0).normal(scale=0.2, size=(3, 72))
    poses[:, :3] = roots.as_rotvec()
    rest = np.zeros((32, 3))
    rest[[6, 1]] = [[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0]]
    rest[13] = [0.0, 0.5, 0.05]
    return poses, np.stack([root.apply(rest) for root in roots])


def test_bodies_that_stand_on_their_heads_are_turned():
    poses, joints = _people()
    np.testing.assert_array_equal(h36m_motions.turn_upright(poses, joints, "h36m32"), poses)
    fallen = poses.copy()
    half = Rotation.from_rotvec([np.pi, 0.0, 0.0])
    fallen[:, :3] = (Rotation.from_rotvec(poses[:, :3]) * half).as_rotvec()
    turned = h36m_motions.turn_upright(fallen, joints, "h36m32")
    np.testing.assert_allclose(
        Rotation.from_rotvec(turned[:, :3]).as_matrix(),
        Rotation.from_rotvec(poses[:, :3]).as_matrix(),
        atol=1e-9,
    )
    np.testing.assert_array_equal(turned[:, 3:], poses[:, 3:])
    empty = h36m_motions.turn_upright(poses[:0], joints[:0], "h36m32")
    assert empty.shape == (0, 72)


def _write(folder, name="Walking 1_cam2_aligned.pkl", **changes):
    poses, _ = _people()
    content = {"new_poses": poses, "betas": np.arange(10.0), **changes}
    path = folder / "S1" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@pytest.mark.parametrize("name", ["Walking 1_cam2_aligned.pkl", "Walking_1_cam2_aligned.pkl"])
def test_every_fifth_frame_has_a_body(tmp_path, name):
    _write(tmp_path, name)
    poses, joints = _people()
    motion = h36m_motions.read_motion(str(tmp_path), _CLIP, np.repeat(joints, 5, axis=0))
    for frame in (0, 5, 10):
        np.testing.assert_array_equal(motion.body(frame)[0], poses[frame // 5])
        np.testing.assert_array_equal(motion.body(frame)[1], np.arange(10.0))
    assert motion.body(1) == motion.body(15) == (None, None)


def test_other_cameras_have_none(tmp_path):
    _write(tmp_path)
    clip = parse_stem("S1", "Walking 1.54138969")
    assert h36m_motions.read_motion(str(tmp_path), clip, np.zeros((5, 32, 3))) is None


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": np.zeros(4)}, r"must hold a dict with new_poses \(bodies, 72\)"),
        ({"new_poses": np.zeros((3, 5))}, "must hold a dict with new_poses"),
        ({"new_poses": np.full((3, 72), np.nan)}, "must hold a dict with new_poses"),
        ({"extra": _Attack()}, "refused to load this pickle"),
    ],
)
def test_unfit_and_hostile_files_are_refused(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    path = _write(tmp_path, **changes)
    with pytest.raises(DatasetError, match=message) as caught:
        h36m_motions.read_motion(str(tmp_path), _CLIP, np.zeros((5, 32, 3)))
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    assert not (tmp_path / "attacked").exists()
