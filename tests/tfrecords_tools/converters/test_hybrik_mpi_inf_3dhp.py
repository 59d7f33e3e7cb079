"""HybrIK's MPI-INF-3DHP: both splits of the twin, wrong sources."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from people_checks import J24_FROM_H36M, BodyTruth, check_size, project
from photo_twin_checks import SIDES, convert, to_source

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import hybrik
from tfrecords_tools.converters.hybrik_mpi_inf_3dhp import HybrIK3DHPConverter
from tfrecords_tools.errors import DatasetError

_NAME = "hybrik_mpi_inf_3dhp"


def write_source(folder):
    """Writes a tiny tree; also used by the test of all converters."""
    config = SynthesisConfig(num_images=3, num_test=1, image_size=64)
    hybrik.write_mpi_inf_3dhp(str(folder), config)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp(_NAME) / "source"
    config = SynthesisConfig(num_images=5, num_test=2, image_size=112, seed=2)
    assert hybrik.write_mpi_inf_3dhp(str(folder), config) == f"5 images in {folder}"
    return folder


@pytest.mark.parametrize(("split", "count"), [("train", 3), ("test", 2)])
def test_people_are_the_truth(source, tmp_path, split, count):
    manifest, found = convert(_NAME, source, tmp_path, split)
    assert manifest.num_examples == manifest.num_with_3d == len(found) == count
    assert manifest.num_with_smpl == 0 and manifest.drops == {}
    truth = BodyTruth(source)
    slots = sorted(J24_FROM_H36M)
    for record, example in found:
        sequence, name = record["sequence"].decode(), record["filename"].decode()
        row = truth.rows[f"mpi_inf_3dhp_{split}_set/{sequence}/{name}", 0]
        joints = record["joints_24_3d"]
        assert np.flatnonzero(joints[:, 3]).tolist() == slots
        moved = joints[:, :3] + record["translation"] - truth.arrays["translation"][row]
        np.testing.assert_allclose(
            moved[slots], truth.arrays["joints_24_3d"][row][slots], atol=2e-4
        )
        _, smpl = truth.vertices(row)
        for side, slot, joint in SIDES:
            place = joints[slot, :3] + record["translation"]
            assert np.linalg.norm(place - smpl[joint]) < 0.06, side
        pixels = record["keypoints_24_2d"][slots, :2]
        np.testing.assert_allclose(pixels, project(joints[:, :3], record)[slots], atol=0.05)
        expected = truth.arrays["joints_24_3d"][row] + truth.arrays["translation"][row]
        expected = truth.project(row, expected)[slots]
        np.testing.assert_allclose(to_source(pixels, example), expected, atol=0.1)
        check_size(record)
        subject = record["subject"].decode()
        assert subject == sequence.split("/")[0] and record["frame"] == int(name[-10:-4])


def test_images_may_be_kept_as_they_are(source, tmp_path):
    _, found = convert(_NAME, source, tmp_path, "test", {"person_px": "0"})
    for record, _ in found:
        path = source / "mpi_inf_3dhp_test_set" / record["sequence"].decode()
        assert record["image_encoded"] == (path / record["filename"].decode()).read_bytes()
        pixels = record["keypoints_24_2d"][:12, :2]
        np.testing.assert_allclose(
            pixels, project(record["joints_24_3d"][:12, :3], record), atol=0.01
        )


def test_wrong_sources_are_one_line(source, tmp_path):
    with pytest.raises(DatasetError, match=r"must hold one file .*train\*\.json; there is none"):
        HybrIK3DHPConverter(source / "mpi_inf_3dhp_train_set").fingerprint("train")
    copy = tmp_path / "annotation_mpi_inf_3dhp_train_v2.json"
    shutil.copy(source / copy.name, copy)
    shutil.copy(copy, tmp_path / "annotation_mpi_inf_3dhp_train_v3.json")
    with pytest.raises(DatasetError, match=r"there are .*_v2\.json, .*_v3\.json; choose"):
        HybrIK3DHPConverter(tmp_path).items("train")
    options = {"labels": "annotation_mpi_inf_3dhp_train_v3.json"}
    with pytest.raises(DatasetError, match=r"3 of 3 samples are damaged \(3 missing"):
        convert(_NAME, tmp_path, tmp_path / "out", "train", options)
    copy.write_bytes(copy.read_bytes()[:1000])
    with pytest.raises(DatasetError, match=r"_v2\.json is no JSON file or is damaged"):
        HybrIK3DHPConverter(tmp_path, options={"labels": copy.name}).items("train")
