"""Frames come by their number, and damaged videos give one clear error."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tfrecords_tools import video_frames
from tfrecords_tools.errors import ImageError

_ROOT = pathlib.Path(__file__).parents[2]
_NUM_FRAMES = 12


def _write(path, num_frames=_NUM_FRAMES, first=0, code="MJPG", step=1.0):
    """Writes frames whose red is 20 times their number and whose blue is 240 less that."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 25, (64, 48))
    assert writer.isOpened()
    for number in range(first, first + num_frames):
        frame = np.empty((48, 64, 3), np.uint8)
        red = 20 * step * number
        frame[:] = [240 - red, 128, red]
        writer.write(frame)
    writer.release()
    return str(path)


def _number(image):
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8
    red, _, blue = image.reshape(-1, 3).mean(axis=0)
    assert red + blue == pytest.approx(240, abs=12)
    return round(red / 20)


@pytest.mark.parametrize(
    ("name", "code"), [("a.avi", "MJPG"), ("a.avi", "XVID"), ("a.mp4", "mp4v")]
)
def test_frames_by_number_in_any_order(tmp_path, name, code):
    frames = video_frames.VideoFrames(_write(tmp_path / name, code=code))
    order = [0, 1, 5, 5, 11, 2, 3, 0, 11]
    assert [_number(frames.read(index)) for index in order] == order


def test_beyond_the_end(tmp_path):
    path = _write(tmp_path / "a.avi")
    frames = video_frames.VideoFrames(path)
    for index in (12, 13, 500):
        with pytest.raises(ImageError, match=f"^missing frame: .*a.avi holds no frame {index}"):
            frames.read(index)
    assert _number(frames.read(4)) == 4


def test_missing_and_damaged_videos(tmp_path):
    with pytest.raises(ImageError, match=r"^missing video: "):
        video_frames.open_video(str(tmp_path / "none.avi"))
    with pytest.raises(ImageError, match=r"^missing video: "):
        video_frames.VideoFrames(str(tmp_path / "none.avi")).read(0)
    (tmp_path / "bad.avi").write_bytes(b"RIFF" + bytes(5000))
    with pytest.raises(ImageError, match=r"^corrupt video: "):
        video_frames.open_video(str(tmp_path / "bad.avi")).read(0)


@pytest.mark.parametrize("code", ["MJPG", "XVID"])
def test_a_cut_video_has_its_first_frames(tmp_path, code):
    path = tmp_path / "a.avi"
    _write(path, num_frames=400, step=0.03, code=code)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = video_frames.open_video(str(path))
    for number in (0, 100):
        assert frames.read(number).shape == (48, 64, 3)
    with pytest.raises(ImageError, match=r"^missing frame: "):
        frames.read(390)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ImageError, match=r"^(missing frame|corrupt video): "):
        video_frames.open_video(str(path)).read(300)


def test_damaged_videos_are_not_complained_about_twice(tmp_path):
    path = tmp_path / "a.avi"
    _write(path)
    path.write_bytes(path.read_bytes()[:3000])
    program = f"from tfrecords_tools import video_frames as v; v.open_video({str(path)!r}).read(9)"
    # FFmpeg reads its settings once in a process.
    run = subprocess.run([sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    first, last = run.stderr.splitlines()[0], run.stderr.splitlines()[-1]
    assert first.startswith("Traceback") and "ImageError" in last


def test_the_last_video_stays_open_until_its_file_changes(tmp_path):
    path = tmp_path / "a.avi"
    _write(path)
    frames = video_frames.open_video(str(path))
    assert video_frames.open_video(str(path)) is frames
    _write(path, num_frames=3, first=7)
    assert _number(video_frames.open_video(str(path)).read(0)) == 7
