"""Human3.6M as distributed: pieces of clips and where pictures are; see the converter's test."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.synthetic.layouts import h36m as layout
from tfrecords_tools import h36m_clips
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError


@pytest.fixture
def tree(tmp_path):
    """A clip of 1203 frames and one whose video is corrupt, without pictures."""
    for subject, stem, frames in (
        ("S1", "Photo 1.54138969", 1203),
        ("S11", "Directions.54138969", 9),
    ):
        folder = tmp_path / subject / "MyPoseFeatures"
        layout.write_poses(folder / "D3_Positions_mono" / f"{stem}.cdf", np.ones((frames, 96)))
        layout.write_poses(folder / "D2_Positions" / f"{stem}.cdf", np.ones((frames, 64)))
    return tmp_path


@pytest.mark.parametrize("step", [1, 5, 7, 64, 600])
def test_pieces_make_up_the_clip(tree, step):
    pieces = h36m_clips.Source(str(tree), "original", step).pieces(["S1"])
    frames = [frame for piece in pieces for frame in piece.frames]
    assert frames == list(range(0, 1203, step))
    assert max(len(piece.frames) * step for piece in pieces) <= max(500, step) + step
    assert pieces[0].path.endswith("S1/Videos/Photo 1.54138969.mp4")


def test_corrupt_videos_are_known(tree):
    (drop,) = h36m_clips.Source(str(tree), "original").pieces(["S9", "S11"])
    assert isinstance(drop, Drop) and not drop.is_error
    assert drop.name == "S11_Directions.54138969"
    with pytest.raises(DatasetError, match="of the subjects S9; download"):
        h36m_clips.Source(str(tree), "original").pieces(["S9"])


def test_images_are_numbered_with_six_digits_or_five(tree):
    (piece, *_) = h36m_clips.Source(str(tree), "mmhuman3d").pieces(["S1"])
    stem = "S1/images/S1_Photo_1.54138969/S1_Photo_1.54138969"
    assert piece.path == str(tree / stem)
    assert h36m_clips._image_path(piece.path, 5).endswith("_000006.jpg")
    path = tree / f"{stem}_00006.jpg"
    path.parent.mkdir(parents=True)
    path.touch()
    assert h36m_clips._image_path(piece.path, 5) == str(path)
    assert h36m_clips.find_pictures(str(tree), ["S1", "S5"]) == ["mmhuman3d"]
    assert h36m_clips.find_pictures(str(tree), ["S5"]) == []
