"""Pose directions, on a pipe that bends at the left elbow."""

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import pose_corrections, skinning
from hmr_tf.body.free_body.rebuild.rig import JOINTS

SHOULDER, ELBOW = JOINTS.index("left_shoulder"), JOINTS.index("left_elbow")


@pytest.fixture(scope="module")
def pipe():
    """Rings along x on the left, mirrored on the right; the weights change around the elbow."""
    x = np.linspace(0.2, 0.8, 13)
    angle = np.arange(8) * np.pi / 4
    rings = np.stack(np.meshgrid(x, angle, indexing="ij"), -1).reshape(-1, 2)
    left = np.stack([rings[:, 0], 0.05 * np.cos(rings[:, 1]), 0.05 * np.sin(rings[:, 1])], 1)
    vertices = np.concatenate([left, left * [-1, 1, 1]])
    mirror = np.r_[len(left) : 2 * len(left), 0 : len(left)]
    share = np.clip((left[:, 0] - 0.5) / 0.2 + 0.5, 0, 1)
    weights = np.zeros((len(vertices), 24))
    weights[: len(left), ELBOW], weights[: len(left), SHOULDER] = share, 1 - share
    weights[len(left) :, ELBOW + 1], weights[len(left) :, SHOULDER + 1] = share, 1 - share
    joints = np.zeros((24, 3))
    joints[[SHOULDER, ELBOW], 0] = [0.2, 0.5]
    joints[[SHOULDER + 1, ELBOW + 1], 0] = [-0.2, -0.5]
    return vertices, joints, weights, mirror


@pytest.fixture(scope="module")
def directions(pipe):
    vertices, joints, weights, mirror = pipe
    return pose_corrections.fit_pose_directions(
        vertices, joints, weights, mirror, np.random.default_rng(0)
    )


def test_only_the_bending_joint_has_directions(pipe, directions):
    """The shoulder carries the whole arm along and changes nothing between its bones."""
    used = np.flatnonzero(np.abs(directions).sum((0, 1)).reshape(23, 9).sum(1)) + 1
    assert used.tolist() == [ELBOW, ELBOW + 1]
    weights = pipe[2]
    rigid = weights.max(1) > 0.999
    assert not directions[rigid].any()


def test_corrected_blending_comes_near_dual_quaternions(pipe, directions):
    vertices, joints, weights, _ = pipe
    before, after = [], []
    for rotations in pose_corrections.random_rotations(np.random.default_rng(7), 40):
        turns, shifts = skinning.bone_transforms(joints, rotations)
        wanted = skinning.dual_quaternion_blend(vertices, weights, turns, shifts)
        matrices, translations = skinning.linear_blend(weights, turns, shifts)
        offset = directions @ pose_corrections.pose_features(rotations)
        for errors, rest in ((before, vertices), (after, vertices + offset)):
            skinned = np.einsum("vab,vb->va", matrices, rest) + translations
            errors.append(np.linalg.norm(skinned - wanted, axis=1).mean())
    assert np.mean(after) < 0.4 * np.mean(before)


def test_rest_offsets_land_exactly(pipe):
    vertices, joints, weights, _ = pipe
    rotations = pose_corrections.random_rotations(np.random.default_rng(3), 1)[0]
    offset = pose_corrections.rest_offsets(vertices, joints, weights, rotations)
    turns, shifts = skinning.bone_transforms(joints, rotations)
    matrices, translations = skinning.linear_blend(weights, turns, shifts)
    skinned = np.einsum("vab,vb->va", matrices, vertices + offset) + translations
    wanted = skinning.dual_quaternion_blend(vertices, weights, turns, shifts)
    np.testing.assert_allclose(skinned, wanted, atol=1e-12)


def test_features_are_rows_of_rotation_minus_identity():
    rotations = pose_corrections.random_rotations(np.random.default_rng(1), 2)
    features = pose_corrections.pose_features(rotations)
    assert features.shape == (2, 207)
    assert features[1, 9 * 4 + 3 * 1 + 2] == rotations[1, 5, 1, 2]
    assert features[1, 9 * 4] == rotations[1, 5, 0, 0] - 1
    np.testing.assert_array_equal(rotations[:, 0], np.tile(np.eye(3), (2, 1, 1)))
