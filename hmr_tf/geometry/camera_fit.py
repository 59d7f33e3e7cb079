"""The camera in which a skeleton appears where it was seen."""

from __future__ import annotations

import tensorflow as tf

_LEAST_SPREAD = 1e-8


def solve_camera(
    places: tf.Tensor, joints: tf.Tensor, weights: tf.Tensor, focal: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds scale and shift of a camera by least squares of errors in metres.

    The camera sees a point at ``u = scale (x + shift)`` in the plane of the root, as far away as it
    must be for that. The unknowns are 1 / scale and shift of
    ``u / scale - shift = x - u z / focal``, and likewise in y.

    Args:
        places: `[..., K, 2]` float32 (u, v), in any unit, from the principal point.
        joints: `[..., K, 3]` float32, m, relative to the root, camera frame.
        weights: `[..., K]` float32, 0 or 1: which joints are used.
        focal: focal length in the unit of places; infinite for weak perspective.

    Returns:
        scale `[...]`, unit of places per metre; shift `[..., 2]` m; and whether they are known,
        `[...]` bool. Both are zeros where fewer than two joints are used, these lie in one place,
        or they would be seen from behind.

    Reference:
        J. Li et al., HybrIK, CVPR 2021: the labels of its release's cameras.
    """
    count = tf.reduce_sum(weights, axis=-1)
    shares = weights[..., None] * tf.math.divide_no_nan(1.0, count)[..., None, None]
    wanted = joints[..., :2] - places * joints[..., 2:] / focal
    mean_place = tf.reduce_sum(shares * places, axis=-2)
    mean_wanted = tf.reduce_sum(shares * wanted, axis=-2)
    from_mean = places - mean_place[..., None, :]
    spread = tf.reduce_sum(shares * tf.square(from_mean), axis=[-2, -1])
    common = tf.reduce_sum(shares * from_mean * (wanted - mean_wanted[..., None, :]), axis=[-2, -1])
    is_known = (count > 1.5) & (spread > _LEAST_SPREAD) & (common > 0.0)
    metres_per_unit = tf.math.divide_no_nan(common, spread)
    scale = tf.where(is_known, tf.math.divide_no_nan(spread, common), 0.0)
    shift = metres_per_unit[..., None] * mean_place - mean_wanted
    return scale, tf.where(is_known[..., None], shift, 0.0), is_known
