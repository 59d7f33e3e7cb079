"""Joints as weighted means of a few vertices, found by non-negative least squares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

from hmr_tf.body.free_body.rebuild import symmetry
from hmr_tf.body.free_body.rebuild.rig import JOINTS
from tfrecords_tools.skeletons import SMPL_PARENTS

_MAX_CANDIDATES = 320
_RIDGE_M = 0.07  # Spreads the weight over several vertices.
_SUM_WEIGHT = 30.0  # Holds the sum of the weights to 1.
_SMALLEST_WEIGHT = 1e-3
_TORSO = [JOINTS.index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "neck")]
_BAND_HALF_HEIGHT_M = 0.06

Candidates = Callable[[int], np.ndarray]


def fit_row(samples: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Finds weights that are not negative, sum to 1, and carry vertices to a point.

    Args:
        samples: `[N, C, 3]`, m, the candidate vertices of each body.
        targets: `[N, 3]`, m.

    Returns:
        `[C]` float64.
    """
    count = samples.shape[1]
    equations = np.concatenate(
        [
            samples.transpose(0, 2, 1).reshape(-1, count),
            _RIDGE_M * np.eye(count),
            np.full((1, count), _SUM_WEIGHT),
        ]
    )
    values = np.concatenate([targets.ravel(), np.full(count, _RIDGE_M / count), [_SUM_WEIGHT]])
    row, _ = nnls(equations.astype(np.float64), values.astype(np.float64), maxiter=50 * count)
    row[row < _SMALLEST_WEIGHT] = 0.0
    return row / row.sum()


def fit_regressor(
    bodies: np.ndarray, joints: np.ndarray, candidates: Candidates, mirror: np.ndarray
) -> np.ndarray:
    """Fits a row for each of SMPL's joints; right rows are the mirrored left ones.

    Args:
        bodies: `[N, V, 3]`, m.
        joints: `[N, 24, 3]`, m.
        candidates: joint -> the vertices that may take part.
        mirror: `[V]`.

    Returns:
        `[24, V]` float64, symmetric, rows sum to 1.
    """
    regressor = np.zeros((len(JOINTS), bodies.shape[1]))
    for joint, name in enumerate(JOINTS):
        partner = symmetry.FLIP[joint]
        if name.startswith("right"):
            regressor[joint] = regressor[partner][mirror]
            continue
        chosen = candidates(joint)
        if joint == partner:
            chosen = np.unique(np.concatenate([chosen, mirror[chosen]]))
        regressor[joint, chosen] = fit_row(bodies[:, chosen], joints[:, joint])
    return symmetry.symmetric_regressor(regressor, mirror)


def joint_candidates(template: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> Candidates:
    """Chooses the vertices that may carry a joint.

    A joint of a limb lies inside the ring of skin that it shares with its parent. The spine has no
    such ring; there a horizontal band of the torso serves.

    Args:
        template: `[V, 3]`, m, T-pose.
        joints: `[24, 3]`, m, of the same body.
        weights: `[V, 24]`.
    """

    def choose(joint: int) -> np.ndarray:
        name, parent = JOINTS[joint], SMPL_PARENTS[joint]
        if joint in _TORSO[1:]:
            in_band = np.abs(template[:, 1] - joints[joint, 1]) < _BAND_HALF_HEIGHT_M
            return _thinned(np.flatnonzero(in_band & (weights[:, _TORSO].sum(1) > 0.4)))
        if parent < 0:
            chosen = weights[:, joint] > 0.3
        elif name.endswith("collar"):
            children = [child for child, own in enumerate(SMPL_PARENTS) if own == joint]
            chosen = weights[:, [joint, parent, *children]].sum(1) > 0.5
        else:
            chosen = (weights[:, joint] > 0.02) & (weights[:, parent] > 0.02)
        numbers = np.flatnonzero(chosen)
        distances = np.linalg.norm(template[numbers] - joints[joint], axis=1)
        reach = 2.2 * np.sort(distances)[min(20, len(distances) - 1)]
        return _thinned(numbers[distances < max(reach, 0.05)])

    return choose


def _thinned(numbers: np.ndarray) -> np.ndarray:
    """Keeps an even choice of at most `_MAX_CANDIDATES`."""
    step = -(-len(numbers) // _MAX_CANDIDATES)
    return numbers[::step]


def errors_mm(regressor: np.ndarray, bodies: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Returns the distances `[N, 24]` in mm between regressed and true joints."""
    regressed = np.stack([regressor @ body for body in bodies])
    return np.linalg.norm(regressed - joints, axis=2) * 1000
