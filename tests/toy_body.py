"""SMPL-shaped bodies for tests, made from formulas: no licensed data.

`toy_arrays` has a plausible human build (tubes of vertices around SMPL's 24 bones, limbs that
point where a person's do), so that renders and crops of it make sense. `filler_arrays` is the
40-vertex body of the printed numeric checks.
"""

from __future__ import annotations

import filler
import numpy as np

from hmr_tf.body.model_file import Body, body_from_arrays

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
# Rest joints in metres: y up, z towards the viewer, the body's left at +x; a T-pose.
_REST_JOINTS = np.array(
    [
        [0.00, 0.00, 0.00], [0.07, -0.09, 0.00], [-0.07, -0.09, 0.00], [0.00, 0.11, -0.02],
        [0.10, -0.47, 0.00], [-0.10, -0.47, 0.00], [0.00, 0.24, 0.00], [0.09, -0.87, -0.04],
        [-0.09, -0.87, -0.04], [0.00, 0.30, 0.02], [0.11, -0.93, 0.08], [-0.11, -0.93, 0.08],
        [0.00, 0.51, -0.03], [0.08, 0.41, -0.01], [-0.08, 0.41, -0.01], [0.00, 0.60, 0.02],
        [0.20, 0.42, -0.03], [-0.20, 0.42, -0.03], [0.46, 0.41, -0.05], [-0.46, 0.41, -0.05],
        [0.71, 0.42, -0.05], [-0.71, 0.42, -0.05], [0.80, 0.41, -0.06], [-0.80, 0.41, -0.06],
    ]
)  # fmt: skip
# The surface near a joint, in a direction from it.
_TIPS = {
    "head_top": (15, (0.0, 0.2, 0.03)),
    "left_middle_tip": (22, (0.1, 0.0, 0.0)),
    "right_middle_tip": (23, (-0.1, 0.0, 0.0)),
    "left_big_toe": (10, (0.0, -0.02, 0.08)),
    "right_big_toe": (11, (0.0, -0.02, 0.08)),
}
_RINGS, _SIDES = 3, 4
# cocoplus keypoints that sit on an SMPL joint; the others are offset from the head.
_COCOPLUS_JOINTS = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15, 15, 15, 15, 15, 15)


def toy_arrays(num_betas: int = 10) -> dict[str, np.ndarray]:
    """Returns the toy body under SMPL's file keys, float64 as in the real files."""
    vertices, bones, faces = _tubes()
    distance = np.linalg.norm(vertices[:, None] - _REST_JOINTS[None], axis=2)
    nearest = np.argsort(distance, axis=1)[:, :3]
    weights = np.zeros((len(vertices), 24))
    np.put_along_axis(weights, nearest, np.exp(-10.0 * np.take_along_axis(distance, nearest, 1)), 1)
    weights[np.arange(len(vertices)), bones] += 1.0
    weights /= weights.sum(axis=1, keepdims=True)
    shapedirs = 0.01 * filler.signed("toy/shapedirs", (len(vertices), 3, num_betas))
    shapedirs[:, :, 0] = 0.05 * vertices  # The first coefficient is size, as in SMPL.
    if num_betas > 1:
        shapedirs[:, :, 1] = 0.05 * vertices * [1.0, 0.0, 1.0]
    return {
        "kind": np.array("toy"),
        "v_template": vertices,
        "shapedirs": shapedirs,
        "posedirs": 0.002 * filler.signed("toy/posedirs", (len(vertices), 3, 207)),
        "J_regressor": _interpolation(_REST_JOINTS, vertices),
        "weights": weights,
        "kintree_table": np.array([(2**32 - 1, *PARENTS[1:]), range(24)], np.uint32),
        "f": faces,
        "cocoplus_regressor": _interpolation(_cocoplus_targets(), vertices),
        "extra_names": np.array(list(_TIPS)),
        "extra_ids": np.array([_nearest(vertices, *tip) for tip in _TIPS.values()]),
    }


def toy_body(num_betas: int = 10) -> Body:
    """Returns the toy body with the keypoint sets `cocoplus`, `h36m`, `extra` and `j24`."""
    arrays = toy_arrays(num_betas)
    body = body_from_arrays(arrays, source="toy body")
    for name, count in (("h36m", 17), ("extra", 9), ("j24", 24)):
        matrix = filler.uniform(f"toy/{name}", (count, body.num_vertices)) ** 8
        matrix /= matrix.sum(axis=1, keepdims=True)
        if name == "j24":
            matrix[:14] = arrays["cocoplus_regressor"][:14]
        body = body.with_regressor(name, matrix, "toy")
    return body


def filler_arrays() -> dict[str, np.ndarray]:
    """Returns the 40-vertex body of the printed numeric checks, under SMPL's file keys."""

    def rows_of_one(name: str, shape: tuple[int, int]) -> np.ndarray:
        values = filler.uniform(name, shape)
        return values / values.sum(axis=1, keepdims=True)

    return {
        "kind": np.array("toy"),
        "v_template": filler.signed("smpl/v_template", (40, 3)),
        "shapedirs": 0.1 * filler.signed("smpl/shapedirs", (40, 3, 10)),
        "posedirs": 0.01 * filler.signed("smpl/posedirs", (40, 3, 207)),
        "J_regressor": rows_of_one("smpl/J_regressor", (24, 40)),
        "weights": rows_of_one("smpl/weights", (40, 24)),
        "cocoplus_regressor": rows_of_one("smpl/cocoplus", (19, 40)),
        "kintree_table": np.array([(2**32 - 1, *PARENTS[1:]), range(24)], np.uint32),
        "f": np.stack([np.arange(38), np.arange(1, 39), np.arange(2, 40)], axis=1),
    }


def filler_body() -> Body:
    """Returns the 40-vertex body of the printed numeric checks."""
    return body_from_arrays(filler_arrays(), source="filler body")


def filler_inputs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns pose `[2, 72]`, betas `[2, 10]`, camera `[2, 3]` of the printed checks, float32."""
    pose = 0.5 * filler.signed("smpl/theta", (2, 72))
    pose[0, :3] = (np.pi, 0.0, 0.0)
    pose[1, 6:9] = 0.0
    betas = filler.signed("smpl/beta", (2, 10))
    camera = np.array([[0.9, 0.1, -0.2], [1.1, -0.05, 0.3]])
    return pose.astype(np.float32), betas.astype(np.float32), camera.astype(np.float32)


def _tubes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns vertices, the joint each belongs to, and faces of closed tubes around the bones."""
    vertices, bones, faces = [], [], []
    tips = [(j, _REST_JOINTS[p], _REST_JOINTS[j]) for j, p in enumerate(PARENTS) if j > 0]
    tips.append((15, _REST_JOINTS[15], _REST_JOINTS[15] + [0.0, 0.20, 0.03]))  # The skull.
    for joint, start, end in tips:
        first = sum(len(part) for part in vertices)
        vertices.append(_tube(start, end, 0.09 if joint in (3, 6, 9) else 0.05))
        bones.append(np.full(_RINGS * _SIDES, joint if joint == 15 else max(PARENTS[joint], 0)))
        for ring in range(_RINGS - 1):
            for side in range(_SIDES):
                a, b = first + ring * _SIDES + side, first + ring * _SIDES + (side + 1) % _SIDES
                faces += [(a, b, a + _SIDES), (b, b + _SIDES, a + _SIDES)]
        for base, flip in ((first, 1), (first + (_RINGS - 1) * _SIDES, -1)):
            faces += [(base, base + 2, base + 1)[::flip], (base, base + 3, base + 2)[::flip]]
    return np.concatenate(vertices), np.concatenate(bones), np.array(faces, np.uint32)


def _tube(start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross(along, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    other = np.cross(along, across)
    angles = np.arange(_SIDES) * 2 * np.pi / _SIDES
    ring = radius * (np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * other)
    return np.concatenate([start + t * (end - start) + ring for t in np.linspace(0, 1, _RINGS)])


def _cocoplus_targets() -> np.ndarray:
    targets = _REST_JOINTS[list(_COCOPLUS_JOINTS)].copy()
    head = [[0, 0.19, 0.03], [0, 0.06, 0.08], [0.03, 0.09, 0.07], [-0.03, 0.09, 0.07]]
    targets[13:] += [*head, [0.05, 0.07, 0.0], [-0.05, 0.07, 0.0]]
    return targets


def _nearest(vertices: np.ndarray, joint: int, offset: tuple[float, ...]) -> int:
    return int(np.linalg.norm(vertices - _REST_JOINTS[joint] - offset, axis=1).argmin())


def _interpolation(targets: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Returns rows that sum to 1 and give each target exactly from its twelve nearest vertices."""
    rows = np.zeros((len(targets), len(vertices)))
    for row, target in zip(rows, targets):
        near = np.argsort(np.linalg.norm(vertices - target, axis=1))[:12]
        system = np.concatenate([vertices[near].T, np.ones((1, 12))])
        row[near] = np.linalg.lstsq(system, np.append(target, 1.0), rcond=None)[0]
    return rows
