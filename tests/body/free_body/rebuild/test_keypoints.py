"""Surface points and keypoint regressors."""

import numpy as np
import pytest

from hmr_tf.body import free_body
from hmr_tf.body.free_body.rebuild import keypoints, regression
from hmr_tf.body.free_body.rebuild.rig import JOINTS, Rig

_NAMES = ("nose", "head_top", "left_eye", "right_eye", "left_ear", "right_ear")


def test_regressors_follow_their_definitions():
    rows = np.eye(24, 40)
    points = {name: 24 + index for index, name in enumerate(_NAMES)}
    regressors = keypoints.keypoint_regressors(rows, points)
    assert {name: len(matrix) for name, matrix in regressors.items()} == {
        "cocoplus": 19,
        "h36m": 17,
        "extra": 9,
        "j24": 24,
    }

    def row(name, number):
        matrix = regressors[name][number]
        return {int(i): pytest.approx(float(matrix[i])) for i in np.flatnonzero(matrix)}

    assert row("cocoplus", 0) == {JOINTS.index("right_ankle"): 1.0}
    assert row("cocoplus", 3) == {JOINTS.index("left_hip"): 1.0}
    assert row("cocoplus", 13) == {points["head_top"]: 1.0}
    assert row("cocoplus", 15) == {points["left_eye"]: 1.0}
    assert row("cocoplus", 18) == {points["right_ear"]: 1.0}
    assert row("h36m", 0) == {1: 0.5, 2: 0.5}
    assert row("h36m", 1) == {JOINTS.index("left_hip"): 1.0}
    assert row("h36m", 16) == {JOINTS.index("right_wrist"): 1.0}
    assert row("extra", 0) == {JOINTS.index("right_hip"): 1.0}
    assert row("extra", 2) == {12: 0.5, 13: 0.25, 14: 0.25}
    assert row("extra", 7) == {JOINTS.index("head"): 0.5, points["nose"]: 0.5}
    assert row("j24", 18) == {JOINTS.index("head"): 0.2, points["head_top"]: 0.8}


def test_surface_points_on_a_made_up_head():
    """Five pairs and four midline vertices; markers sit beside the vertices they should find."""
    left = np.array(
        [
            [0.03, 1.60, 0.10],  # eye
            [0.08, 1.60, 0.00],  # ear
            [0.10, 0.02, 0.20],  # big toe
            [0.14, 0.02, 0.15],  # small toe
            [0.12, 0.01, -0.06],  # heel
            [0.70, 1.30, 0.10],  # finger tips
        ]
    )
    midline = np.array([[0, 1.6, 0.15], [0, 1.75, 0.0], [0, 1.6, -0.1], [0, 1.0, 0.2]])
    body = np.concatenate([left, left * [-1, 1, 1], midline])
    mirror = np.r_[6:12, 0:6, 12:16]
    weights = np.zeros((16, 24))
    weights[[0, 1, 6, 7, 12, 13, 14], JOINTS.index("head")] = 1.0
    weights[2:5, JOINTS.index("left_ankle")] = 1.0
    markers = {"joint-l-eye": 0, "joint-l-toe-1-3": 2, "joint-l-toe-5-4": 3}
    markers.update({f"joint-l-finger-{finger}-4": 5 for finger in range(1, 6)})
    rig = Rig((), (), (), weights, {name: np.array([v]) for name, v in markers.items()})
    points = keypoints.surface_points(rig, body, np.arange(16), mirror, weights)
    assert points["nose"] == 12  # Not 13, the highest, nor 15, which is further forward.
    assert points["head_top"] == 13
    assert (points["left_eye"], points["right_eye"]) == (0, 6)
    assert (points["left_ear"], points["right_ear"]) == (1, 7)
    assert (points["left_big_toe"], points["left_small_toe"], points["left_heel"]) == (2, 3, 4)
    assert points["right_index_tip"] == 11
    assert len(points) == 22


def test_rows_fitted_on_posed_bodies_beat_the_rest_regressor():
    body = free_body.arrays()
    template, regressor = body["v_template"].astype(float), body["J_regressor"].astype(float)
    weights = body["weights"].astype(float)
    betas = np.random.default_rng(0).standard_normal((50, 10))
    bodies = template + np.einsum("vxs,ns->nvx", body["shapedirs"], betas)
    chosen = regression.joint_candidates(template, regressor @ template, weights)
    fitted, errors = keypoints.fit_posed_regressor(
        bodies,
        regressor,
        weights,
        body["posedirs"].astype(float),
        chosen,
        body["mirror"],
        np.random.default_rng(1),
    )
    np.testing.assert_allclose(fitted.sum(1), 1.0)
    assert errors["posed_regressor_mm"] < 4.0
    assert errors["posed_regressor_mm"] < 0.6 * errors["rest_regressor_mm"]
