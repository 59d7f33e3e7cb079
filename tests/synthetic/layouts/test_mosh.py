from __future__ import annotations

import dataclasses
import pickle
import pickletools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic import motion_sources, motion_twin, poses
from hmr_tf.synthetic.layouts import mosh
from tfrecords_tools import safe_pickle

CONFIG = SynthesisConfig(num_frames=130, num_limit_frames=30, seed=2)


@pytest.fixture(autouse=True)
def short_motions(monkeypatch):
    monkeypatch.setattr(motion_twin, "FRAMES_PER_MOTION", 20)


@pytest.fixture
def dataset(tmp_path):
    assert "160 frames in 9 motions" in mosh.write(str(tmp_path / "raw"), CONFIG)
    return tmp_path / "raw" / "neutrMosh"


def test_the_tree_is_neutrmoshs(dataset):
    paths = sorted(dataset.glob("neutrSMPL_CMU/*/*.pkl"))
    assert len(paths) == 7
    assert len(sorted(dataset.glob("neutrSMPL_jointLim/*/*.pkl"))) == 2
    frames = 0
    for path in paths:
        assert path.parent.name not in poses.TEST_CLIPS
        content = safe_pickle.load(path)
        assert set(content) == {"poses", "betas", "trans"}
        count = len(content["poses"])
        assert content["poses"].shape == (count, 72) and content["poses"].dtype == np.float64
        assert content["betas"].shape == (10,) and content["betas"].dtype == np.float64
        assert content["trans"].shape == (count, 3) and content["trans"].dtype == np.float64
        assert np.isfinite(content["poses"]).all()
        frames += count
    assert frames == 130


def test_people_stand_on_a_ground_at_zero(tmp_path):
    mosh.write(str(tmp_path), dataclasses.replace(CONFIG, num_frames=400, num_limit_frames=0))
    roots, heights = [], []
    for path in tmp_path.glob("neutrMosh/neutrSMPL_CMU/*/*.pkl"):
        content = safe_pickle.load(path)
        roots.append(content["poses"][:, :3])
        heights.append(content["trans"][:, 1])
    up = Rotation.from_rotvec(np.concatenate(roots)).as_matrix()[:, 1, 1]
    assert np.mean(up > 0.7) > 0.5  # y up
    heights = np.concatenate(heights)
    assert 0.5 < np.median(heights) < 1.1 and heights.min() > -0.3


def test_pickles_are_python_2s():
    """Protocol 2 and byte strings only, readable as the original reads them."""
    random = np.random.default_rng(0)
    pose, betas, place = random.normal(size=(40, 72)), random.normal(size=10), np.zeros((40, 3))
    content = mosh.encode_motion(pose, betas, place)
    names = {opcode.name for opcode, _, _ in pickletools.genops(content)}
    assert "BINSTRING" in names and "SHORT_BINSTRING" in names
    assert not names & {"BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "UNICODE", "FRAME"}
    protocol = next(a for o, a, _ in pickletools.genops(content) if o.name == "PROTO")
    assert protocol == 2
    loaded = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(loaded["poses"], pose)
    np.testing.assert_array_equal(loaded["betas"], betas)
    as_bytes = pickle.loads(content, encoding="bytes")
    assert set(as_bytes) == {b"poses", b"betas", b"trans"}


def test_resumes_and_repeats(dataset, tmp_path):
    paths = sorted(dataset.rglob("*.pkl"))
    expected = [path.read_bytes() for path in paths]
    paths[3].unlink()
    kept = paths[0].stat().st_mtime_ns
    mosh.write(str(tmp_path / "raw"), CONFIG, num_workers=2)
    assert [path.read_bytes() for path in paths] == expected
    assert paths[0].stat().st_mtime_ns == kept
    with pytest.raises(DataError, match="made with num_frames=130; these settings have num_fr"):
        mosh.write(str(tmp_path / "raw"), dataclasses.replace(CONFIG, num_frames=131))
    (tmp_path / "real" / "neutrMosh" / "neutrSMPL_CMU").mkdir(parents=True)
    with pytest.raises(DataError, match="already holds 'neutrSMPL_CMU'"):
        mosh.write(str(tmp_path / "real"), CONFIG)


def test_clips_come_by_their_weights():
    motions = motion_sources.load_motions()["train"]
    drawn = np.bincount([motion_twin.draw_clip(motions, k) for k in range(2000)])
    shares = motions.weights / motions.weights.sum()
    np.testing.assert_allclose(drawn / 2000, shares, atol=0.003)


def test_joint_limit_poses_are_more_extreme(dataset):
    def spread(name):
        found = [safe_pickle.load(p)["poses"] for p in dataset.glob(f"{name}/*/*.pkl")]
        return np.abs(np.concatenate(found)[:, 3:]).mean()

    assert spread("neutrSMPL_jointLim") > spread("neutrSMPL_CMU") * 1.05


def test_h36m_has_its_names_keys_and_test_subject(tmp_path):
    mosh.write(str(tmp_path), dataclasses.replace(CONFIG, num_h36m_frames=105))
    folder = tmp_path / "neutrMosh" / "neutrSMPL_H3.6"
    found = {
        str(path.relative_to(folder)): safe_pickle.load(path) for path in folder.rglob("*.pkl")
    }
    assert sorted(found) == [
        *("S1/Directions.pkl", "S1/Walking_cam1_aligned.pkl"),
        *("S5/Directions_cam0_aligned.pkl", "S5/Walking.pkl"),
        *("S9/Directions.pkl", "S9/Walking_cam2_aligned.pkl"),
    ]
    half_turn = Rotation.from_rotvec([np.pi, 0, 0])
    upright = []
    for name, content in found.items():
        is_aligned = name.endswith("_aligned.pkl")
        assert set(content) == {"new_poses" if is_aligned else "poses", "betas", "trans"}
        if is_aligned:
            # As published: the root times half a turn about x is the one in the camera's frame.
            root = Rotation.from_rotvec(content["new_poses"][:, :3]) * half_turn
            upright.append(root.as_matrix()[:, 1, 1] < -0.7)  # up is -y
    assert np.concatenate(upright).mean() > 0.5
    # Folders without this set are as before.
    (tmp_path / "neutrMosh" / "synthesize.json").read_text().index("num_h36m_frames")
    mosh.write(str(tmp_path / "other"), CONFIG)
    text = (tmp_path / "other" / "neutrMosh" / "synthesize.json").read_text()
    assert "num_h36m_frames" not in text
