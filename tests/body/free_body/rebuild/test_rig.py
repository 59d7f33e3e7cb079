"""The source skeleton in SMPL's terms, on a rig of a few bones."""

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import rig

_BONES = {
    # name: (parent, head, weight pairs)
    "head": ("neck03", {"strategy": "CUBE", "cube_name": "joint-head"}, [[3, 1.0]]),
    "jaw": ("head", {"strategy": "VERTEX", "vertex_index": 9}, [[4, 0.25], [15000, 1.0]]),
    "neck03": ("root", {"strategy": "MEAN", "vertex_indices": [1, 5]}, [[4, 0.75]]),
    "root": ("", {"strategy": "VERTEX", "vertex_index": 0}, [[0, 1.0]]),
    "finger1-2.L": ("wrist.L", {"strategy": "VERTEX", "vertex_index": 2}, [[1, 0.5]]),
    "finger2-1.L": ("wrist.L", {"strategy": "VERTEX", "vertex_index": 2}, [[1, 0.5]]),
    "wrist.L": ("root", {"strategy": "VERTEX", "vertex_index": 2}, []),
    "upperleg02.R": ("root", {"strategy": "VERTEX", "vertex_index": 2}, [[2, 1.0]]),
}


class _Assets:
    def json(self, path):
        if path.endswith("vertex_groups.json"):
            return {"joint-head": [[10, 12], [20, 20]], "joint-l-hand": [[30, 31]]}
        if path.endswith("weights.default.json"):
            return {"weights": {name: pairs for name, (_, _, pairs) in _BONES.items()}}
        return {
            name: {"parent": parent, "head": head} for name, (parent, head, _) in _BONES.items()
        }


@pytest.fixture
def small():
    return rig.read_rig(_Assets())


def test_parents_come_first(small):
    assert sorted(small.bones) == sorted(_BONES)
    assert small.bones[0] == "root"
    for bone, parent in zip(small.bones, small.parents):
        name = _BONES[bone][0]
        assert (small.bones[parent] if name else "") == name
        assert parent < small.bones.index(bone)


def test_heads_by_strategy(small):
    heads = dict(zip(small.bones, small.head_vertices))
    assert heads["head"].tolist() == [10, 11, 12, 20]
    assert heads["neck03"].tolist() == [1, 5]
    assert heads["jaw"].tolist() == [9]


@pytest.mark.parametrize(
    ("bone", "joint"),
    [
        ("root", "pelvis"),
        ("neck03", "neck"),
        ("head", "head"),
        ("jaw", "head"),  # The face goes with the head above it.
        ("wrist.L", "left_wrist"),
        ("finger1-2.L", "left_wrist"),  # The thumb moves with the wrist.
        ("finger2-1.L", "left_hand"),
        ("upperleg02.R", "right_hip"),
    ],
)
def test_bones_to_joints(small, bone, joint):
    assert small.joint_of_bone(small.bones.index(bone)) == joint


def test_weights_sum_by_joint_and_skip_what_is_not_skin(small):
    weights = small.joint_weights()
    assert weights.shape == (13380, 24)
    assert weights[1, rig.JOINTS.index("left_wrist")] == 0.5
    assert weights[1, rig.JOINTS.index("left_hand")] == 0.5
    assert weights[4, rig.JOINTS.index("neck")] == 0.75
    assert weights[4, rig.JOINTS.index("head")] == 0.25
    np.testing.assert_allclose(weights[:5].sum(1), 1.0)
    assert not weights[5:].any()


def test_joint_markers(small):
    vertices, bone = small.joint_markers("left_wrist")
    assert vertices.tolist() == [30, 31]
    assert small.bones[bone] == "wrist.L"
    vertices, bone = small.joint_markers("head")
    assert vertices.tolist() == [10, 11, 12, 20]
    assert small.bones[bone] == "head"
