"""The landmarks of SMPL's mesh and of others, and the tree of SMPLR's points."""

import dataclasses

import numpy as np
import pytest
from toy_body import toy_body

from hmr_tf.body import landmarks
from hmr_tf.body.model_file import load_body
from hmr_tf.errors import BodyError

# As the original release numbers them: breasts, belly, hips, thighs before and behind, ...
SMPL_IDS = [
    *[3042, 4428, 3503, 4311, 822, 4361, 877, 4386, 898, 3222, 6620, 2544, 2820, 1258],
    *[4116, 5365, 5989, 331],
]
PAIRS = [(0, 1), (3, 4), (5, 6), (7, 8), (9, 10), (11, 16), (12, 14), (13, 15)]


@pytest.fixture(scope="module")
def free_body():
    return load_body("free_body")


def test_on_smpl_they_are_the_release_s():
    body = dataclasses.replace(toy_body(), kind="smpl", template=np.zeros([6890, 3], np.float32))
    assert list(landmarks.landmark_vertices(body)) == SMPL_IDS


def test_points_change_sides_as_the_release_s_table_says():
    flip = np.arange(18)
    for left, right in PAIRS:
        flip[[left, right]] = right, left
    np.testing.assert_array_equal(np.array(landmarks.POINTS.flip[24:]) - 24, flip)
    sides = [name.partition("_")[0] for name in landmarks.NAMES]
    for one, other in PAIRS:
        assert {sides[one], sides[other]} == {"left", "right"}


def test_those_written_down_for_the_embedded_body_are_what_they_mean(free_body):
    assert landmarks.landmark_vertices(free_body) == landmarks.find_landmarks(free_body)


def test_they_lie_on_their_side_and_move_with_their_joint(free_body):
    vertices = free_body.template[list(landmarks.landmark_vertices(free_body))]
    for name, vertex, place in zip(
        landmarks.NAMES, landmarks.landmark_vertices(free_body), vertices
    ):
        side = {"left": 1, "right": -1}.get(name.partition("_")[0], 0)
        assert np.sign(np.round(place[0], 3)) == side, name
        expected = landmarks._CARRIERS[landmarks.NAMES.index(name)]
        assert free_body.skin_weights[vertex].argmax() == expected, name
    for left, right in PAIRS:
        np.testing.assert_allclose(vertices[left], vertices[right] * [-1, 1, 1], atol=1e-6)
    front, back = (landmarks.NAMES.index(f"left_{part}") for part in ("biceps", "triceps"))
    assert vertices[front, 2] > vertices[back, 2] + 0.05
    assert landmarks.NAMES[vertices[:, 1].argmax()] == "nose"


def test_smpl_s_numbers_would_be_nonsense_there(free_body):
    """Which is why they are never used on another mesh."""
    vertices = free_body.template[SMPL_IDS]
    apart = vertices - free_body.template[list(landmarks.landmark_vertices(free_body))]
    assert np.median(np.linalg.norm(apart, axis=1)) > 0.2
    picked = np.eye(6890, dtype=np.float32)[SMPL_IDS]
    with pytest.raises(BodyError, match="made for the vertices of a 'smpl' body"):
        free_body.with_regressor("landmarks", picked, "smpl")


def test_the_embedded_body_is_built_as_the_release_s_mean(free_body):
    joints = free_body.joint_regressor @ free_body.template
    chosen = free_body.template[list(landmarks.landmark_vertices(free_body))]
    points = np.concatenate([joints, chosen])
    lengths = np.linalg.norm(points - points[list(landmarks.POINT_PARENTS)], axis=1)[1:]
    assert np.abs(lengths - landmarks.MEAN_LENGTHS).max() < 0.09
    assert np.abs(lengths - landmarks.MEAN_LENGTHS).mean() < 0.025


def test_the_tree_leads_to_the_pelvis():
    for point in range(1, 42):
        steps = 0
        while point:
            point = landmarks.POINT_PARENTS[point]
            steps += 1
            assert steps < 12
    assert len(landmarks.MEAN_LENGTHS) == 41
    arm, _, leg, _ = (
        [landmarks.POINTS.joints[bone + 1] for bone in limb] for limb in landmarks.LIMBS
    )
    assert arm == ["right_shoulder", "right_elbow", "right_wrist", "smpl_right_hand"]
    assert leg == ["right_knee", "right_ankle", "smpl_right_foot"]


def test_a_regressor_gives_them_after_others():
    body = toy_body()
    both = landmarks.with_landmarks(body, "cocoplus")
    vertices = np.random.default_rng(0).random((body.num_vertices, 3)).astype(np.float32)
    rows = both.regressor(landmarks.REGRESSOR) @ vertices
    np.testing.assert_allclose(rows[:19], body.regressor("cocoplus") @ vertices, atol=1e-6)
    np.testing.assert_array_equal(rows[19:], vertices[list(landmarks.landmark_vertices(body))])
