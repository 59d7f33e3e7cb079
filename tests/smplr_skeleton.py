"""A skeleton with SMPLR's 18 landmarks and random people, after the printed numeric checks.

Joints and landmarks hang rigidly on their parents; offsets are means over the bodies of the
original release's samples. x is the body's left, y up and z front.
"""

import numpy as np
from scipy.spatial.transform import Rotation

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
REST = np.array(
    [
        (0, 0, 0), (.068, -.088, -.008), (-.068, -.093, -.004), (.001, .117, -.034),
        (.032, -.364, -.006), (-.036, -.365, -.012), (.004, .129, .013), (-.012, -.391, -.043),
        (.015, -.389, -.040), (0, .053, .019), (.033, -.056, .114), (-.030, -.054, .120),
        (-.008, .208, -.048), (.077, .117, -.031), (-.083, .116, -.035), (.004, .070, .048),
        (.105, .037, -.017), (-.101, .037, -.011), (.245, -.010, -.025), (-.242, -.010, -.026),
        (.240, .010, -.004), (-.245, .009, -.003), (.081, -.010, -.014), (-.082, -.008, -.010),
    ]
)  # fmt: skip
CARRIERS = (9, 9, 0, 0, 0, 2, 1, 2, 1, 10, 11, 22, 16, 16, 17, 17, 23, 15)
LANDMARKS = np.array(
    [
        (.099, .032, .129), (-.092, .034, .133), (-.003, .032, .157), (-.189, -.013, .007),
        (.189, -.008, .008), (-.034, -.128, .103), (.037, -.128, .110), (-.017, -.119, -.098),
        (.013, -.121, -.093), (-.011, -.015, .065), (.004, -.014, .065), (.076, .001, -.016),
        (.115, -.014, .045), (.117, -.027, -.068), (-.141, -.013, .043), (-.127, -.005, -.065),
        (-.078, .003, -.023), (-.001, .067, .101),
    ]
)  # fmt: skip


def points(rotations):
    """Returns joints 1 to 23 and landmarks `[n, 41, 3]` of `[n, 24, 3, 3]`, from the pelvis."""
    turned = np.empty(rotations.shape)
    joints = np.zeros((len(rotations), 24, 3))
    turned[:, 0] = rotations[:, 0]
    for joint in range(1, 24):
        parent = PARENTS[joint]
        turned[:, joint] = turned[:, parent] @ rotations[:, joint]
        joints[:, joint] = joints[:, parent] + turned[:, parent] @ REST[joint]
    carriers = list(CARRIERS)
    landmarks = joints[:, carriers] + np.einsum("nlij,lj->nli", turned[:, carriers], LANDMARKS)
    return np.concatenate([joints[:, 1:], landmarks], axis=1).astype(np.float32)


def without_twist(axis_angles):
    """Takes from `[n, 24, 3]` what turns a joint about its first bone."""
    for joint in range(1, 24):
        children = [child for child in range(24) if PARENTS[child] == joint]
        end = REST[children[0]] if children else LANDMARKS[CARRIERS.index(joint)]
        axis = end / np.linalg.norm(end)
        axis_angles[:, joint] -= (axis_angles[:, joint] @ axis)[:, None] * axis
    return axis_angles


def people(rng, count, kind="swing", upright=True, latent=None):
    """Returns rotations `[count, 24, 3, 3]` float32.

    Args:
        rng: NumPy's.
        count: people.
        kind: `swing` (without twists), or `free`.
        upright: whether the root is the identity; else it faces anywhere, as in the release's data.
        latent: `[m, 72]` directions of poses, of which random mixtures are taken, if not all.
    """
    angles = 0.3 * rng.normal(size=(count, 72))
    if latent is not None:
        angles = rng.normal(size=(count, len(latent))) @ latent
    angles = angles.reshape(count, 24, 3)
    if kind == "swing":
        angles = without_twist(angles)
    matrices = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    root = np.broadcast_to(np.eye(3), (count, 3, 3))
    if not upright:
        yaw = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi, (count, 1))).as_matrix()
        lying = Rotation.from_euler("x", 90, degrees=True).as_matrix()
        wobble = Rotation.from_rotvec(0.15 * rng.normal(size=(count, 3))).as_matrix()
        root = yaw @ lying @ wobble
    matrices[:, 0] = root
    return matrices.astype(np.float32)


def angles_deg(first, second):
    """Returns the angle between rotations `[..., 3, 3]`, degrees."""
    trace = np.einsum("...ij,...ij->...", first, second)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
