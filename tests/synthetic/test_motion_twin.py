"""Motions are written one by one: the same whatever is there already."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic import motion_twin

_CONFIG = SynthesisConfig(num_frames=50, num_limit_frames=30, seed=4)


class _Twin(motion_twin.MotionTwin):
    name = "plain"
    extreme = ("hard",)

    def counts(self):
        return {"easy": self.config.num_frames, "hard": self.config.num_limit_frames}

    def path(self, motion):
        return self.folder / motion.dataset / f"{motion.number}_{self.subject(motion)}"

    def encode(self, motion, pose, betas, translation):
        assert pose.shape == (motion.num_frames, 72) and betas.shape == (10,)
        assert translation.shape == (motion.num_frames, 3)
        return pose.astype(np.float64).tobytes()

    def finish(self):
        (self.folder / "done").touch()


@pytest.fixture(autouse=True)
def short_motions(monkeypatch):
    monkeypatch.setattr(motion_twin, "FRAMES_PER_MOTION", 20)


def _contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*")}


def test_motions_are_complete_and_repeat(tmp_path):
    assert "80 frames in 5 motions" in motion_twin.fill(_Twin, tmp_path / "a", _CONFIG, 0)
    contents = _contents(tmp_path / "a")
    sizes = sorted(len(content) // (72 * 8) for content in contents.values())
    assert sizes == [10, 10, 20, 20, 20]
    assert (tmp_path / "a" / "done").exists()
    victim = next((tmp_path / "a" / "easy").iterdir())
    victim.unlink()
    motion_twin.fill(_Twin, tmp_path / "a", _CONFIG, 0)
    assert _contents(tmp_path / "a") == contents
    other = dataclasses.replace(_CONFIG, seed=5)
    motion_twin.fill(_Twin, tmp_path / "b", other, 0)
    assert _contents(tmp_path / "b") != contents
    with pytest.raises(DataError, match="made with seed=4; these settings have seed=5"):
        motion_twin.fill(_Twin, tmp_path / "a", other, 0)
