"""What the tests of photo datasets share: records of a twin against the truth beside it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from tfrecords_tools.driver import convert_part
from tfrecords_tools.reader import read_records
from tfrecords_tools.registry import get_converter
from tfrecords_tools.schema import parse_image_example

# (name, place in cocoplus, place in SMPL's tree), typed in by hand: a swap would show.
SIDES = (
    *(("right knee", 1, 5), ("left knee", 4, 4), ("right ankle", 0, 8), ("left ankle", 5, 7)),
    *(("right wrist", 6, 21), ("left wrist", 11, 20), ("right elbow", 7, 19)),
    *(("left elbow", 10, 18), ("right shoulder", 8, 17), ("left shoulder", 9, 16)),
)


def convert(name, folder, out_dir, split="", options=None, **arguments):
    """Returns the manifest and the records as (parsed dict of NumPy arrays, raw Example)."""
    converter = get_converter(name)(folder, split, (), options)
    part = converter.parts()[0]
    manifest = convert_part(converter, part, str(out_dir), **arguments).manifest
    records = [r for path in manifest.shard_paths(str(out_dir)) for r in read_records(path)]
    parsed = [{k: v.numpy() for k, v in parse_image_example(r).items()} for r in records]
    return manifest, list(zip(parsed, map(tf.train.Example.FromString, records)))


class Truth:
    """The truth of a twin by image name and number of the person."""

    def __init__(self, folder):
        with np.load(folder / "smpl_truth.npz", allow_pickle=False) as file:
            self.arrays = dict(file)
        names = [str(path).rsplit("/", 1)[-1] for path in self.arrays["image_path"]]
        self.rows = {key: row for row, key in enumerate(zip(names, self.arrays["person"]))}
        self.body = load_body("free_body")

    def project(self, row, points):
        """Projects `[K, 3]` untranslated points of a person to px of the source image."""
        points = np.asarray(points, np.float64) + self.arrays["translation"][row]
        fx, fy, cx, cy = self.arrays["intrinsics"][row].astype(np.float64)
        return points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]

    def cocoplus(self, row):
        """Returns cocoplus in px of the source image, from the body's own regressor."""
        vertices, joints = pose_body(
            self.body, self.arrays["pose_axis_angle"][row], self.arrays["betas"][row]
        )
        keypoints = self.project(row, self.body.regressor("cocoplus") @ vertices)
        return keypoints, self.project(row, joints)


def to_source(points, example):
    """Moves record px back to px of the source image, by what the record says of the resize."""
    features = example.features.feature
    factor_y, factor_x = features["meta/scale_factors"].float_list.value
    corner = np.array(features["meta/crop_pt"].int64_list.value)
    return (points + corner + 0.5) / [factor_x, factor_y] - 0.5


def check_records(truth, records, person_of, rounding_px=0.0):
    """Checks every record's keypoints against its body; returns how many sides were told apart.

    Args:
        truth: the twin's `Truth`.
        records: from `convert`.
        person_of: parsed record -> number of the person in the picture.
        rounding_px: to what part of a source pixel the dataset rounds.
    """
    told = 0
    for parsed, example in records:
        row = truth.rows[parsed["filename"].decode(), person_of(parsed)]
        keypoints, smpl = truth.cocoplus(row)
        visible = parsed["keypoints_2d"][:, 2] > 0
        assert visible.any()
        seen = to_source(parsed["keypoints_2d"][:, :2], example)
        error = np.abs(seen - keypoints)[visible].max()
        assert error < rounding_px + 0.02, parsed["filename"]
        assert not parsed["keypoints_2d"][~visible].any()
        same = parsed["keypoints_24_2d"][:14]
        np.testing.assert_array_equal(same[:, 2] > 0, visible[:14])
        np.testing.assert_allclose(same[:, :2], parsed["keypoints_2d"][:14, :2], atol=1e-3)
        for (name, place, joint), (_, _, other) in zip(SIDES, _opposite(SIDES)):
            gap = np.linalg.norm(smpl[joint] - smpl[other])
            if visible[place] and gap > 12:
                told += 1
                distance = np.linalg.norm(seen[place] - smpl[joint])
                assert distance < 0.7 * gap, (name, parsed["filename"])
        box = parsed["box_xyxy"]
        if parsed["has_box"]:
            assert (box[2:] > box[:2]).all()
    return told


def _opposite(sides):
    by_name = {name: entry for entry in sides for name in [entry[0]]}
    swapped = {"right": "left", "left": "right"}
    for name, _, _ in sides:
        side, joint = name.split()
        yield by_name[f"{swapped[side]} {joint}"]
