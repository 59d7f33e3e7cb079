"""Turns a dataset's own joints into the joint fields of a sample, by joint name."""

from __future__ import annotations

import functools

import numpy as np

from tfrecords_tools import skeletons
from tfrecords_tools.skeletons import Skeleton


def rearrange(points: np.ndarray, source: Skeleton, target: Skeleton) -> np.ndarray:
    """Puts points into the order of another joint set.

    Args:
        points: `[..., J, n]` in the order of ``source``.
        source: the joint set of the points.
        target: the wanted joint set.

    Returns:
        `[..., K, n]` in the order of ``target``; zeros for joints that ``source`` lacks.
    """
    slots, is_there = _slots(source, target)
    return np.where(is_there, points.take(slots, axis=-2), 0.0)


@functools.cache
def _slots(source: Skeleton, target: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Returns where each joint of a target stands in a source, and `[K, 1]` whether it does."""
    slots = np.array(skeletons.mapping(source, target))
    return np.maximum(slots, 0), (slots >= 0)[:, None]


def fields_2d(
    points: np.ndarray, skeleton: Skeleton, confidence: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns the 2D fields of a sample.

    Args:
        points: `[J, 3]` x, y px and visibility, visible where > 0.
        skeleton: their joint set.
        confidence: `[J]`, what the 24-joint set keeps in place of the visibility.

    Returns:
        `keypoints_2d` `[19, 3]` and `keypoints_24_2d` `[24, 3]`, zeros for what is not visible.
    """
    visible = confident = np.where(points[:, 2:] > 0, points, 0.0)
    if confidence is not None:
        confident = np.column_stack([points[:, :2], confidence])
        confident = np.where(confident[:, 2:] > 0, confident, 0.0)
    return {
        "keypoints_2d": rearrange(visible, skeleton, skeletons.COCOPLUS19),
        "keypoints_24_2d": rearrange(confident, skeleton, skeletons.J24),
    }


def fields_3d(points: np.ndarray, skeleton: Skeleton, origin: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the 3D fields of a sample.

    Args:
        points: `[J, 3]` m, camera frame; all known.
        skeleton: their joint set.
        origin: `[3]` m, camera frame: what becomes the sample's translation.

    Returns:
        `joints_24_3d` `[24, 4]` and, if the set has the 14 of LSP, `joints_3d` `[14, 3]`, relative
        to the origin.
    """
    confident = np.concatenate([points - origin, np.ones((len(points), 1))], axis=1)
    fields = {"joints_24_3d": rearrange(confident, skeleton, skeletons.J24)}
    if min(skeletons.mapping(skeleton, skeletons.LSP14)) >= 0:
        fields["joints_3d"] = rearrange(confident, skeleton, skeletons.LSP14)[:, :3]
    return fields


def relative_size(points: np.ndarray, others: np.ndarray, root: int) -> np.ndarray:
    """Returns how much larger bodies are than other bodies in the same poses, by least squares.

    Args:
        points: `[F, J, 3]`, any unit.
        others: `[F, J, 3]`, same unit.
        root: joint that the sizes are measured from.
    """
    points, others = (p - p[:, root : root + 1] for p in (points, others))
    return (points * others).sum((1, 2)) / np.maximum((others * others).sum((1, 2)), 1e-12)
