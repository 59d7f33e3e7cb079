"""`predict` as a user runs it."""

import json

import cv2
import numpy as np
import pytest
import tiny_checkpoint
from tiny_checkpoint import run_command


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny_checkpoint.save(folder, spread=0.0)
    return folder


def _photo(height=90, width=60):
    return np.full((height, width, 3), (10, 90, 40), np.uint8)


def test_a_folder_with_broken_pictures_among_good_ones(tmp_path, checkpoint):
    photos, out_dir = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.jpg"), _photo())
    cv2.imwrite(str(photos / "a.png"), _photo()[..., 0])
    cv2.imwrite(str(photos / "two.png"), _photo(60, 120))
    (photos / "cut.jpg").write_bytes((photos / "a.jpg").read_bytes()[:-30])
    (photos / "empty.png").touch()
    (photos / "notes.txt").write_text("no picture")
    boxes = [
        {"file_name": "two.png", "bbox": [10, 5, 30, 50]},
        {"file_name": "two.png", "bbox": [70, 5, 30, 50], "score": 0.5},
        {"file_name": "a.jpg", "bbox": [10, 5, 30, 50]},
        {"file_name": "a.png", "bbox": [500, 5, 30, 50]},
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    result = run_command(
        *("predict", f"--checkpoint={checkpoint}", f"--input={photos}"),
        *(f"--out_dir={out_dir}", f"--boxes={tmp_path / 'boxes.json'}"),
    )
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("skipped:")]
    assert len(lines) == 3
    for line, word in zip(lines, ("a.png lies outside", "cut.jpg", "empty.png")):
        assert word in line
    assert "2 of 5 images done, 3 could not be used" in result.stdout
    assert "two.png: 2 people -> two.npz" in result.stdout
    assert sorted(path.name for path in out_dir.iterdir()) == [
        *("a_jpg.npz", "a_jpg.obj", "a_jpg_overlay.png", "a_jpg_side.png"),
        *("two.npz", "two_1.obj", "two_2.obj", "two_overlay.png", "two_side.png"),
    ]
    two = np.load(out_dir / "two.npz")
    assert all(np.isfinite(two[key]).all() for key in two)
    # The mean body stands in the middle of each box, heads up.
    points = two["keypoints_2d_image"]
    np.testing.assert_allclose(points.mean(axis=1)[:, 0], [25, 85], atol=1.5)
    assert (points[:, 13, 1] < points[:, 0, 1] - 30).all()
    overlay = cv2.imread(str(out_dir / "two_overlay.png"))
    changed = (overlay != _photo(60, 120)).any(axis=-1)
    assert changed[20:40, 20:30].any() and changed[20:40, 80:90].any()
    assert not changed[:, 55:65].any()


def test_a_wrong_path_is_one_line(tmp_path):
    result = run_command(
        *("predict", "--checkpoint=none", f"--out_dir={tmp_path / 'out'}"),
        f"--input={tmp_path / 'none.jpg'}",
    )
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: there is no image file") and "none.jpg" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--people=best"], "--people chooses among boxes; give --boxes, too."),
        (["--out_dir={photo}"], "photo.jpg' is a file."),
        (["--boxes=1,2,3"], "boxes must be x,y,w,h in px"),
        (["--boxes={photo}"], "photo.jpg is not readable as JSON"),
    ],
)
def test_flags_that_cannot_work_are_told_before_the_checkpoint_is_read(tmp_path, flags, message):
    photo, out_dir = tmp_path / "photo.jpg", tmp_path / "out"
    cv2.imwrite(str(photo), _photo())
    result = run_command(
        *("predict", "--checkpoint=none", f"--input={photo}", f"--out_dir={out_dir}"),
        *(flag.format(photo=photo) for flag in flags),
    )
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ") and message in line and not out_dir.exists()


def test_a_folder_without_a_usable_picture_fails(tmp_path, checkpoint):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    result = run_command(
        *("predict", f"--checkpoint={checkpoint}", f"--input={photos}"),
        f"--out_dir={tmp_path / 'out'}",
    )
    assert result.returncode == 1
    skipped, error = result.stderr.strip().splitlines()[-2:]
    assert "broken.jpg" in skipped and error.startswith("error: 0 of 1 images done")
