"""SMPLR's points of a body: SMPL's joints, and 18 landmarks on the skin for shape and twists.

Landmarks are vertices. On SMPL's own mesh they are the release's. On any other mesh a vertex number
of SMPL's means nothing; there a landmark is the vertex nearest to where SMPL's lies from the joint
that carries it, in the rest pose, the right ones in the mirror of the left. For the embedded body
these vertices are written down below.

Bones lead from each point to its parent: SMPL's tree, continued to the landmarks.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020, and its release.
"""

from __future__ import annotations

import numpy as np

from hmr_tf.body.model_file import FREE_BODY, Body
from tfrecords_tools.skeletons import CLOTH3D42, SMPL_PARENTS

# Index 0 is the pelvis, then SMPL's joints, then the landmarks.
POINTS = CLOTH3D42
REGRESSOR = "landmarks"
NAMES = POINTS.joints[24:]
POINT_PARENTS = (
    *SMPL_PARENTS,
    *(9, 9, 0, 0, 0, 2, 1, 29, 30, 10, 11, 22, 16, 36, 17, 38, 23, 15),
)
# m, from the parent, of points 1 to 41 of the release's mean body.
MEAN_LENGTHS = (
    *(0.1148, 0.1127, 0.1056, 0.3656, 0.3725, 0.1277, 0.3860, 0.3862, 0.0565, 0.1289, 0.1286),
    *(0.2141, 0.1446, 0.1451, 0.0801, 0.0913, 0.0955, 0.2530, 0.2472, 0.2382, 0.2454, 0.0813),
    *(0.0814, 0.1461, 0.1390, 0.1461, 0.1800, 0.1817, 0.1639, 0.1663, 0.1886, 0.1877, 0.0672),
    *(0.0666, 0.0772, 0.1203, 0.0927, 0.1423, 0.0912, 0.0814, 0.1187),
)
# Points of the 41 whose bones make up a limb: right arm, left arm, right leg, left leg.
LIMBS = ((16, 18, 20, 22), (15, 17, 19, 21), (4, 7, 10), (3, 6, 9))

_VERTICES = {
    "smpl": (
        *(3042, 4428, 3503, 4311, 822, 4361, 877, 4386, 898),
        *(3222, 6620, 2544, 2820, 1258, 4116, 5365, 5989, 331),
    ),
    FREE_BODY: (
        *(3869, 402, 2229, 2143, 5551, 2324, 5720, 2298, 5694),
        *(6154, 2758, 4430, 5083, 4176, 1641, 729, 987, 41),
    ),
}
_NUM_VERTICES = 6890  # of the meshes that they number
# The joints that carry the landmarks.
_CARRIERS = (9, 9, 0, 0, 0, 2, 1, 2, 1, 10, 11, 22, 16, 16, 17, 17, 23, 15)
# m, from them in the rest pose: means over the bodies of the release's sample sequences.
_OFFSETS = np.array(
    [
        (0.099, 0.032, 0.129), (-0.092, 0.034, 0.133), (-0.003, 0.032, 0.157),
        (-0.189, -0.013, 0.007), (0.189, -0.008, 0.008), (-0.034, -0.128, 0.103),
        (0.037, -0.128, 0.110), (-0.017, -0.119, -0.098), (0.013, -0.121, -0.093),
        (-0.011, -0.015, 0.065), (0.004, -0.014, 0.065), (0.076, 0.001, -0.016),
        (0.115, -0.014, 0.045), (0.117, -0.027, -0.068), (-0.141, -0.013, 0.043),
        (-0.127, -0.005, -0.065), (-0.078, 0.003, -0.023), (-0.001, 0.067, 0.101),
    ]
)  # fmt: skip
_MIRROR = np.array([-1.0, 1.0, 1.0])


def landmark_vertices(body: Body) -> tuple[int, ...]:
    """Returns the body's 18 landmarks, in the order of `NAMES`."""
    known = _VERTICES.get(body.kind)
    return known if known and body.num_vertices == _NUM_VERTICES else find_landmarks(body)


def find_landmarks(body: Body) -> tuple[int, ...]:
    """Finds the vertices that lie on a body as the landmarks do on SMPL's."""
    joints = body.joint_regressor @ body.template
    flip = [POINTS.flip[point] - 24 for point in range(24, POINTS.num_joints)]
    offsets = 0.5 * (_OFFSETS + _OFFSETS[flip] * _MIRROR)
    found = [0] * len(NAMES)
    for index, name in enumerate(NAMES):
        if not name.startswith("right"):
            found[index] = _nearest(body, joints[_CARRIERS[index]] + offsets[index])
            if flip[index] != index:
                found[flip[index]] = _nearest(body, body.template[found[index]] * _MIRROR)
    return tuple(found)


def _nearest(body: Body, place: np.ndarray) -> int:
    return int(np.linalg.norm(body.template - place, axis=1).argmin())


def with_landmarks(body: Body, *before: str) -> Body:
    """Returns a copy of the body with the keypoint regressor `REGRESSOR`.

    Args:
        body: any body; its kind decides which vertices are meant.
        *before: keypoint regressors of the body whose rows come first.
    """
    picked = np.eye(body.num_vertices, dtype=np.float32)[list(landmark_vertices(body))]
    matrix = np.concatenate([*(body.regressor(name) for name in before), picked])
    return body.with_regressor(REGRESSOR, matrix, body.kind)
