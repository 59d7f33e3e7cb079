"""Singular values of very many 3 x 3 matrices at once.

TensorFlow's general solver looks at one matrix after the other. Here all of a batch are turned
together, by one-sided Jacobi rotations: pairs of columns are made orthogonal in turn, until all
are. It is as accurate as the general solver, for small singular values too.

Reference:
    G. Golub and C. Van Loan, Matrix Computations, 4th edition, section 8.6.3.
"""

from __future__ import annotations

import tensorflow as tf

_MAX_SWEEPS = 12  # Five do in double precision, but for matrices made to be hard.
_PAIRS = ((0, 1), (0, 2), (1, 2))


def rotation_svd(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns M = U diag(s) V^T with *rotations* U and V.

    Args:
        matrix: `[..., 3, 3]` float32 or float64.

    Returns:
        values `[..., 3]` with s_0 >= s_1 >= abs(s_2), s_2 with the sign of det M; left U and
        right V `[..., 3, 3]`, determinants +1. Directions that the matrix does not determine are
        any that fit.
    """
    matrix = tf.convert_to_tensor(matrix)
    shape = tf.shape(matrix)
    # Matrices last, so that every operation below runs along them: [row, column, n].
    entries = tf.transpose(tf.reshape(matrix, [-1, 3, 3]), [1, 2, 0])
    size = tf.reduce_max(tf.abs(entries), axis=[0, 1])
    size = tf.where(size > 0, size, tf.ones_like(size))
    # Without this, squares of small numbers would vanish.
    entries /= size
    (a0, v0), (a1, v1), _ = _sorted(_orthogonal_columns(entries))
    v2 = _cross(v0, v1)
    u0, s0 = _unit(a0, v0, tf.zeros_like(size))
    u1, s1 = _unit(a1 - _dot(a1, u0) * u0, _perpendicular(u0), 1e-3 * _epsilon(size.dtype) * s0)
    u2 = _cross(u0, u1)
    s2 = _dot(u2, tf.reduce_sum(entries * v2, axis=1))
    values = tf.stack([s0, s1, s2], axis=-1) * size[:, None]
    turns = (tf.stack(axes, axis=1) for axes in ([u0, u1, u2], [v0, v1, v2]))
    left, right = (tf.reshape(tf.transpose(turn, [2, 0, 1]), shape) for turn in turns)
    return (
        tf.ensure_shape(tf.reshape(values, shape[:-1]), matrix.shape[:-1]),
        tf.ensure_shape(left, matrix.shape),
        tf.ensure_shape(right, matrix.shape),
    )


def _orthogonal_columns(entries: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns the columns of M V, mutually orthogonal, and of V: three pairs of `[3, n]`."""
    turns = tf.broadcast_to(tf.eye(3, dtype=entries.dtype)[..., None], tf.shape(entries))
    columns = list(zip(tf.unstack(entries, axis=1), tf.unstack(turns, axis=1)))
    tolerance = _epsilon(entries.dtype)

    def sweep(_: tf.Tensor, columns: list) -> tuple[tf.Tensor, list]:
        columns, is_open = list(columns), tf.constant(False)
        for one, other in _PAIRS:
            columns[one], columns[other], was_open = _turn(columns[one], columns[other], tolerance)
            is_open |= was_open
        return is_open, columns

    _, columns = tf.while_loop(
        lambda is_open, _: is_open,
        sweep,
        (tf.constant(True), columns),
        maximum_iterations=_MAX_SWEEPS,
    )
    return columns


def _turn(one: tuple, other: tuple, tolerance: float) -> tuple[tuple, tuple, tf.Tensor]:
    """Makes two columns orthogonal; also returns whether any were not."""
    alpha, beta, gamma = _dot(one[0], one[0]), _dot(other[0], other[0]), _dot(one[0], other[0])
    is_open = tf.abs(gamma) > tolerance * tf.sqrt(alpha * beta)
    zeta = (beta - alpha) / tf.where(is_open, 2.0 * gamma, tf.ones_like(gamma))
    sign = tf.where(zeta < 0, -tf.ones_like(zeta), tf.ones_like(zeta))
    tangent = sign / (tf.abs(zeta) + tf.sqrt(1.0 + zeta * zeta))
    tangent = tf.where(is_open, tangent, tf.zeros_like(tangent))
    cosine = tf.math.rsqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    return (
        tuple(cosine * p - sine * q for p, q in zip(one, other)),
        tuple(sine * p + cosine * q for p, q in zip(one, other)),
        # Convergence is quadratic: after this turn what is smaller than a root is rounding.
        tf.reduce_any(tf.abs(gamma) > tolerance**0.6 * tf.sqrt(alpha * beta)),
    )


def _sorted(columns: list[tuple]) -> list[tuple]:
    """Returns the columns, longest first."""
    columns = list(columns)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        first, second = columns[one], columns[other]
        is_right = _dot(first[0], first[0]) >= _dot(second[0], second[0])
        columns[one] = tuple(tf.where(is_right, p, q) for p, q in zip(first, second))
        columns[other] = tuple(tf.where(is_right, q, p) for p, q in zip(first, second))
    return columns


def _unit(
    vector: tf.Tensor, otherwise: tf.Tensor, smallest: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the direction of vectors, another's for those too short, and the lengths."""
    length = tf.sqrt(_dot(vector, vector))
    return tf.where(length > smallest, tf.math.divide_no_nan(vector, length), otherwise), length


def _perpendicular(unit: tf.Tensor) -> tf.Tensor:
    """Returns a unit vector perpendicular to each."""
    # The axis that a vector leans to least is far from being parallel to it.
    axis = tf.one_hot(tf.argmin(tf.abs(unit), axis=0), 3, axis=0, dtype=unit.dtype)
    vector = _cross(unit, axis)
    return vector / tf.norm(vector, axis=0)


def _cross(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    (a, b, c), (x, y, z) = tf.unstack(first), tf.unstack(second)
    return tf.stack([b * z - c * y, c * x - a * z, a * y - b * x])


def _dot(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(first * second, axis=0)


def _epsilon(dtype: tf.DType) -> float:
    return 1e-15 if dtype == tf.float64 else 1e-7
