"""How large a person is whose joints are not all labelled, by the original release's rules.

Each rule returns the factor that brings a person to 150 px (the diagonal of the box around the
joints of a whole body), or None if too little is labelled to tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfrecords_tools.samples import PERSON_PX
from tfrecords_tools.skeletons import COCOPLUS19

_HEAD = COCOPLUS19.index("head_top")
_SIDES = ("right", "left")
_ANKLES = [COCOPLUS19.index(f"{side}_ankle") for side in _SIDES]
_HIPS = [COCOPLUS19.index(f"{side}_hip") for side in _SIDES]
_SHOULDERS = [COCOPLUS19.index(f"{side}_shoulder") for side in _SIDES]
# Joints that show more of a person than a portrait does.
BELOW_SHOULDERS = [
    COCOPLUS19.index(f"{side}_{joint}")
    for side in _SIDES
    for joint in ("ankle", "knee", "hip", "wrist", "elbow")
]


def scale_from_head(keypoints: np.ndarray) -> float | None:
    """The rule for MPII, whose labels include the head.

    Args:
        keypoints: `[19, 3]` cocoplus x, y px, and visibility, visible where > 0.

    Returns:
        150 over the diagonal of the visible joints if an ankle is among them; else 75 over the mean
        distance of head top and hips; else 56 over the mean distance of shoulder and hip of a side.
    """
    visible = keypoints[:, 2] > 0
    if visible[_ANKLES].any():
        return _ratio(PERSON_PX, diagonal(keypoints))
    scale = _ratio(PERSON_PX / 2, _mean_length(keypoints, [(_HEAD, hip) for hip in _HIPS]))
    return scale or _ratio(56.0, _mean_length(keypoints, list(zip(_SHOULDERS, _HIPS))))


def scale_from_trunk(keypoints: np.ndarray) -> float | None:
    """The rule for COCO, whose labels include the face but not the crown.

    Args:
        keypoints: `[19, 3]` cocoplus x, y px, and visibility, visible where > 0.

    Returns:
        150 over the diagonal of the visible joints if an ankle is among them; else 75 over the mean
        distance of shoulder and hip of a side; else 50 over the diagonal if any joint below the
        shoulders is visible.
    """
    visible = keypoints[:, 2] > 0
    if visible[_ANKLES].any():
        return _ratio(PERSON_PX, diagonal(keypoints))
    scale = _ratio(PERSON_PX / 2, _mean_length(keypoints, list(zip(_SHOULDERS, _HIPS))))
    if scale is None and visible[BELOW_SHOULDERS].any():
        return _ratio(PERSON_PX / 3, diagonal(keypoints))
    return scale


def diagonal(keypoints: np.ndarray) -> float:
    """Returns the diagonal of the box around visible points `[n, 3]`, px."""
    points = keypoints[keypoints[:, 2] > 0, :2]
    return float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0


def _mean_length(keypoints: np.ndarray, pairs: Sequence[tuple[int, int]]) -> float:
    """Returns the mean distance of those pairs of joints that are both visible; 0 if none is."""
    lengths = [
        float(np.linalg.norm(keypoints[first, :2] - keypoints[second, :2]))
        for first, second in pairs
        if keypoints[first, 2] > 0 and keypoints[second, 2] > 0
    ]
    return float(np.mean(lengths)) if lengths else 0.0


def _ratio(wanted: float, length: float) -> float | None:
    return wanted / length if length > 1e-6 else None
