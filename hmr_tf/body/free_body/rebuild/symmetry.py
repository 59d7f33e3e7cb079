"""What left-right symmetry means for each kind of array, and how to make it exact.

``mirror`` always maps a vertex to its partner (itself on the midline); x points to the left, so a
mirrored point changes the sign of x. Averaging a number with its partner's gives bitwise equal
results on both sides, which later comparisons rely on.
"""

from __future__ import annotations

import numpy as np

from tfrecords_tools import skeletons

FLIP = np.array(skeletons.SMPL24.flip)
_SIGN = np.array([-1.0, 1.0, 1.0])


def symmetric_vectors(vectors: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Averages points or displacements `[..., V, 3]` with their mirror images."""
    return (vectors + vectors[..., mirror, :] * _SIGN.astype(vectors.dtype)) / 2


def symmetric_weights(weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Averages skinning weights `[V, 24]` with those of the partner for the partner joints."""
    return (weights + weights[mirror][:, FLIP]) / 2


def symmetric_regressor(regressor: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Averages a joint regressor `[24, V]` with its mirror image."""
    return (regressor + regressor[FLIP][:, mirror]) / 2


def symmetric_pose_directions(directions: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Averages pose directions `[V, 3, 207]` with their mirror image.

    A mirrored pose has the partner's rotation R' = M R M with M = diag(-1, 1, 1), so element (r, c)
    of R - I changes sign if exactly one of r and c is x.
    """
    entries = directions.reshape(-1, 3, 23, 3, 3)
    signs = np.einsum("i,r,c->irc", _SIGN, _SIGN, _SIGN)[:, None]
    image = entries[mirror][:, :, FLIP[1:] - 1] * signs.astype(directions.dtype)
    return ((entries + image) / 2).reshape(directions.shape)


def mirrored_faces(faces: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Finds for each face the index of its mirror image.

    Args:
        faces: `[F, 3]`.
        mirror: `[V]`.

    Raises:
        ValueError: if a face has no mirror image.
    """
    index = {tuple(face): number for number, face in enumerate(np.sort(faces, 1).tolist())}
    images = [tuple(face) for face in np.sort(mirror[faces], 1).tolist()]
    missing = sum(image not in index for image in images)
    if missing:
        raise ValueError(f"The mesh is not symmetric: {missing} faces have no mirror image.")
    return np.array([index[image] for image in images])
