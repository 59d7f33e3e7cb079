"""neutrMosh in its true format: subsets, left-out subjects, shuffling, hostile files."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mosh as layout
from tfrecords_tools import safe_pickle
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


def test_hostile_pickles_are_refused(tmp_path, monkeypatch):
    """Whatever else is there: one hostile file stops the conversion."""
    monkeypatch.chdir(tmp_path)
    write_source(tmp_path / "source")
    path = tmp_path / "source" / "neutrSMPL_CMU" / "01" / "bad.pkl"
    write_motion(path, 3, extra=_Attack())
    with pytest.raises(DatasetError, match=r"bad\.pkl: refused to load .*nothing in it was run"):
        _convert(tmp_path / "source", tmp_path / "out")
    assert not (tmp_path / "attacked").exists()
    assert not list((tmp_path / "out").glob("**/*.tfrecord"))


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "spoil",
    [
        _cut,
        lambda path: path.write_bytes(b""),
        lambda path: write_motion(path, 3, betas=None),
        lambda path: write_motion(path, 3, poses=np.zeros((3, 156))),
        lambda path: write_motion(path, 3, betas=np.full(10, np.nan)),
    ],
)
def test_one_damaged_file_is_counted_and_named(tmp_path, spoil):
    write_source(tmp_path / "source")
    path = tmp_path / "source" / "neutrSMPL_CMU" / "01" / "bad.pkl"
    write_motion(path, 3)
    spoil(path)
    manifest, values, _ = _convert(tmp_path / "source", tmp_path / "out")
    assert manifest.drops == {"file without frames": 1, "damaged motion file": 1}
    assert sorted(values) == [*range(1000, 1030), *range(2000, 2020)]
    (listing,) = (tmp_path / "out" / "mocap_neutrMosh").glob("drops_*")
    (line,) = (line for line in listing.read_text().splitlines() if "damaged" in line)
    assert os.path.join("neutrSMPL_CMU", "01", "bad.pkl") in line


def test_many_damaged_files_are_refused(tmp_path):
    for number in range(100):
        write_motion(tmp_path / "source" / "neutrSMPL_CMU" / "01" / f"{number:02d}.pkl", 3)
    paths = sorted((tmp_path / "source").rglob("*.pkl"))
    for path in paths[:5]:
        _cut(path)
    manifest, values, _ = _convert(tmp_path / "source", tmp_path / "out")
    assert manifest.drops == {"damaged motion file": 5} and len(values) == 285
    _cut(paths[7])
    message = r"^mosh: 6 of the 100 motion files of CMU are damaged; .* The first: .*00\.pkl"
    with pytest.raises(DatasetError, match=message) as caught:
        _convert(tmp_path / "source", tmp_path / "other")
    assert "\n" not in str(caught.value)


def test_a_single_damaged_file_says_what_is_wrong(tmp_path):
    path = tmp_path / "source" / "neutrSMPL_CMU" / "01" / "bad.pkl"
    write_motion(path, 3)
    _cut(path)
    with pytest.raises(DatasetError, match=r"bad\.pkl: not a readable pickle"):
        _convert(tmp_path / "source", tmp_path / "out")


def test_twin_converts_frame_by_frame(tmp_path):
    """The synthetic neutrMosh, all three subsets: every pose arrives, S9's does not."""
    config = SynthesisConfig(num_frames=40, num_limit_frames=20, num_h36m_frames=600, seed=1)
    layout.write(str(tmp_path), config)
    converter = MoshConverter(tmp_path)
    assert list(converter.parts()) == ["CMU", "H3.6", "jointLim"]
    for part, count in (("CMU", 40), ("H3.6", 500), ("jointLim", 20)):
        manifest = convert_part(converter, part, str(tmp_path / "out")).manifest
        assert manifest.num_examples == count
        found = np.array(
            [
                parse_mocap_example(serialized)["pose_axis_angle"]
                for path in manifest.shard_paths(str(tmp_path / "out"))
                for serialized in read_records(path)
            ]
        )
        sources = [
            safe_pickle.load(path)
            for path in sorted((tmp_path / "neutrMosh" / f"neutrSMPL_{part}").rglob("*.pkl"))
            if "S9" not in str(path)
        ]
        expected = np.concatenate([one.get("poses", one.get("new_poses")) for one in sources])
        expected = expected.astype(np.float32)
        np.testing.assert_array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])
