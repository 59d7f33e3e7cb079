"""Finds the camera that took labelled people, where a dataset does not say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# A fit that misses by more than this has found no camera: the labels do not belong together.
_MAX_RESIDUAL_PX = 5.0


class PinholeFit(NamedTuple):
    """A camera `[4]` (fx, fy, cx, cy) px, and the root mean square of what it misses, px."""

    intrinsics: np.ndarray
    residual_px: float


def fit_intrinsics(points_2d: np.ndarray, points_3d: np.ndarray) -> PinholeFit | None:
    """Finds the intrinsics that project 3D points onto 2D points, by linear least squares.

    Args:
        points_2d: `[n, 2]` px.
        points_3d: `[n, 3]` camera frame, any unit.

    Returns:
        The fit, or None if the points do not determine it or no camera projects them.
    """
    is_usable = np.isfinite(points_2d).all(1) & np.isfinite(points_3d).all(1)
    is_usable &= points_3d[:, 2] > 0
    pixels = points_2d[is_usable]
    rays = points_3d[is_usable, :2] / points_3d[is_usable, 2:]
    focal, center, misses = np.zeros(2), np.zeros(2), np.zeros_like(pixels)
    for axis in range(2):
        factors = np.stack([rays[:, axis], np.ones(len(rays))], axis=1)
        solution, _, rank, _ = np.linalg.lstsq(factors, pixels[:, axis], rcond=1e-9)
        if rank < 2:
            return None
        focal[axis], center[axis] = solution
        misses[:, axis] = factors @ solution - pixels[:, axis]
    residual = float(np.sqrt((misses**2).sum(axis=1).mean()))
    if residual > _MAX_RESIDUAL_PX:
        return None
    return PinholeFit(np.concatenate([focal, center]), residual)
