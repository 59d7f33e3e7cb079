"""What the tests of datasets with bodies share: records of a twin against the truth beside it."""

from __future__ import annotations

import numpy as np
from photo_twin_checks import SIDES, _opposite, to_source
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body

# Places of J24 -> rows of the regressor of Human3.6M's joints (pelvis, left leg, right leg, spine,
# neck, jaw, head top, left arm, right arm), typed in by hand.
J24_FROM_H36M = {
    **{0: 6, 1: 5, 2: 4, 3: 1, 4: 2, 5: 3},
    **{6: 16, 7: 15, 8: 14, 9: 11, 10: 12, 11: 13},
    **{12: 8, 14: 0, 16: 7, 17: 9, 18: 10},
}


class BodyTruth:
    """The truth of a twin: rows by image path, and the bodies that they make."""

    def __init__(self, folder):
        with np.load(folder / "smpl_truth.npz", allow_pickle=False) as file:
            self.arrays = dict(file)
        paths = [str(path) for path in self.arrays["image_path"]]
        self.rows = {
            (path, int(number)): row
            for row, (path, number) in enumerate(zip(paths, self.arrays["person"]))
        }
        self.body = load_body("free_body")

    def vertices(self, row):
        """Returns the vertices and SMPL's joints of a row, m, camera frame."""
        pose, betas, translation = (
            self.arrays[name][row] for name in ("pose_axis_angle", "betas", "translation")
        )
        vertices, joints = pose_body(self.body, pose, betas)
        return vertices + translation, joints + translation

    def project(self, row, points):
        """Projects camera-frame points to px of the source image."""
        fx, fy, cx, cy = self.arrays["intrinsics"][row].astype(np.float64)
        return points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]


def project(points, record):
    """Projects a record's 3D points to px of its image."""
    points = points + record["translation"]
    return points[:, :2] / points[:, 2:] * record["intrinsics"][:2] + record["intrinsics"][2:]


def check_3d(record, truth, row, atol=2e-4):
    """The record's 3D joints are the body's, by name, and project onto its 2D joints."""
    slots = sorted(J24_FROM_H36M)
    joints = record["joints_24_3d"]
    assert np.flatnonzero(joints[:, 3] > 0).tolist() == slots
    vertices, smpl = truth.vertices(row)
    expected = truth.body.regressor("h36m") @ vertices
    moved = joints[:, :3] + record["translation"]
    rows = [J24_FROM_H36M[slot] for slot in slots]
    np.testing.assert_allclose(moved[slots], expected[rows], atol=atol)
    for name, slot, joint in SIDES:
        assert np.linalg.norm(moved[slot] - smpl[joint]) < 0.06, name
    np.testing.assert_array_equal(record["joints_3d"][:13], joints[:13, :3])
    np.testing.assert_array_equal(record["joints_3d"][13], joints[18, :3])
    pixels = record["keypoints_24_2d"]
    np.testing.assert_array_equal(pixels[:, 2] > 0, joints[:, 3] > 0)
    projected = project(joints[:, :3], record)
    np.testing.assert_allclose(pixels[slots, :2], projected[slots], atol=0.05)
    np.testing.assert_allclose(
        record["keypoints_2d"][:14, :2], project(record["joints_3d"], record), atol=0.05
    )


def check_2d(record, example, truth, row, atol=0.05):
    """The record's 2D joints, moved back to the source image, are the body's."""
    vertices, _ = truth.vertices(row)
    expected = truth.project(row, truth.body.regressor("h36m") @ vertices)
    slots = sorted(J24_FROM_H36M)
    pixels = to_source(record["keypoints_24_2d"][:, :2], example)
    np.testing.assert_allclose(
        pixels[slots], expected[[J24_FROM_H36M[slot] for slot in slots]], atol=atol
    )


def check_body(record, truth, row, has_place=True):
    """The record's SMPL parameters make the true body; with a place, where it stands, too."""
    assert record["has_smpl"] == 1
    turn = [
        Rotation.from_rotvec(np.reshape(pose, (24, 3))).as_matrix()
        for pose in (record["pose_axis_angle"], truth.arrays["pose_axis_angle"][row])
    ]
    np.testing.assert_allclose(*turn, atol=1e-4)
    np.testing.assert_allclose(record["betas"], truth.arrays["betas"][row], atol=1e-5)
    if has_place:
        vertices, _ = pose_body(truth.body, record["pose_axis_angle"], record["betas"])
        expected, _ = truth.vertices(row)
        np.testing.assert_allclose(vertices + record["translation"], expected, atol=1e-3)


def check_body_projects(record, example, truth, row, atol=0.2):
    """The record's body and camera, moved back to the source image, are the true ones' picture."""
    vertices, _ = pose_body(truth.body, record["pose_axis_angle"], record["betas"])
    pixels = to_source(project(vertices, record), example)
    expected, _ = truth.vertices(row)
    np.testing.assert_allclose(pixels, truth.project(row, expected), atol=atol)


def check_size(record, size=150.0):
    """The person has the original release's size and lies in the middle of the cut."""
    points = record["keypoints_2d"][record["keypoints_2d"][:, 2] > 0, :2]
    assert abs(np.linalg.norm(np.ptp(points, axis=0)) - size) < 0.02 * size
    np.testing.assert_allclose(record["center"], (points.min(0) + points.max(0)) / 2, atol=1e-2)
    assert max(record["height"], record["width"]) <= 2 * size


def check_photo(record, example, truth, image_path, slots):
    """The record's 2D joints are those of one person of a picture, side by side.

    Args:
        record: parsed record.
        example: its raw Example.
        truth: of the twin.
        image_path: the picture.
        slots: places of J24 that the dataset's joints fill.

    Returns:
        The person's row of the truth, and how many sides were told apart.
    """
    points = record["keypoints_24_2d"]
    visible = np.flatnonzero(points[:, 2] > 0)
    assert visible.size and set(visible) <= set(slots)
    seen = to_source(points[:, :2], example)
    errors = {}
    for (path, _), row in truth.rows.items():
        if path == image_path:
            joints = truth.arrays["joints_24_3d"][row] + truth.arrays["translation"][row]
            expected = truth.project(row, joints.astype(np.float64))
            errors[row] = np.abs(seen - expected)[visible].max()
    row = min(errors, key=errors.get)
    assert errors[row] < 0.02
    np.testing.assert_array_equal(record["keypoints_2d"][:14, 2], points[:14, 2] > 0)
    smpl = truth.project(row, truth.vertices(row)[1])
    told = 0
    for (name, place, joint), (_, _, other) in zip(SIDES, _opposite(SIDES)):
        gap = np.linalg.norm(smpl[joint] - smpl[other])
        if place in visible and gap > 12:
            told += 1
            assert np.linalg.norm(seen[place] - smpl[joint]) < 0.7 * gap, name
    return row, told
