"""neutrMosh in its true format: subsets, left-out subjects, shuffling, hostile files."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from tfrecords_tools.converters.mosh import MoshConverter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_mocap_example


def write_motion(path, num_frames, first=0.0, key="poses", **changes):
    """Writes one motion as Python 2 did; pose i holds the number ``first`` + i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = first + np.arange(num_frames)[:, None]
    motion = {
        key: np.broadcast_to(rows, (num_frames, 72)).astype(np.float64),
        "betas": np.full(10, first),
        "trans": np.zeros((num_frames, 3)),
        **changes,
    }
    motion = {name: value for name, value in motion.items() if value is not None}
    path.write_bytes(pickle.dumps(motion, protocol=2))


def write_source(folder):
    """Writes a tiny neutrMosh tree; also used by the test of all converters."""
    write_motion(folder / "neutrSMPL_CMU" / "01" / "01_01.pkl", 30, 1000)
    write_motion(folder / "neutrSMPL_CMU" / "02" / "02_01.pkl", 20, 2000, key="new_poses")
    write_motion(folder / "neutrSMPL_CMU" / "02" / "02_02.pkl", 0, 3000)
    write_motion(folder / "neutrSMPL_H3.6" / "S1" / "Walking_cam0_aligned.pkl", 7, 100)
    for subject in ("S9", "S11"):
        write_motion(folder / "neutrSMPL_H3.6" / subject / "Walking.pkl", 5, 9000)


def _convert(source, out_dir, part="CMU", **arguments):
    options = {"options": {"seed": str(arguments.pop("seed", 0))}}
    converter = MoshConverter(source, **options)
    manifest = convert_part(converter, part, str(out_dir), **arguments).manifest
    values, betas = [], []
    for path in manifest.shard_paths(str(out_dir)):
        for serialized in read_records(path):
            body = parse_mocap_example(serialized)
            values.append(float(body["pose_axis_angle"][71]))
            betas.append(float(body["betas"][9]))
    return manifest, values, betas


def test_all_frames_arrive_once_shuffled_with_their_shape(tmp_path):
    write_source(tmp_path / "source")
    manifest, values, betas = _convert(tmp_path / "source", tmp_path / "out")
    expected = [*range(1000, 1030), *range(2000, 2020)]
    assert sorted(values) == expected
    assert values != expected
    assert betas == [value - value % 1000 for value in values]
    assert manifest.drops == {"file without frames": 1}
    assert os.listdir(tmp_path / "out" / "mocap_neutrMosh") and manifest.has_smpl
    assert manifest.shards[0].file == "neutrSMPL_CMU_000.tfrecord"


def test_the_seed_decides_the_order(tmp_path):
    write_source(tmp_path / "source")
    orders = [_convert(tmp_path / "source", tmp_path / str(i), seed=i % 2)[1] for i in range(3)]
    assert orders[0] == orders[2] != orders[1]


def test_shards_hold_ten_thousand(tmp_path):
    write_motion(tmp_path / "source" / "neutrSMPL_jointLim" / "03" / "a.pkl", 10_005)
    converter = MoshConverter(tmp_path / "source")
    manifest = convert_part(converter, "jointLim", str(tmp_path / "out")).manifest
    assert [shard.num_examples for shard in manifest.shards] == [10_000, 5]


def test_test_subjects_are_left_out_wherever_the_tree_lies(tmp_path):
    source = tmp_path / "S9_and_S11" / "source"
    write_source(source)
    manifest, values, _ = _convert(source, tmp_path / "out", "H3.6")
    assert sorted(values) == list(range(100, 107))
    assert manifest.drops == {"file of a test subject (S9, S11)": 2}


def test_parts_are_the_subsets(tmp_path):
    write_source(tmp_path)
    (tmp_path / "neutrSMPL_notes.txt").touch()
    assert list(MoshConverter(tmp_path).parts()) == ["CMU", "H3.6"]
    assert list(MoshConverter(tmp_path, subsets=["H3.6"]).parts()) == ["H3.6"]
    with pytest.raises(DatasetError, match=r"no neutrSMPL_jointLim; .*found: CMU, H3\.6"):
        MoshConverter(tmp_path, subsets=["CMU", "jointLim"]).parts()
    with pytest.raises(DatasetError, match=r"no neutrSMPL_CMU; .*found: none"):
        MoshConverter(tmp_path / "neutrSMPL_CMU").parts()


def test_the_folder_around_the_dataset_will_do(tmp_path):
    write_source(tmp_path / "download" / "neutrMosh")
    assert list(MoshConverter(tmp_path / "download").parts()) == ["CMU", "H3.6"]


def test_frames_that_are_not_finite_are_counted(tmp_path):
    poses = np.zeros((10, 72))
    poses[4, 7] = np.inf
    write_motion(tmp_path / "source" / "neutrSMPL_CMU" / "01" / "a.pkl", 10, poses=poses)
    manifest, values, _ = _convert(tmp_path / "source", tmp_path / "out", max_error_fraction=0.1)
    assert manifest.drops == {"pose that is not finite": 1}
    assert len(values) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"betas": None}, "must hold a dict with poses .* it holds poses, trans"),
        ({"poses": np.zeros((3, 156))}, r"poses must be \[frames, 72\] .* \[3, 156\]"),
        ({"betas": np.zeros(8)}, r"betas \[10\]; .* \[8\]"),
        ({"betas": np.full(10, np.nan)}, "betas hold a value that is not finite"),
        ({"poses": "many"}, "holds no numbers"),
    ],
)
def test_unfit_motions_are_named(tmp_path, changes, message):
    path = tmp_path / "neutrSMPL_CMU" / "01" / "bad.pkl"
    write_motion(path, 3, **changes)
    with pytest.raises(DatasetError, match=rf"mosh: .*bad\.pkl.*{message}"):
        MoshConverter(tmp_path).items("CMU")


def test_sixteen_betas_are_cut_to_ten(tmp_path):
    path = tmp_path / "source" / "neutrSMPL_CMU" / "01" / "a.pkl"
    write_motion(path, 2, betas=np.arange(16.0))
    _, _, betas = _convert(tmp_path / "source", tmp_path / "out")
    assert betas == [9.0, 9.0]


class _Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_hostile_and_damaged_pickles_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "source" / "neutrSMPL_CMU" / "01" / "bad.pkl"
    write_motion(path, 3, extra=_Attack())
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"bad\.pkl"):
            _convert(tmp_path / "source", tmp_path / "out")
        write_motion(path, 3)
        path.write_bytes(path.read_bytes()[:-100])
    assert not (tmp_path / "attacked").exists()
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))
