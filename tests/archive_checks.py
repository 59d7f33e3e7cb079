"""What the tests of SPIN's and mmhuman3d's files share: records of a twin against its truth."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.reader import read_records
from tfrecords_tools.schema import parse_image_example

# (place in J24, place in SMPL's tree) of the limbs' joints, typed in by hand: a swap would show.
SIDES = (
    *((0, 8), (1, 5), (4, 4), (5, 7), (6, 21), (7, 19), (8, 17)),
    *((9, 16), (10, 18), (11, 20)),
)


def convert(converter, out_dir, **arguments):
    """Returns part -> (manifest, image records as dicts of NumPy arrays)."""
    found = {}
    for part in converter.parts():
        manifest = convert_part(converter, part, str(out_dir), **arguments).manifest
        records = []
        for path in manifest.shard_paths(str(out_dir)):
            for serialized in read_records(path):
                if b"image/encoded" in serialized:
                    parsed = parse_image_example(serialized)
                    record = {key: value.numpy() for key, value in parsed.items()}
                    raw = tf.train.Example.FromString(serialized).features.feature
                    record["scale_factors"] = np.array(raw["meta/scale_factors"].float_list.value)
                    record["crop_origin"] = np.array(raw["meta/crop_pt"].int64_list.value)
                    records.append(record)
        found[part] = manifest, records
    return found


def one_line(converter, message):
    """Checks that a source is refused with one line."""
    with pytest.raises(DatasetError, match=message) as caught:
        for part in converter.parts():
            converter.fingerprint(part)
            converter.items(part)
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"{converter.name}: ")


class Truth:
    """The truth of a twin."""

    def __init__(self, folder):
        with np.load(folder / "smpl_truth.npz", allow_pickle=False) as file:
            self._arrays = dict(file)
        self._body = load_body("free_body")
        self._folder = folder

    def __getitem__(self, name):
        return self._arrays[name]

    def row(self, record):
        """Returns the row of a record, which names its image and stands by its 2D joints."""
        keys = ("dataset", "filename", "sequence")
        dataset, name, sequence = (record[key].decode() for key in keys)
        rows = [
            row
            for row, path in enumerate(self["image_path"])
            if str(path).rsplit("/", 1)[-1] == name
            and sequence in str(path)
            and self._is_of(str(path), dataset)
        ]
        if len(rows) == 1:
            return rows[0]
        sizes = {row: np.linalg.norm(self._misses(record, row)) for row in rows}
        return min(sizes, key=sizes.get)

    def _is_of(self, path, dataset):
        """Returns whether an image's path may be a dataset's; SPIN's 3DHP is mmhuman3d's S2."""
        name = dataset.split("/")[1].replace("_mosh", "").replace("coco_2014", "coco")
        is_spin = name.startswith("spin_")
        if not path.startswith(f"datasets/{name.replace('spin_', '')}/"):
            return False
        return is_spin == ("/S2/" in path)

    def check(self, *records):
        """Checks 2D joints against the posed body; returns how many sides were told apart."""
        told = 0
        for record in records:
            row = self.row(record)
            assert np.abs(self._misses(record, row)).max(initial=0) < 1.0
            pose, betas = self["pose_axis_angle"][row], self["betas"][row]
            _, joints = pose_body(self._body, pose, betas)
            smpl = self._to_record(record, row, joints)
            visible = record["keypoints_24_2d"][:, 2] > 0
            # Cocoplus begins as J24 does, but for the crown, and ends with J24's face.
            slots = [*range(13), *range(19, 24)]
            places = [*range(13), *range(14, 19)]
            np.testing.assert_array_equal(
                record["keypoints_2d"][places, :2], record["keypoints_24_2d"][slots, :2]
            )
            for slot, joint in SIDES:
                if visible[slot]:
                    other = dict(SIDES)[_mirror(slot)]
                    distance = np.linalg.norm(record["keypoints_24_2d"][slot, :2] - smpl[joint])
                    apart = np.linalg.norm(smpl[joint] - smpl[other])
                    assert distance < 8.0  # SMPL's joints are near the labels of the same name.
                    told += apart > 16.0
        return told

    def _misses(self, record, row):
        """Returns what 2D joints miss the body's own regressors' by, px of the record."""
        vertices, _ = pose_body(self._body, self["pose_axis_angle"][row], self["betas"][row])
        expected = self._to_record(record, row, self._body.regressor("j24") @ vertices)
        visible = record["keypoints_24_2d"][:, 2] > 0
        return (record["keypoints_24_2d"][:, :2] - expected)[visible]

    def _to_record(self, record, row, points):
        """Projects untranslated points with the true camera, then follows the box to the record."""
        points = points + self["translation"][row]
        fx, fy, cx, cy = self["intrinsics"][row].astype(np.float64)
        pixels = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
        factors, corner = record["scale_factors"], record["crop_origin"]
        return (pixels + 0.5) * factors[::-1] - 0.5 - corner


def _mirror(slot):
    """Returns the place in J24 of a limb's joint on the other side, by the published flip."""
    return [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6][slot]
