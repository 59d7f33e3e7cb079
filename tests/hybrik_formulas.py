"""HybrIK's inverse kinematics by its printed formulas: joint after joint, in NumPy and float64.

Independent of the solver: swings are Rodrigues' formula about a cross product, the root is NumPy's
SVD. ``epsilon`` is what the released code adds to every length; almost nothing by default.
Also the golden skeleton of the printed values. Arrays are batched: joints `[N, 29, 3]`.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

PARENTS = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
    *(15, 22, 23, 10, 11),
)
CHILDREN = (
    *(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 27, 28, 15, 16, 17, 24, 18, 19, 20, 21, 22, 23, 25, 26),
    *(-1, -1, -1, -1, -1),
)
SWAPS = (
    *((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23)),
    *((25, 26), (27, 28)),
)
TINY = 1e-300

REST = np.array(
    [
        (0, -0.20, 0.03), (0.07, -0.29, 0.02), (-0.07, -0.29, 0.02), (0, -0.09, 0),
        (0.10, -0.68, 0.02), (-0.10, -0.68, 0.02), (0, 0.05, 0.01), (0.09, -1.08, -0.03),
        (-0.09, -1.08, -0.03), (0, 0.10, 0.03), (0.12, -1.14, 0.09), (-0.12, -1.14, 0.09),
        (0, 0.31, -0.01), (0.08, 0.22, 0), (-0.08, 0.22, 0), (0, 0.38, 0.04),
        (0.17, 0.25, -0.01), (-0.17, 0.25, -0.01), (0.43, 0.24, -0.04), (-0.43, 0.24, -0.04),
        (0.68, 0.25, -0.04), (-0.68, 0.25, -0.04), (0.76, 0.24, -0.05), (-0.76, 0.24, -0.05),
        (0, 0.56, 0.05), (0.86, 0.24, -0.06), (-0.86, 0.24, -0.06), (0.13, -1.16, 0.17),
        (-0.13, -1.16, 0.17),
    ]
)  # fmt: skip
ROTATIONS = Rotation.from_rotvec(
    0.6 * np.sin(1.3 * np.arange(24)[:, None] + 2.1 * np.arange(3) + 0.7)
).as_matrix()
# Times an amplitude in metres, what the golden joints are moved by.
PERTURBATION = np.sin(3.7 * np.arange(29)[:, None] + 1.9 * np.arange(3) + 0.2)


def forward(rotations: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Returns posed joints; leaves move with their parents."""
    turned, placed = [rotations[:, 0]], [rest[:, 0]]
    for joint, parent in enumerate(PARENTS[1 : rest.shape[1]], start=1):
        step = rest[:, joint] - rest[:, parent]
        placed.append(placed[parent] + apply(turned[parent], step))
        if joint < 24:
            turned.append(turned[parent] @ rotations[:, joint])
    return np.stack(placed, axis=1)


def twists_of(rotations: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Returns (cos, sin) of joints 1 to 23 by undoing the swing."""
    result = []
    for joint in range(1, 24):
        bone = rest[:, CHILDREN[joint]] - rest[:, joint]
        matrix = rotations[:, joint]
        twist = transposed(swing(bone, apply(matrix, bone), TINY)) @ matrix
        vee = np.stack([twist[:, 2, 1], twist[:, 0, 2], twist[:, 1, 0]], -1)
        vee -= np.stack([twist[:, 1, 2], twist[:, 2, 0], twist[:, 0, 1]], -1)
        axis = bone / length(bone)
        cos = (np.trace(twist, axis1=1, axis2=2) - 1) / 2
        result.append(np.stack([cos, (axis * vee).sum(-1) / 2], -1))
    return np.stack(result, axis=1)


def solve(
    joints: np.ndarray,
    rest: np.ndarray,
    twists: np.ndarray,
    method: str = "adaptive",
    switch: float | None = 0.015,
    root: str = "svd",
    spine3: str = "neck",
    epsilon: float = TINY,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns rotations `[N, 24, 3, 3]` and whether each joint fell back, `[N, 24]`."""
    targets = joints - joints[:, :1] + rest[:, :1]
    twists = twists / (length(twists) + epsilon)
    parents = list(PARENTS)
    rest_bones = rest - rest[:, parents]
    bones = joints - joints[:, parents]
    local = [(kabsch if root == "svd" else in_closed_form)(rest_bones, bones, epsilon)]
    turned, placed = [local[0]], [rest[:, 0]]
    fell_back = np.zeros((len(joints), 24), bool)
    for joint in range(1, 24):
        above, child = turned[parents[joint]], CHILDREN[joint]
        placed.append(placed[parents[joint]] + apply(above, rest_bones[:, joint]))
        aim = bones[:, child]
        if method == "adaptive":
            aim = targets[:, child] - placed[joint]
            old = bones[:, child] * length(rest_bones[:, child]) / length(bones[:, child])
            if switch is not None:
                fell_back[:, joint] = length(aim - old)[:, 0] > switch
                aim = np.where(fell_back[:, joint, None], old, aim)
        bone = rest_bones[:, child]
        matrix = swing(bone, apply(transposed(above), aim), epsilon)
        axis = bone / (length(bone) + (epsilon if method == "naive" else 0.0))
        matrix = matrix @ about(axis, *twists[:, joint - 1].T)
        if joint == 9 and spine3 == "kabsch":
            ends = targets[:, 12:15] - placed[9][:, None]
            ends = ends if method == "adaptive" else bones[:, 12:15]
            ends = np.einsum("nji,nkj->nki", above, ends)
            matrix = fit(rest_bones[:, 12:15], ends)
        local.append(matrix)
        turned.append(above @ matrix)
    return np.stack(local, axis=1), fell_back


def kabsch(rest_bones: np.ndarray, bones: np.ndarray, _: float) -> np.ndarray:
    """Returns the pelvis' rotation that fits spine and hips."""
    return fit(rest_bones[:, [3, 1, 2]], bones[:, [3, 1, 2]])


def fit(rest_bones: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Returns the rotation that fits bones `[N, k, 3]` best; the identity if there are none."""
    left, _, right = np.linalg.svd(np.einsum("nka,nkb->nab", rest_bones, bones))
    right = transposed(right)
    right[:, :, 2] *= np.linalg.det(right @ transposed(left))[:, None]
    is_nothing = np.abs(bones).max(axis=(1, 2)) == 0
    return np.where(is_nothing[:, None, None], np.eye(3), right @ transposed(left))


def in_closed_form(rest_bones: np.ndarray, bones: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns the pelvis' rotation that swings the spine, then the middle of the hips."""
    spine = swing(rest_bones[:, 3], bones[:, 3], epsilon)
    axis = bones[:, 3] / (length(bones[:, 3]) + epsilon)
    rest_hips = apply(spine, (rest_bones[:, 1] + rest_bones[:, 2]) / 2)
    hips = (bones[:, 1] + bones[:, 2]) / 2
    rest_hips = rest_hips - (rest_hips * axis).sum(-1, keepdims=True) * axis
    hips = hips - (hips * axis).sum(-1, keepdims=True) * axis
    return swing(rest_hips, hips, epsilon) @ spine


def swing(start: np.ndarray, end: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns the smallest rotations of vectors `[N, 3]` into the directions of others."""
    normal = np.cross(start, end)
    scale = length(start) * length(end) + epsilon
    cos = (start * end).sum(-1, keepdims=True) / scale
    axis = normal / (length(normal) + epsilon)
    return about(axis, cos[:, 0], (length(normal) / scale)[:, 0])


def about(axis: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Returns I + sin hat(a) + (1 - cos) hat(a)^2."""
    x, y, z = axis.T
    zero = np.zeros_like(x)
    hat = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    return np.eye(3) + sin[:, None, None] * hat + (1 - cos)[:, None, None] * hat @ hat


def apply(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Returns matrices `[N, 3, 3]` times vectors `[N, 3]`."""
    return np.einsum("nij,nj->ni", matrix, vector)


def transposed(matrix: np.ndarray) -> np.ndarray:
    """Returns the transposes of matrices."""
    return np.swapaxes(matrix, -1, -2)


def length(vector: np.ndarray) -> np.ndarray:
    """Returns lengths, with the last axis kept."""
    return np.linalg.norm(vector, axis=-1, keepdims=True)


def random_people(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns rest joints, rotations and twists of people of many builds in any pose."""
    rng = np.random.default_rng(seed)
    # Not of the embedded body: in some of its shapes the hips have no lever about the spine.
    rest = rng.uniform(0.9, 1.1, (count, 1, 1)) * REST + rng.normal(
        scale=0.003, size=(count, 29, 3)
    )
    rotations = Rotation.from_rotvec(rng.normal(scale=0.4, size=(24 * count, 3))).as_matrix()
    rotations = rotations.reshape(count, 24, 3, 3)
    rotations[:, 0] = Rotation.random(count, random_state=seed).as_matrix()
    return rest, rotations, twists_of(rotations, rest)


def assert_rotations(matrices: np.ndarray, digits: float) -> None:
    """Checks that matrices `[..., 3, 3]` turn and do nothing else."""
    squares = matrices @ transposed(matrices)
    np.testing.assert_allclose(squares, np.broadcast_to(np.eye(3), squares.shape), atol=digits)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0, atol=digits)
