"""AMASS's twin has AMASS's tree, keys, shapes and types."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import motion_twin
from hmr_tf.synthetic.layouts import amass

_CONFIG = SynthesisConfig(num_frames=50, num_limit_frames=10, seed=1)


@pytest.fixture(autouse=True)
def short_motions(monkeypatch):
    monkeypatch.setattr(motion_twin, "FRAMES_PER_MOTION", 20)


def test_the_tree_is_amasss(tmp_path):
    assert "60 frames in 4 motions" in amass.write(str(tmp_path), _CONFIG)
    motions = sorted(tmp_path.glob("*/*/*_poses.npz"))
    assert len(motions) == 5 and len(list(tmp_path.glob("MPI_Limits/*/*_poses.npz"))) == 1
    folders = {path.parent for path in tmp_path.glob("ACCAD/*/*_0*_poses.npz")}
    assert all((folder / "shape.npz").exists() for folder in folders)
    genders, frames = [], []
    for path in motions:
        with np.load(path, allow_pickle=False) as archive:
            count = len(archive["poses"])
            shapes = {key: values.shape for key, values in archive.items()}
            assert shapes == {
                **{"poses": (count, 156), "trans": (count, 3), "dmpls": (count, 8)},
                **{"betas": (16,), "gender": (), "mocap_framerate": ()},
            }
            assert archive["poses"].dtype == archive["betas"].dtype == np.float64
            genders.append(archive["gender"].dtype.kind)
            frames.append(count)
    assert sorted(frames) == [0, 10, 10, 20, 20]
    assert set(genders) == {"U", "S"}
    assert (tmp_path / "ACCAD" / "extra" / "walk_stageii.npz").exists()


def test_the_world_is_z_up(tmp_path):
    amass.write(str(tmp_path), SynthesisConfig(num_frames=200))
    roots, heights = [], []
    for path in tmp_path.glob("ACCAD/*/*_0*_poses.npz"):
        with np.load(path, allow_pickle=False) as archive:
            roots.append(archive["poses"][:, :3])
            heights.append(archive["trans"][:, 2])
    head = Rotation.from_rotvec(np.concatenate(roots)).apply([0.0, 1.0, 0.0])
    assert np.mean(head[:, 2] > 0.7) > 0.5
    assert 0.5 < np.median(np.concatenate(heights)) < 1.1
