from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.errors import DataError
from hmr_tf.synthetic import motion_sources, poses

TO_Z_UP = Rotation.from_rotvec([np.pi / 2, 0, 0])


def walk(frames, joints, world=None):
    """Returns poses of somebody who stands, turns and bends a knee."""
    pose = np.zeros((frames, joints, 3))
    yaw = Rotation.from_rotvec(np.linspace([0, 0, 0], [0, 3.0, 0], frames))
    pose[:, 0] = (world * yaw if world else yaw).as_rotvec()
    pose[:, 4, 0] = np.linspace(0, 1, frames)
    pose[:, 25:] = 0.5  # fingers, not part of SMPL
    return pose.reshape(frames, -1)


def test_embedded_clips_are_split_by_clip():
    motions = motion_sources.load_motions()
    assert set(motions["test"].names) == set(poses.TEST_CLIPS)
    assert len(motions["train"].names) == 12
    assert not set(motions["train"].names) & set(motions["test"].names)
    assert len(motions["train"].pose_axis_angle) == len(motions["train"].clip)


def write_amass(folder, count):
    for k in range(count):
        path = folder / f"s{k % 4}" / f"walk{k}_poses.npz"
        path.parent.mkdir(exist_ok=True, parents=True)
        np.savez(path, poses=walk(20, 52, TO_Z_UP), betas=np.zeros(16), gender="male")
    np.savez(folder / "s0" / "shape.npz", betas=np.zeros(16), gender="male")


def test_amass_folders_are_turned_upright_and_split(tmp_path):
    write_amass(tmp_path, 30)
    motions = motion_sources.load_motions(str(tmp_path))
    names = [*motions["train"].names, *motions["test"].names]
    assert len(set(names)) == len(names) == 30 and "s1/walk1_poses" in names
    assert 1 <= len(motions["test"].names) <= 12
    pose = motions["train"].pose_axis_angle[:20].reshape(20, 24, 3)
    np.testing.assert_allclose(pose[:, 0], walk(20, 24).reshape(20, 24, 3)[:, 0], atol=1e-6)
    np.testing.assert_allclose(pose[:, 4, 0], np.linspace(0, 1, 20), atol=1e-6)
    assert not pose[:, 22:].any()  # the first fingers are not SMPL's hands


def test_mosh_pickles_of_either_key(tmp_path):
    for k in range(12):
        key = "poses" if k % 2 else "new_poses"
        content = {key: walk(9, 24), "betas": np.zeros(10)}
        (tmp_path / f"m{k}.pkl").write_bytes(pickle.dumps(content, protocol=2))
    motions = motion_sources.load_motions(str(tmp_path))
    assert len(motions["train"].names) + len(motions["test"].names) == 12
    np.testing.assert_allclose(motions["train"].pose_axis_angle[:9], walk(9, 24), atol=1e-6)


def test_long_files_are_thinned_out(tmp_path):
    for k in range(8):
        np.savez(tmp_path / f"m{k}.npz", poses=walk(4000, 24))
    motions = motion_sources.load_motions(str(tmp_path))
    assert np.bincount(motions["train"].clip).max() <= 800


def test_bad_folders_are_told_in_one_line(tmp_path):
    with pytest.raises(DataError, match="No motion files in"):
        motion_sources.load_motions(str(tmp_path))
    np.savez(tmp_path / "a.npz", poses=walk(9, 24))
    with pytest.raises(DataError, match="leave none for the"):
        motion_sources.load_motions(str(tmp_path))
    np.savez(tmp_path / "b.npz", poses=np.zeros((9, 71)))
    with pytest.raises(DataError, match=r"b\.npz: 'poses' must be .* received \[9, 71\]"):
        motion_sources.load_motions(str(tmp_path))
