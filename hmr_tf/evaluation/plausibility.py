"""Are estimated poses ones that a living person can take? Measured against `joint_limits`.

The limits are active ranges of motion from handbooks, one range for each of a joint's three twist
and swing angles. The root turns freely. Recorded people pass the table here and there, so a pose
counts as impossible only if a joint lies beyond its range by more than `MARGIN_DEG`.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.synthetic import joint_limits

MARGIN_DEG = 10.0


def limit_excess_deg(rotations: np.ndarray) -> np.ndarray:
    """Returns how far joints lie beyond their range.

    Args:
        rotations: `[people, 24, 3, 3]` in SMPL's order.

    Returns:
        `[people, 24]` degrees, of each joint's worst angle; 0 within the range and for the root.
    """
    flat = Rotation.from_matrix(np.asarray(rotations, np.float64).reshape(-1, 3, 3))
    angles = joint_limits.split_angles(flat)
    beyond = np.maximum(joint_limits.LOWEST - angles, angles - joint_limits.HIGHEST)
    return np.degrees(np.maximum(beyond.max(axis=-1), 0.0))


def measure(rotations: np.ndarray) -> dict[str, float]:
    """Measures many poses at once.

    Args:
        rotations: `[people, 24, 3, 3]` in SMPL's order.

    Returns:
        `beyond_limits`, the share of poses with a joint more than `MARGIN_DEG` beyond its range,
        and `excess_deg`, the excess of each pose's worst joint, mean over poses, no margin.
    """
    worst = limit_excess_deg(rotations).max(axis=1)
    return {
        "beyond_limits": float(np.mean(worst > MARGIN_DEG)),
        "excess_deg": float(np.mean(worst)),
    }
