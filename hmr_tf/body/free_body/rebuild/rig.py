"""The source skeleton, and how its 163 bones become SMPL's 24 joints."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from hmr_tf.body.free_body.rebuild.sources import NUM_SKIN_VERTICES, Assets
from tfrecords_tools import skeletons

JOINTS = tuple(joint.removeprefix("smpl_") for joint in skeletons.SMPL24.joints)
NUM_JOINTS = len(JOINTS)

# First match wins. A bone that matches none (the face) belongs where its parent belongs.
_JOINT_OF_BONE = (
    ("root|pelvis|spine05|spine04", "pelvis"),
    ("spine03", "spine1"),
    ("spine02", "spine2"),
    ("spine01|breast", "spine3"),
    ("neck", "neck"),
    ("head", "head"),
    ("clavicle|shoulder01", "collar"),
    ("upperarm", "shoulder"),
    ("lowerarm", "elbow"),
    ("wrist|metacarpal|finger1", "wrist"),
    ("finger", "hand"),
    ("upperleg", "hip"),
    ("lowerleg", "knee"),
    ("foot", "ankle"),
    ("toe", "foot"),
)
# Joint -> (marker cubes to average, bone that carries them); "?" is the side, l or r.
_CENTRAL_MARKERS = {
    "pelvis": (("joint-pelvis", "joint-spine-4"), "root"),
    "spine1": (("joint-spine-3",), "spine03"),
    "spine2": (("joint-spine-2",), "spine02"),
    "spine3": (("joint-spine-1",), "spine01"),
    "neck": (("joint-neck",), "neck01"),
    "head": (("joint-head",), "head"),
}
_SIDE_MARKERS = {
    "hip": (("joint-?-upper-leg",), "upperleg01"),
    "knee": (("joint-?-knee",), "lowerleg01"),
    "ankle": (("joint-?-ankle",), "foot"),
    "foot": (tuple(f"joint-?-toe-{toe}-1" for toe in (2, 3, 4)), "foot"),
    "collar": (("joint-?-clavicle",), "clavicle"),
    "shoulder": (("joint-?-shoulder",), "upperarm01"),
    "elbow": (("joint-?-elbow",), "lowerarm01"),
    "wrist": (("joint-?-hand",), "wrist"),
    "hand": (tuple(f"joint-?-finger-{finger}-1" for finger in (2, 3, 4, 5)), "wrist"),
}


@dataclass(frozen=True)
class Rig:
    """The full source rig.

    Attributes:
        bones: names, parents before children.
        parents: index of each bone's parent, -1 for the root.
        head_vertices: for each bone the vertices whose mean is its head.
        weights: `[13380, 163]` float64, how much each bone carries each skin vertex.
        markers: name of a vertex group -> its vertices.
    """

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    head_vertices: tuple[np.ndarray, ...]
    weights: np.ndarray
    markers: dict[str, np.ndarray]

    def joint_of_bone(self, index: int) -> str:
        """Returns the SMPL joint that a bone belongs to."""
        stem, _, side = self.bones[index].partition(".")
        for pattern, joint in _JOINT_OF_BONE:
            if re.match(pattern, stem):
                name = {"L": f"left_{joint}", "R": f"right_{joint}"}.get(side, joint)
                return name if name in JOINTS else joint
        return self.joint_of_bone(self.parents[index])

    def joint_weights(self) -> np.ndarray:
        """Sums the bones' weights by SMPL joint.

        Returns:
            `[13380, 24]` float64.
        """
        weights = np.zeros((len(self.weights), len(JOINTS)))
        for index in range(len(self.bones)):
            weights[:, JOINTS.index(self.joint_of_bone(index))] += self.weights[:, index]
        return weights

    def joint_markers(self, joint: str) -> tuple[np.ndarray, int]:
        """Returns the vertices whose mean is an SMPL joint, and the bone that carries them."""
        if joint in _CENTRAL_MARKERS:
            cubes, bone = _CENTRAL_MARKERS[joint]
        else:
            side, _, stem = joint.partition("_")
            cubes, bone = _SIDE_MARKERS[stem]
            cubes = tuple(cube.replace("?", side[0]) for cube in cubes)
            bone = f"{bone}.{side[0].upper()}"
        return np.concatenate([self.markers[cube] for cube in cubes]), self.bones.index(bone)


def read_rig(assets: Assets) -> Rig:
    """Reads the default rig, its weights and the vertex groups."""
    groups = assets.json("mesh_metadata/basemesh_vertex_groups.json")
    markers = {
        name: np.concatenate([np.arange(first, last + 1) for first, last in ranges])
        for name, ranges in groups.items()
    }
    definition = assets.json("rigs/standard/rig.default.json")
    bones = _parents_first({name: bone.get("parent", "") for name, bone in definition.items()})
    weights = np.zeros((NUM_SKIN_VERTICES, len(bones)))
    for name, pairs in assets.json("rigs/standard/weights.default.json")["weights"].items():
        vertices, values = np.array(pairs).reshape(-1, 2).T
        is_skin = vertices < NUM_SKIN_VERTICES
        weights[vertices[is_skin].astype(np.int64), bones.index(name)] = values[is_skin]
    parent_names = [definition[bone].get("parent", "") for bone in bones]
    return Rig(
        bones,
        tuple(bones.index(name) if name else -1 for name in parent_names),
        tuple(_head_vertices(definition[bone]["head"], markers) for bone in bones),
        weights,
        markers,
    )


def _parents_first(parent_of: dict[str, str]) -> tuple[str, ...]:
    order = [""]
    for name in order:
        order.extend(bone for bone, parent in parent_of.items() if parent == name)
    return tuple(order[1:])


def _head_vertices(head: dict, markers: dict[str, np.ndarray]) -> np.ndarray:
    if head["strategy"] == "CUBE":
        return markers[head["cube_name"]]
    if head["strategy"] == "MEAN":
        return np.array(head["vertex_indices"])
    return np.array([head["vertex_index"]])
