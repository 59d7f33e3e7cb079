"""Names of Human3.6M: clips of files and of numbers."""

from __future__ import annotations

import pytest

from tfrecords_tools import h36m_names


@pytest.mark.parametrize(
    ("stem", "sequence"),
    [
        ("Directions 1.54138969", "S9_Directions_1.54138969"),
        ("Directions.60457274", "S9_Directions.60457274"),
        ("SittingDown 2.55011271", "S9_SittingDown_2.55011271"),
        ("TakingPhoto.58860488", "S9_Photo.58860488"),
        ("WakingDog 1.58860488", "S9_WalkDog_1.58860488"),
    ],
)
def test_file_names(stem, sequence):
    clip = h36m_names.parse_stem("S9", stem)
    assert clip.sequence == sequence and clip.stem == stem
    assert clip.image_stem == "S9_" + stem.replace(" ", "_")


@pytest.mark.parametrize("stem", ["_ALL.54138969", "_ALL 1.54138969", "Directions 1", "x.12345678"])
def test_other_files_are_no_clips(stem):
    assert h36m_names.parse_stem("S1", stem) is None


def test_numbers():
    clip, frame = h36m_names.parse_image_name("a/s_11_act_14_subact_02_ca_04_000101.jpg")
    assert clip.sequence == "S11_Walking_subact2.60457274" and frame == 100
    assert clip.stem == "s_11_act_14_subact_02_ca_04"
    numbers = (2, 6, 7, 12, 15, 16)
    actions = [h36m_names.parse_numbered(1, number, 1, 1).action for number in numbers]
    assert actions == ["Directions", "Phoning", "Posing", "Photo", "WalkDog", "WalkTogether"]
    assert h36m_names.parse_numbered(1, 1, 1, 1) is None
    assert h36m_names.parse_numbered(1, 2, 1, 5) is None
    assert h36m_names.parse_image_name("s_11_act_17_subact_02_ca_04_000101.jpg") is None
    assert h36m_names.parse_image_name("frame_000001.jpg") is None
