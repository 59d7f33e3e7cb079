"""The mean body and the ten shape directions, by principal components of a random population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hmr_tf.body.free_body.rebuild import symmetry, triangulation

NUM_BETAS = 10
_NUM_REBUILT = 300  # People whose reconstruction error is measured.


@dataclass(frozen=True)
class ShapeSpace:
    """A linear space of bodies.

    Attributes:
        mean: `[V, 3]` float64, m, symmetric.
        directions: `[10, V, 3]` float64, m per standard deviation, symmetric.
        explained: share of the (area-weighted) variance that the ten directions explain.
        reconstruction_mm: mean distance between sampled bodies and their nearest in the space.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: float
    reconstruction_mm: float


def find_shape_space(bodies: np.ndarray, faces: np.ndarray, mirror: np.ndarray) -> ShapeSpace:
    """Finds the mean and the ten strongest directions.

    Vertices count by the area around them. The betas of the sample have unit variance. Positive
    means taller in the first direction and more voluminous in the others.

    Args:
        bodies: `[N, V, 3]` float32, m, T-pose, pelvis at the origin.
        faces: `[F, 3]`.
        mirror: `[V]`.
    """
    count = len(bodies)
    mean = bodies.mean(0, dtype=np.float64)
    areas = triangulation.vertex_areas(mean, faces)
    areas /= areas.sum()
    centred = (bodies - mean.astype(np.float32)).reshape(count, -1)
    weighted = (centred * np.repeat(np.sqrt(areas), 3).astype(np.float32)).astype(np.float64)
    variances, vectors = np.linalg.eigh(weighted @ weighted.T)
    betas = vectors[:, ::-1][:, :NUM_BETAS] * np.sqrt(count)
    directions = (betas.T @ centred.astype(np.float64) / count).reshape(NUM_BETAS, -1, 3)
    mean = symmetry.symmetric_vectors(mean, mirror)
    directions = symmetry.symmetric_vectors(directions, mirror)
    growth = triangulation.volume_litres(mean + directions, faces)
    growth = growth - triangulation.volume_litres(mean - directions, faces)
    growth[0] = np.ptp((mean + directions[0])[:, 1]) - np.ptp((mean - directions[0])[:, 1])
    signs = np.sign(growth)
    betas, directions = betas * signs, directions * signs[:, None, None]

    rebuilt = mean + np.tensordot(betas[:_NUM_REBUILT], directions, 1)
    distances = np.linalg.norm(rebuilt - bodies[:_NUM_REBUILT], axis=2)
    return ShapeSpace(
        mean,
        directions,
        float(variances[-NUM_BETAS:].sum() / variances.sum()),
        float((distances * areas).sum(1).mean() * 1000),
    )
