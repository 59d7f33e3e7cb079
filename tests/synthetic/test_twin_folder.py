"""Twins are filled piece by piece, whatever the number of processes, and say what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic import twin_folder
from tfrecords_tools import atomic_file

_CONFIG = SynthesisConfig(num_images=3, num_test=1, image_size=48)


class _Portraits(twin_folder.TwinMaker):
    """One picture a piece; stops at the piece that a file named `stop` names."""

    dataset = "portraits"

    def pieces(self):
        return [f"{index}.txt" for index in range(self.config.num_images)]

    def draw(self, index, piece):
        stop = self.folder / "stop"
        if stop.exists() and stop.read_text() == piece:
            raise KeyboardInterrupt
        size = self.config.image_size
        shot = self.studio.photograph(self.random(index), size, size, num_people=1 + index % 2)
        atomic_file.write_bytes(self.folder / piece, shot.image.tobytes())
        return [(piece, k, person, shot.intrinsics) for k, person in enumerate(shot.people)]

    def finish(self):
        (self.folder / "README").write_text("portraits")


def _fill(folder: Path, config=_CONFIG, num_workers=0):
    twin_folder.fill(_Portraits, folder, config, num_workers, ["0.txt"])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.name != "stop"}


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    return _fill(tmp_path_factory.mktemp("twin") / "whole")


def test_the_folder_holds_the_pieces_and_their_truth(portraits, tmp_path):
    assert set(portraits) == {
        *("0.txt", "1.txt", "2.txt"),
        *("README", "smpl_truth.npz", "synthesize.json"),
    }
    (tmp_path / "truth.npz").write_bytes(portraits["smpl_truth.npz"])
    with np.load(tmp_path / "truth.npz", allow_pickle=False) as truth:
        assert truth["image_path"].tolist() == ["0.txt", "1.txt", "1.txt", "2.txt"]
        assert truth["person"].tolist() == [0, 0, 1, 0]
        assert truth["pose_axis_angle"].shape == (4, 72)
        assert truth["body_kind"] == "free_body"


def test_interrupted_work_ends_with_the_same_bytes(portraits, tmp_path):
    (tmp_path / "stop").write_text("1.txt")
    with pytest.raises(KeyboardInterrupt):
        _fill(tmp_path)
    assert not (tmp_path / "smpl_truth.npz").exists()
    (tmp_path / "stop").unlink()
    first = (tmp_path / "0.txt").stat().st_mtime_ns
    assert _fill(tmp_path) == portraits == _fill(tmp_path)
    assert (tmp_path / "0.txt").stat().st_mtime_ns == first


def test_what_a_kill_at_the_end_left_is_removed(portraits, tmp_path):
    _fill(tmp_path)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "part_0000000.npz").touch()
    assert _fill(tmp_path) == portraits
    assert not (tmp_path / "unfinished").exists()


def test_wrong_settings_are_refused(tmp_path):
    with pytest.raises(DataError, match="num_test must lie between 0 and num_images=3; received 4"):
        _fill(tmp_path, dataclasses.replace(_CONFIG, num_test=4))
    (tmp_path / "0.txt").touch()
    with pytest.raises(DataError, match=r"already holds '0\.txt'"):
        _fill(tmp_path)
