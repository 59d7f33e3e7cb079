"""Joints go to their namesakes."""

from __future__ import annotations

import numpy as np

from tfrecords_tools import joint_fields
from tfrecords_tools.skeletons import COCO17, LSP14, MPI_INF_3DHP17, SMPL24


def test_rearranged_points_have_zeros_for_what_is_absent():
    points = np.arange(17 * 2.0).reshape(17, 2) + 1
    moved = joint_fields.rearrange(points, COCO17, LSP14)
    # COCO: 16 right ankle, 5 left shoulder; it has neither neck nor head top.
    np.testing.assert_array_equal(moved[0], points[16])
    np.testing.assert_array_equal(moved[9], points[5])
    np.testing.assert_array_equal(moved[12:], 0)
    stacked = joint_fields.rearrange(np.stack([points, 2 * points]), COCO17, LSP14)
    np.testing.assert_array_equal(stacked, [moved, 2 * moved])


def test_2d_fields_hide_what_is_not_visible():
    points = np.random.default_rng(0).uniform(1, 9, (17, 3))
    points[10, 2] = 0  # left wrist of COCO is 9, right wrist 10
    fields = joint_fields.fields_2d(points, COCO17)
    assert fields["keypoints_2d"].shape == (19, 3) and fields["keypoints_24_2d"].shape == (24, 3)
    np.testing.assert_array_equal(fields["keypoints_2d"][6], 0)
    np.testing.assert_array_equal(fields["keypoints_2d"][11], points[9])
    # Nose, left eye, right eye, left ear, right ear, in both.
    np.testing.assert_array_equal(fields["keypoints_2d"][14:], points[:5])
    np.testing.assert_array_equal(fields["keypoints_24_2d"][19:], points[:5])


def test_3d_fields_are_relative_to_the_origin():
    points = np.random.default_rng(0).normal(size=(17, 3))
    fields = joint_fields.fields_3d(points, MPI_INF_3DHP17, points[14])
    joints = fields["joints_24_3d"]
    # Slot 14 pelvis, 3 left hip (11), 17 jaw (16), 18 head top (0); 13 and the face are empty.
    np.testing.assert_array_equal(joints[14], [0, 0, 0, 1])
    np.testing.assert_array_equal(joints[3, :3], points[11] - points[14])
    np.testing.assert_array_equal(joints[17, :3], points[16] - points[14])
    np.testing.assert_array_equal(joints[18, :3], points[0] - points[14])
    np.testing.assert_array_equal(joints[[13, 15, *range(19, 24)]], 0)
    np.testing.assert_array_equal(fields["joints_3d"][13], joints[18, :3])
    assert fields["joints_3d"].shape == (14, 3)


def test_sets_without_all_of_lsps_joints_give_no_joints_3d():
    points = np.random.default_rng(0).normal(size=(24, 3))
    fields = joint_fields.fields_3d(points, SMPL24, np.zeros(3))
    assert set(fields) == {"joints_24_3d"}
    # Left wrist and right knee; SMPL's hips, neck and head are other points than LSP's.
    np.testing.assert_array_equal(fields["joints_24_3d"][[11, 1], :3], points[[20, 5]])
    assert fields["joints_24_3d"][:, 3].sum() == 10


def test_relative_size():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, 17, 3))
    sizes = np.array([0.5, 1.0, 1.7, 3.0])
    others = points * sizes[:, None, None] + rng.normal(size=(4, 1, 3))
    np.testing.assert_allclose(joint_fields.relative_size(others, points, 14), sizes)
    assert joint_fields.relative_size(points[:1], np.zeros((1, 17, 3)), 14) == 0
