from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import photo_twin, twin_folder
from tfrecords_tools import coco_format


class Maker(photo_twin.PhotoTwin):
    dataset = "made_up"

    def image_names(self, index):
        return [f"{folder}/{index}.jpg" for folder in "ab"]

    def write_labels(self, notes):
        (self.folder / "labels.json").write_text(json.dumps(notes))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twin")
    config = SynthesisConfig(num_images=9, num_test=3, image_size=96)
    twin_folder.fill(Maker, Path(folder), config, 0, ("labels.json",))
    return folder


def test_notes_tell_what_is_seen(twin):
    notes = json.loads((twin / "labels.json").read_text())
    assert [note["split"] for note in notes] == ["train"] * 6 + ["test"] * 3
    assert [note["kind"] for note in notes] == list(photo_twin.SCENES[:9])
    truth = np.load(twin / "smpl_truth.npz", allow_pickle=False)
    rows = dict(zip(zip(truth["image_path"].tolist(), truth["person"].tolist()), range(999)))
    for note in notes:
        image = cv2.imread(str(twin / "a" / f"{note['index']}.jpg"))
        assert image.shape == (note["height"], note["width"], 3)
        for number, person in enumerate(note["people"]):
            row = rows[f"b/{note['index']}.jpg", number]
            assert rows[f"a/{note['index']}.jpg", number] != row
            joints = truth["joints_24_3d"][row].astype(float) + truth["translation"][row]
            fx, fy, cx, cy = truth["intrinsics"][row]
            pixels = joints[:, :2] / joints[:, 2:] * [fx, fy] + [cx, cy]
            np.testing.assert_allclose(person["j24"], pixels, atol=1e-2)
            is_outside = (pixels < -0.5) | (pixels > [note["width"] - 0.5, note["height"] - 0.5])
            assert not np.array(person["state"])[is_outside.any(axis=1)].any()


def test_kinds_of_pictures_are_what_they_say(twin):
    notes = {note["kind"]: note for note in json.loads((twin / "labels.json").read_text())}
    counts = {kind: len(note["people"]) for kind, note in notes.items()}
    assert (counts["one"], counts["two"], counts["border"], counts["crowd"]) == (1, 2, 2, 5)
    assert not any(notes["empty"]["people"][0]["state"])
    face = np.flatnonzero(notes["face"]["people"][0]["state"]).tolist()
    assert face == [8, 9, 19, 20, 21, 22, 23]
    assert 8 <= notes["unlabelled"]["people"][0]["state"].count(0) < 24
    assert notes["small"]["height"] < 100 and notes["small"]["people"]
    assert 0 in notes["border"]["people"][0]["state"]


def test_outlines_and_runs_cover_the_mask(twin):
    for note in json.loads((twin / "labels.json").read_text()):
        for person in note["people"]:
            size = note["height"], note["width"]
            assert sum(person["runs"]) == size[0] * size[1]
            values = np.arange(len(person["runs"])) % 2 == 1
            mask = np.repeat(values, person["runs"]).reshape(size[::-1]).T
            assert mask.sum() == person["area"]
            if not person["area"]:
                continue
            rows, columns = np.nonzero(mask)
            assert person["box"] == [columns.min(), rows.min(), columns.max(), rows.max()]
            drawn = np.zeros(size, np.uint8)
            for polygon in person["outline"]:
                points = np.rint((np.array(polygon).reshape(-1, 2) - 0.5) * 16).astype(np.int32)
                cv2.fillPoly(drawn, [points], 1, shift=4)
            # Holes are filled and outlines are half a pixel off at most.
            assert (mask & (drawn == 0)).sum() <= 0.05 * mask.sum()
            height = coco_format.mask_rows({"segmentation": person["outline"]})
            assert abs(height - (rows.max() - rows.min() + 1)) <= 1
            runs = {"size": list(size), "counts": person["runs"]}
            assert coco_format.mask_rows({"segmentation": runs}) in (
                rows.max() - rows.min() + 1,
                size[0],
            )


def test_equal_settings_write_equal_bytes(twin, tmp_path):
    config = SynthesisConfig(num_images=9, num_test=3, image_size=96)
    twin_folder.fill(Maker, tmp_path, config, 0, ("labels.json",))
    files = [p for p in sorted(twin.rglob("*")) if p.is_file()]
    assert len(files) == 21
    for path in files:
        assert path.read_bytes() == (tmp_path / path.relative_to(twin)).read_bytes()


def test_large_twins_have_a_corrupt_and_a_missing_image(tmp_path):
    config = SynthesisConfig(num_images=81, num_test=1, image_size=48)
    maker = Maker(tmp_path, config)
    for index in (9, 10, 11):
        maker.draw(index, index)
    assert cv2.imread(str(tmp_path / "a" / "10.jpg")) is not None
    content = (tmp_path / "a" / "9.jpg").read_bytes()
    assert not content.endswith(b"\xff\xd9")
    assert not (tmp_path / "a" / "11.jpg").exists()
