"""AMASS in its true format: hands, frame rates, the z-up world, other releases, damaged files."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import amass as layout
from tfrecords_tools.converters.amass import AMASSConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_mocap_example


def write_source(folder):
    """Writes a tiny AMASS tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_frames=30, num_limit_frames=20))


def write_motion(path, poses, /, **changes):
    """Writes an archive with the keys of the real ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "poses": poses,
        "trans": np.zeros((len(poses), 3)),
        "betas": np.arange(16.0),
        "dmpls": np.zeros((len(poses), 8)),
        "gender": np.array(b"female"),
        "mocap_framerate": np.array(120.0),
        **changes,
    }
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


def _convert(source, out_dir, part="ACCAD", **options):
    options = {key: str(value) for key, value in options.items()}
    converter = AMASSConverter(source, options=options)
    manifest = convert_part(converter, part, str(out_dir)).manifest
    bodies = [
        parse_mocap_example(serialized)
        for path in manifest.shard_paths(str(out_dir))
        for serialized in read_records(path)
    ]
    poses = np.array([body["pose_axis_angle"] for body in bodies])
    return manifest, poses, np.array([body["betas"] for body in bodies])


def _numbered(num_frames):
    """Returns `[T, 156]` poses: the root upright in a z-up world, then joint j of frame t is t + j.

    The hands' joints all differ.
    """
    poses = np.arange(52.0)[:, None] + np.arange(num_frames)[:, None, None] * np.ones((52, 3))
    poses[:, 0] = [np.pi / 2, 0, 0]
    return poses.reshape(num_frames, 156)


def test_joints_are_smpls(tmp_path):
    write_motion(tmp_path / "in" / "ACCAD" / "s1" / "walk_poses.npz", _numbered(1))
    manifest, poses, betas = _convert(tmp_path / "in", tmp_path / "out")
    assert manifest.shards[0].file == "ACCAD_000.tfrecord"
    joints = poses.reshape(24, 3)
    assert joints[1:, 0].tolist() == [*range(1, 22), 22, 37]
    # Upright and facing the camera: half a turn about x, as people in images have it.
    np.testing.assert_allclose(joints[0], [np.pi, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(betas[0], np.arange(10))
    _, poses, _ = _convert(tmp_path / "in", tmp_path / "still", keep_hands="false")
    assert not poses.reshape(24, 3)[22:].any()
    assert poses.reshape(24, 3)[1:22, 0].tolist() == list(range(1, 22))


def test_the_world_turns_as_a_whole(tmp_path):
    """Up, x and the way the body faces arrive where a camera in front sees them."""
    roots = Rotation.random(20, random_state=0)
    poses = np.zeros((20, 156))
    poses[:, :3] = roots.as_rotvec()
    write_motion(tmp_path / "in" / "ACCAD" / "s1" / "walk_poses.npz", poses)
    _, found, _ = _convert(tmp_path / "in", tmp_path / "out", frames_per_second=0, seed=0)
    order = np.random.default_rng(0).permutation(20)
    x, y, z = Rotation.from_rotvec(found[:, :3]).apply([0.3, 0.5, -0.2]).T
    world_x, world_y, world_z = roots.apply([0.3, 0.5, -0.2])[order].T
    np.testing.assert_allclose([x, y, z], [world_x, -world_z, world_y], atol=1e-5)


@pytest.mark.parametrize(
    ("rate", "wanted", "step"), [(120, 25, 5), (60, 25, 2), (120, 0, 1), (20, 25, 1), (100, 10, 10)]
)
def test_frame_rates(tmp_path, rate, wanted, step):
    path = tmp_path / "in" / "ACCAD" / "s1" / "walk_poses.npz"
    write_motion(path, _numbered(41), mocap_framerate=np.array(float(rate)))
    _, poses, _ = _convert(tmp_path / "in", tmp_path / "out", frames_per_second=wanted)
    assert sorted(poses[:, 3] - 1) == list(range(0, 41, step))


def test_twin_converts_frame_by_frame(tmp_path):
    write_source(tmp_path / "in")
    converter = AMASSConverter(tmp_path / "in")
    assert list(converter.parts()) == ["ACCAD", "MPI_Limits"]
    manifest, poses, _ = _convert(tmp_path / "in", tmp_path / "out", frames_per_second=0)
    assert manifest.drops == {"file without frames": 1, "file of the SMPL-X release": 1}
    assert poses.shape == (30, 72)
    (path,) = (tmp_path / "in" / "ACCAD").glob("*/*_0000_poses.npz")
    with np.load(path) as archive:
        heads = Rotation.from_rotvec(archive["poses"][:, :3]).apply([0, 1, 0])
    found = Rotation.from_rotvec(poses[:, :3]).apply([0, 1, 0])
    np.testing.assert_allclose(np.sort(-found[:, 1]), np.sort(heads[:, 2]), atol=1e-6)
    manifest, poses, _ = _convert(tmp_path / "in", tmp_path / "out", "MPI_Limits")
    assert len(poses) == 4 and manifest.num_with_smpl == 4


def test_parts_are_the_subsets(tmp_path):
    write_source(tmp_path)
    assert list(AMASSConverter(tmp_path, subsets=["MPI_Limits"]).parts()) == ["MPI_Limits"]
    with pytest.raises(DatasetError, match=r"no KIT; it must hold <subset>/.*found: ACCAD, MPI"):
        AMASSConverter(tmp_path, subsets=["KIT"]).parts()
    with pytest.raises(DatasetError, match=r"no motion; .*found: none"):
        AMASSConverter(tmp_path / "ACCAD").parts()


def test_the_smpl_x_release_is_told(tmp_path):
    write_motion(tmp_path / "ACCAD" / "s1" / "walk_stageii.npz", np.zeros((3, 165)))
    with pytest.raises(DatasetError, match=r"SMPL-X release .*download the SMPL\+H release"):
        AMASSConverter(tmp_path).items("ACCAD")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": None}, "must hold poses, betas, mocap_framerate; it lacks betas"),
        ({"poses": np.zeros((3, 72))}, r"poses must be \[frames, 156\] .* are \[3, 72\]"),
        ({"mocap_framerate": np.array(0.0)}, "mocap_framerate positive"),
        ({"betas": np.zeros(8)}, r"betas \[10\]; .* \[8\]"),
        ({"poses": np.array("many")}, "holds no numbers"),
        ({"betas": np.full(16, np.nan)}, "betas hold a value that is not finite"),
    ],
)
def test_unfit_motions_are_named(tmp_path, changes, message):
    write_motion(tmp_path / "ACCAD" / "s1" / "bad_poses.npz", np.zeros((3, 156)), **changes)
    with pytest.raises(DatasetError, match=rf"amass: .*bad_poses\.npz.*{message}"):
        AMASSConverter(tmp_path).items("ACCAD")


def test_one_damaged_archive_and_one_frame_are_counted(tmp_path):
    folder = tmp_path / "in" / "ACCAD" / "s1"
    poses = np.zeros((400, 156))
    poses[7, 1] = np.nan
    write_motion(folder / "good_poses.npz", poses)
    write_motion(folder / "cut_poses.npz", np.zeros((9, 156)))
    (folder / "cut_poses.npz").write_bytes((folder / "cut_poses.npz").read_bytes()[:-200])
    manifest, found, _ = _convert(tmp_path / "in", tmp_path / "out", frames_per_second=0)
    assert manifest.drops == {"damaged motion file": 1, "pose that is not finite": 1}
    assert len(found) == 399


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_hostile_archives_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "in" / "ACCAD" / "s1" / "bad_poses.npz"
    write_motion(path, np.zeros((3, 156)), betas=None)
    content = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(content, header)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("betas.npy", content.getvalue() + pickle.dumps(_Attack(), protocol=2))
    with pytest.raises(DatasetError, match="nothing in it was run"):
        _convert(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "attacked").exists()
