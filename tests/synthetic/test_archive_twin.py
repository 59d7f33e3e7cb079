"""What the twins of archives of labels share."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import archive_twin, twin_folder
from hmr_tf.synthetic.studio import Studio
from tfrecords_tools import skeletons


@pytest.fixture(scope="module")
def person():
    studio = Studio(load_body("free_body"), 0)
    return studio.photograph(np.random.default_rng(0), 64, 48).people[0]


def test_only_the_datasets_own_joints_are_known(person):
    pixels, points = archive_twin.labelled_j24(person, skeletons.COCO17)
    known = [*range(12), *range(19, 24)]
    assert np.flatnonzero(pixels[:, 2]).tolist() == np.flatnonzero(points[:, 3]).tolist() == known
    np.testing.assert_allclose(pixels[known, :2], person.project(person.j24)[known])
    np.testing.assert_allclose(points[known, :3], (person.j24 - person.j24[14])[known], atol=1e-6)
    unknown = np.setdiff1d(np.arange(24), known)
    assert not pixels[unknown].any() and not points[unknown].any()


def test_a_detector_finds_what_is_in_the_picture(person):
    found = archive_twin.detected_body_25(np.random.default_rng(1), person, skeletons.BODY25)
    seen = found[:, 2] > 0
    assert seen[:19].any() and not seen[19:].any()
    # The detector's nose, right wrist and left ear, and the same in J24.
    for place, slot in ((0, 19), (4, 6), (18, 22)):
        if seen[place]:
            expected = person.project(person.j24[slot : slot + 1])[0]
            np.testing.assert_allclose(found[place, :2], expected, atol=1e-4)
    hips = person.project((person.j24[2:3] + person.j24[3:4]) / 2)[0]
    if seen[8]:
        np.testing.assert_allclose(found[8, :2], hips, atol=1e-3)
    pixels = found[seen, :2]
    assert archive_twin.in_picture(person, pixels).all()
    assert not archive_twin.in_picture(person, np.array([[-1.0, 5], [48, 5], [5, 64]])).any()


def test_boxes_are_around_what_is_known():
    points = np.array([[3.0, 9, 1], [99, 99, 0], [7, 4, 0.5]])
    np.testing.assert_array_equal(archive_twin.box_of(points), [3, 4, 7, 9])


class _Maker(archive_twin.ArchiveTwin):
    dataset = "stub"
    train_files, test_files = ("a_train", "b_train"), ("c_test",)

    def photograph(self, random, piece, split):
        return self.studio.photograph(random, 32, 32, split=split)

    def image_path(self, piece):
        return "images", f"{piece[0]}_{piece[1]}.jpg"

    def rows(self, random, piece, picture):
        return [(0, {"number": np.array(piece[1])})]

    def write_labels(self, file, rows):
        names = ",".join(rows["image"].tolist())
        (self.folder / f"{file}.txt").write_text(f"{names} {rows['number'].tolist()}")


def _fill(folder, **changes):
    config = SynthesisConfig(**{"num_images": 6, "num_test": 1, "image_size": 32, **changes})
    twin_folder.fill(_Maker, folder, config, 0, ("images",))
    return {path.name: path.read_text() for path in folder.glob("*.txt")}


def test_files_take_turns(tmp_path):
    assert _fill(tmp_path) == {
        "a_train.txt": "a_train_0.jpg,a_train_1.jpg,a_train_2.jpg [0, 1, 2]",
        "b_train.txt": "b_train_0.jpg,b_train_1.jpg [0, 1]",
        "c_test.txt": "c_test_0.jpg [0]",
    }
    with np.load(tmp_path / "smpl_truth.npz", allow_pickle=False) as truth:
        assert truth["image_path"].tolist()[:2] == ["images/a_train_0.jpg", "images/b_train_0.jpg"]
    assert not (tmp_path / "unfinished").exists()


def test_large_twins_have_broken_images(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_twin, "_BROKEN_FROM", 4)
    monkeypatch.setattr(archive_twin, "_CORRUPT", 1)
    monkeypatch.setattr(archive_twin, "_MISSING", 2)
    _fill(tmp_path)
    assert not (tmp_path / "images" / "a_train_1.jpg").exists()
    assert (tmp_path / "images" / "b_train_0.jpg").read_bytes()[-2:] != b"\xff\xd9"
    assert (tmp_path / "images" / "a_train_0.jpg").read_bytes()[-2:] == b"\xff\xd9"
