"""Points on the surface, and regressors from posed vertices to the datasets' keypoints."""

from __future__ import annotations

import numpy as np

from hmr_tf.body.free_body.rebuild import regression, skinning
from hmr_tf.body.free_body.rebuild.pose_corrections import pose_features, random_rotations
from hmr_tf.body.free_body.rebuild.rig import JOINTS, Rig
from tfrecords_tools import skeletons

_NUM_POSES = 150
_HEAD = JOINTS.index("head")
_EYEBALL_RADIUS_M = 0.013
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")

# J24 as mixtures of SMPL's joints and surface points; joints of the limbs are SMPL's own.
_MIXTURES = {
    # Between the collar bones, a little above them, at the root of the neck.
    "neck": {"neck": 0.5, "left_collar": 0.25, "right_collar": 0.25},
    "head_top": {"head_top": 1.0},
    "pelvis": {"left_hip": 0.5, "right_hip": 0.5},
    "thorax": {"left_collar": 0.5, "right_collar": 0.5},
    "spine": {"spine2": 1.0},
    # Human3.6M's head joint sits behind the nose, its head site below the crown.
    "jaw": {"head": 0.5, "nose": 0.5},
    "h36m_head_top": {"head": 0.2, "head_top": 0.8},
}
_EXTRA_JOINTS = skeletons.SMPL54.joints[45:54]


def surface_points(
    rig: Rig, body: np.ndarray, kept: np.ndarray, mirror: np.ndarray, weights: np.ndarray
) -> dict[str, int]:
    """Finds named points on the surface.

    Args:
        rig: the full rig, for its markers.
        body: `[19158, 3]`, m, the average body in the source's pose.
        kept: `[V]`, the source vertices that the decimated mesh kept.
        mirror: `[V]`, of the decimated mesh.
        weights: `[V, 24]`.

    Returns:
        Name -> vertex of the decimated mesh. Central points lie on the midline, and right points
        are the mirrored left ones.
    """
    points = body[kept]
    on_head = np.flatnonzero(weights[:, _HEAD] > 0.9)
    midline = on_head[mirror[on_head] == on_head]

    def nearest(marker: str, shift_z: float = 0.0, among: np.ndarray | None = None) -> int:
        goal = body[rig.markers[marker]].mean(0) + np.array([0.0, 0.0, shift_z])
        among = np.arange(len(points)) if among is None else among
        return int(among[np.argmin(np.linalg.norm(points[among] - goal, axis=1))])

    left = {
        "eye": nearest("joint-l-eye", _EYEBALL_RADIUS_M, on_head),
        "ear": int(on_head[np.argmax(points[on_head, 0])]),
        "big_toe": nearest("joint-l-toe-1-3"),
        "small_toe": nearest("joint-l-toe-5-4"),
        "heel": _heel(points, weights),
    }
    for number, finger in enumerate(_FINGERS, start=1):
        left[f"{finger}_tip"] = nearest(f"joint-l-finger-{number}-4")
    found = {
        "nose": int(midline[np.argmax(points[midline, 2])]),
        "head_top": int(midline[np.argmax(points[midline, 1])]),
    }
    found.update({f"left_{name}": vertex for name, vertex in left.items()})
    found.update({f"right_{name}": int(mirror[vertex]) for name, vertex in left.items()})
    return found


def _heel(points: np.ndarray, weights: np.ndarray) -> int:
    """The rearmost vertex of the left foot near the ground."""
    on_foot = weights[:, JOINTS.index("left_ankle")] > 0.9
    low = np.flatnonzero(on_foot & (points[:, 1] < points[:, 1].min() + 0.03))
    return int(low[np.argmin(points[low, 2])])


def fit_posed_regressor(
    bodies: np.ndarray,
    regressor: np.ndarray,
    weights: np.ndarray,
    directions: np.ndarray,
    candidates: regression.Candidates,
    mirror: np.ndarray,
    generator: np.random.Generator,
) -> tuple[np.ndarray, dict[str, float]]:
    """Fits rows that find SMPL's joints on bodies of any pose and shape.

    The joint regressor is made for the rest pose; the bent skin around a knee or an elbow asks for
    slightly other weights.

    Args:
        bodies: `[N, V, 3]`, m, rest-pose bodies of different shapes.
        regressor: `[24, V]`, joints of the rest pose.
        weights: `[V, 24]`.
        directions: `[V, 3, 207]`, pose directions.
        candidates: joint -> the vertices that may take part.
        mirror: `[V]`.
        generator: source of the random poses.

    Returns:
        (`[24, V]` float64; mean errors in mm on unseen bodies, of these rows and of ``regressor``).
    """
    half = 2 * _NUM_POSES // 3
    rotations = random_rotations(generator, _NUM_POSES)
    posed = [
        _pose(bodies[index % len(bodies)], regressor, weights, directions, rotations[index])
        for index in range(_NUM_POSES)
    ]
    vertices = np.stack([body for body, _ in posed])
    joints = np.stack([joints for _, joints in posed])
    fitted = regression.fit_regressor(vertices[:half], joints[:half], candidates, mirror)
    unseen = (vertices[half:], joints[half:])
    return fitted, {
        "posed_regressor_mm": float(regression.errors_mm(fitted, *unseen).mean()),
        "rest_regressor_mm": float(regression.errors_mm(regressor, *unseen).mean()),
    }


def _pose(
    body: np.ndarray,
    regressor: np.ndarray,
    weights: np.ndarray,
    directions: np.ndarray,
    rotations: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the posed vertices `[V, 3]` and joints `[24, 3]`, m."""
    joints = regressor @ body
    turns, shifts = skinning.bone_transforms(joints, rotations)
    matrices, translations = skinning.linear_blend(weights, turns, shifts)
    rest = body + directions @ pose_features(rotations)
    vertices = np.einsum("vab,vb->va", matrices, rest) + translations
    return vertices, np.einsum("jab,jb->ja", turns, joints) + shifts


def keypoint_regressors(joint_rows: np.ndarray, points: dict[str, int]) -> dict[str, np.ndarray]:
    """Puts together the regressors of all keypoint sets.

    Args:
        joint_rows: `[24, V]`, SMPL's joints from posed vertices.
        points: name -> vertex, from `surface_points`.

    Returns:
        cocoplus `[19, V]`, h36m `[17, V]` (left side first), extra `[9, V]` and j24 `[24, V]`,
        float32, rows sum to 1.
    """
    parts = dict(zip(JOINTS, joint_rows))
    for name, vertex in points.items():
        parts[name] = np.eye(1, joint_rows.shape[1], vertex)[0]
    j24 = np.stack(
        [
            sum(share * parts[part] for part, share in _MIXTURES.get(name, {name: 1.0}).items())
            for name in skeletons.J24.joints
        ]
    ).astype(np.float32)
    sets = {
        "cocoplus": skeletons.COCOPLUS19.joints,
        "h36m": skeletons.H36M17.joints,
        "extra": _EXTRA_JOINTS,
        "j24": skeletons.J24.joints,
    }
    return {
        name: j24[[skeletons.J24.index(joint) for joint in joints]] for name, joints in sets.items()
    }
