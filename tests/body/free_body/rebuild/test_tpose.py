"""From A-pose to T-pose, on a stick figure of single vertices."""

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import tpose
from hmr_tf.body.free_body.rebuild.rig import JOINTS, Rig

_LEFT = {
    # bone: (parent, head in the A-pose)
    "clavicle.L": ("root", [0.02, 1.4, 0.0]),
    "shoulder01.L": ("clavicle.L", [0.05, 1.41, 0.0]),
    "upperarm01.L": ("shoulder01.L", [0.18, 1.4, 0.0]),
    "upperarm02.L": ("upperarm01.L", [0.27, 1.31, 0.0]),
    "lowerarm01.L": ("upperarm02.L", [0.36, 1.22, 0.0]),
    "lowerarm02.L": ("lowerarm01.L", [0.44, 1.14, 0.02]),
    "wrist.L": ("lowerarm02.L", [0.52, 1.06, 0.04]),
    "upperleg01.L": ("root", [0.1, 0.9, 0.0]),
    "upperleg02.L": ("upperleg01.L", [0.12, 0.7, 0.0]),
    "lowerleg01.L": ("upperleg02.L", [0.15, 0.5, 0.0]),
    "lowerleg02.L": ("lowerleg01.L", [0.16, 0.3, 0.0]),
    "foot.L": ("lowerleg02.L", [0.18, 0.1, 0.0]),
}
_CENTRE = ("root", "spine03", "spine02", "spine01", "neck01", "head")
_CENTRAL_MARKERS = (
    *("joint-pelvis", "joint-spine-4", "joint-spine-3", "joint-spine-2", "joint-spine-1"),
    *("joint-neck", "joint-head"),
)


@pytest.fixture(scope="module")
def figure():
    """A rig whose every bone head, knuckle and marker is one vertex; each vertex follows a bone."""
    bones, parents, points, markers = [], [], [], {}

    def add(point):
        points.append(point)
        return len(points) - 1

    def bone(name, parent, point):
        bones.append(name)
        parents.append(bones.index(parent) if parent else -1)
        return add(point)

    heads = []
    for level, name in enumerate(_CENTRE):
        heads.append(bone(name, _CENTRE[level - 1] if level else "", [0.0, 1.0 + 0.1 * level, 0.0]))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        for name, (parent, (x, y, z)) in _LEFT.items():
            heads.append(
                bone(name.replace("L", side), parent.replace(".L", f".{side}"), [sign * x, y, z])
            )
        letter = side.lower()
        for finger in (1, 2, 3, 4, 5):
            point = [sign * 0.58, 1.0, 0.1 - 0.02 * finger]
            markers[f"joint-{letter}-finger-{finger}-1"] = np.array([add(point)])
        for toe in (2, 3, 4):
            markers[f"joint-{letter}-toe-{toe}-1"] = np.array([add([sign * 0.18, 0.05, 0.1])])
        for marker, name in (
            ("upper-leg", "upperleg01"),
            ("knee", "lowerleg01"),
            ("ankle", "foot"),
            ("clavicle", "clavicle"),
            ("shoulder", "upperarm01"),
            ("elbow", "lowerarm01"),
            ("hand", "wrist"),
        ):
            markers[f"joint-{letter}-{marker}"] = np.array([heads[bones.index(f"{name}.{side}")]])
    for level, marker in enumerate(_CENTRAL_MARKERS):
        markers[marker] = np.array([heads[min(level, len(_CENTRE) - 1)]])
    weights = np.zeros((len(points), len(bones)))
    for index, vertex in enumerate(heads):
        weights[vertex, index] = 1.0
    heads_of = tuple(np.array([vertex]) for vertex in heads)
    rig = Rig(tuple(bones), tuple(parents), heads_of, weights, markers)
    return rig, np.array(points)


def _posed_joints(figure, vertices=None):
    rig, points = figure
    rotations = tpose.world_rotations(rig, points)
    skin, joints = tpose.pose(
        rig, rotations, points if vertices is None else vertices, np.arange(len(points))
    )
    return skin, joints


def test_arms_lie_along_x_and_legs_stand(figure):
    _, joints = _posed_joints(figure)
    at = dict(zip(JOINTS, joints))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand")):
            step = at[f"{side}_{end}"] - at[f"{side}_{start}"]
            direction = step / np.linalg.norm(step)
            if end != "hand":
                np.testing.assert_allclose(direction, [sign, 0, 0], atol=2e-2)
            assert direction[0] * sign > 0.98
        thigh = at[f"{side}_knee"] - at[f"{side}_hip"]
        np.testing.assert_allclose(
            thigh / np.linalg.norm(thigh), [sign * 0.08, -0.997, 0.02], atol=1e-3
        )


def test_lengths_are_kept_and_sides_mirror(figure):
    _, points = figure
    skin, joints = _posed_joints(figure)
    rig = figure[0]
    for bone, parent in zip(range(len(rig.bones)), rig.parents):
        if parent >= 0:
            a, b = rig.head_vertices[bone], rig.head_vertices[parent]
            before = np.linalg.norm(points[a] - points[b])
            assert np.linalg.norm(skin[a] - skin[b]) == pytest.approx(before)
    flip = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    np.testing.assert_allclose(joints[flip] * [-1, 1, 1], joints, atol=1e-12)


def test_rotations_are_rotations_and_the_foot_keeps_its_own(figure):
    rig, points = figure
    rotations = tpose.world_rotations(rig, points)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1),
        np.tile(np.eye(3), (len(rotations), 1, 1)),
        atol=1e-12,
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0)
    np.testing.assert_array_equal(rotations[rig.bones.index("foot.L")], np.eye(3))


def test_palm_faces_down(figure):
    """The index knuckle comes in front of the little finger's, level with it."""
    rig, points = figure
    rotations = tpose.world_rotations(rig, points)
    hand = rotations[rig.bones.index("wrist.L")]
    index, little = (points[rig.markers[f"joint-l-finger-{k}-1"][0]] for k in (2, 5))
    across = hand @ (index - little)
    assert across[2] > 0.9 * np.linalg.norm(across)
    assert across[1] == pytest.approx(0.0, abs=1e-9)


def test_posing_is_linear_and_takes_any_leading_dimensions(figure):
    _, points = figure
    generator = np.random.default_rng(0)
    changes = generator.normal(size=(2, 3, *points.shape))
    skin, joints = _posed_joints(figure)
    change_skin, change_joints = _posed_joints(figure, changes)
    assert change_skin.shape == (2, 3, len(points), 3) and change_joints.shape == (2, 3, 24, 3)
    both_skin, both_joints = _posed_joints(figure, points + 0.5 * changes[1, 2])
    np.testing.assert_allclose(both_skin, skin + 0.5 * change_skin[1, 2], atol=1e-12)
    np.testing.assert_allclose(both_joints, joints + 0.5 * change_joints[1, 2], atol=1e-12)
