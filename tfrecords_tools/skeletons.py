"""Named joint sets: their order, flips and bones, and the maps between them. One table, here only.

A joint's *name* is its identity: two sets that use one name mean one anatomical point, so a map
between sets, a left/right flip and the bones to draw all follow from the names. Points that carry
the same word but lie elsewhere on the body have names of their own: SMPL's hip joints are not LSP's
hip labels (``smpl_left_hip``, ``left_hip``), and Human3.6M's head-top site is not LSP's label of
the crown (``h36m_head_top``, ``head_top``).

The head of Human3.6M and MPI-INF-3DHP is a known quarrel. SPIN puts their head top into J24 slot 18
and the middle of the head into slot 17 (``jaw``), leaving slot 13 empty; HMR, whose LSP-14 has one
head point, takes the head top for it. Both follow from one rule: a joint goes to its namesake, and
only where the target has none does it stand in for another joint (``_STAND_INS``).
"""

from __future__ import annotations

import dataclasses
import functools

# A joint that may fill another's place in a target set that lacks its namesake.
_STAND_INS = {"h36m_head_top": "head_top"}

# For drawing: joint -> the first of these that the set has is the bone's other end.
_BONE_ENDS = {
    "knee": ("hip",),
    "ankle": ("knee",),
    "foot": ("ankle",),
    "toe": ("foot", "ankle"),
    "toes": ("ankle",),
    "toe_base": ("ankle",),
    "toe_site": ("toe_base",),
    "big_toe": ("ankle",),
    "small_toe": ("big_toe",),
    "heel": ("ankle",),
    "hip": ("-pelvis", "-mid_hip", "shoulder"),
    "elbow": ("shoulder",),
    "wrist": ("elbow",),
    "hand": ("wrist",),
    "thumb": ("wrist",),
    "shoulder": ("clavicle", "-neck", "-thorax"),
    "clavicle": ("-neck",),
    "eye": ("-nose",),
    "ear": ("eye",),
    "pelvis": ("-spine", "-thorax", "-neck"),
    "mid_hip": ("-neck",),
    "spine": ("-spine2", "-thorax", "-neck"),
    "spine2": ("-spine3",),
    "spine3": ("-spine4",),
    "spine4": ("-neck",),
    "thorax": ("-neck",),
    "jaw": ("-neck",),
    "nose": ("-jaw", "-neck"),
    "head_top": ("-jaw", "-neck"),
    "h36m_head_top": ("-jaw", "-neck"),
}


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A named, ordered set of joints.

    Attributes:
        name: key for ``get``.
        joints: joint names in order; a name is the joint's identity across sets.
        flip: permutation of the mirrored body: ``mirrored[i] = original[flip[i]]``.
        bones: pairs of joint indices to draw.
    """

    name: str
    joints: tuple[str, ...]
    flip: tuple[int, ...]
    bones: tuple[tuple[int, int], ...]

    @property
    def num_joints(self) -> int:
        """How many joints the set has."""
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Returns the position of ``joint``.

        Raises:
            ValueError: if the set has no such joint.
        """
        if joint not in self.joints:
            raise ValueError(
                f"{self.name} has no joint '{joint}'; it has {', '.join(self.joints)}."
            )
        return self.joints.index(joint)


def _mirrored_name(joint: str) -> str:
    """Swaps left and right in a joint name."""
    words = {"left": "right", "right": "left"}
    return "_".join(words.get(word, word) for word in joint.split("_"))


def _derive_flip(name: str, joints: tuple[str, ...]) -> tuple[int, ...]:
    """Returns the flip permutation that the names imply."""
    if len(set(joints)) != len(joints):
        raise ValueError(f"Skeleton {name} names a joint twice.")
    position = {joint: index for index, joint in enumerate(joints)}
    return tuple(position[_mirrored_name(joint)] for joint in joints)


def _derive_bones(joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Returns the bones that the names imply (see ``_BONE_ENDS``)."""
    position = {joint: index for index, joint in enumerate(joints)}
    bones = []
    for index, joint in enumerate(joints):
        side, _, part = joint.partition("_")
        if side not in ("left", "right"):
            side, part = "", joint
        for end in _BONE_ENDS.get(part, ()):
            # A leading "-" marks an end on the body's axis; the others are on the joint's own side.
            other = end[1:] if end.startswith("-") else f"{side}_{end}"
            if other in position:
                bones.append((index, position[other]))
                break
    for part, middles in (("hip", {"pelvis", "mid_hip"}), ("shoulder", {"neck", "thorax"})):
        pair = (f"right_{part}", f"left_{part}")
        if not middles & set(joints) and set(pair) <= set(joints):
            bones.append((position[pair[0]], position[pair[1]]))
    return tuple(bones)


def _skeleton(name: str, joints: str, bones: tuple[tuple[int, int], ...] | None = None) -> Skeleton:
    """Builds a skeleton from blank-separated joint names; `r_` and `l_` abbreviate the sides."""
    sides = {"r": "right", "l": "left"}
    names = tuple(
        "_".join(sides.get(word, word) for word in joint.split("_")) for joint in joints.split()
    )
    bones = _derive_bones(names) if bones is None else bones
    return Skeleton(name, names, _derive_flip(name, names), bones)


# Parent of each SMPL joint; -1 is the root.
SMPL_PARENTS = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
    *(9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
)

# The surface points at which HybrIK lets the last bones end hang on these joints.
HYBRIK_PARENTS = (*SMPL_PARENTS, 15, 22, 23, 10, 11)
# Where the one bone ends that turns each of SMPL's joints in HybrIK's inverse kinematics. Of the
# three bones that leave the pelvis and the chest, it is the spine.
HYBRIK_CHILDREN = (
    *(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 27, 28),
    *(15, 16, 17, 24, 18, 19, 20, 21, 22, 23, 25, 26),
)
# What a body model calls these points of its surface.
HYBRIK_LEAVES = ("head_top", "left_middle_tip", "right_middle_tip", "left_big_toe", "right_big_toe")

_SMPL_BONES = tuple((child, parent) for child, parent in enumerate(SMPL_PARENTS) if parent >= 0)
_LSP = (
    "r_ankle r_knee r_hip l_hip l_knee l_ankle "
    "r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist neck head_top"
)
_FACE = "nose l_eye r_eye l_ear r_ear"
_EXTRA = "pelvis thorax spine jaw h36m_head_top"
_SMPL = (
    "smpl_pelvis smpl_l_hip smpl_r_hip smpl_spine1 l_knee r_knee smpl_spine2 l_ankle r_ankle "
    "smpl_spine3 smpl_l_foot smpl_r_foot smpl_neck smpl_l_collar smpl_r_collar smpl_head "
    "l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist smpl_l_hand smpl_r_hand"
)
_BODY_25 = (
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist mid_hip "
    "r_hip r_knee r_ankle l_hip l_knee l_ankle r_eye l_eye r_ear l_ear "
    "l_big_toe l_small_toe l_heel r_big_toe r_small_toe r_heel"
)
_HAND_PARTS = ("index", "middle", "pinky", "ring", "thumb")
_FINGERS = "{0}_thumb_tip {0}_index_tip {0}_middle_tip {0}_ring_tip {0}_pinky_tip"
_TEST_17 = (
    "h36m_head_top neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist "
    "r_hip r_knee r_ankle l_hip l_knee l_ankle pelvis spine jaw"
)
_H36M_ARM = (
    "{0}_clavicle {0}_shoulder {0}_elbow {0}_wrist {0}_thumb {0}_unused1 {0}_wrist_end {0}_unused2"
)

LSP14 = _skeleton("lsp14", _LSP)
COCOPLUS19 = _skeleton("cocoplus19", f"{_LSP} {_FACE}")
SMPL24 = _skeleton("smpl24", _SMPL, _SMPL_BONES)
# The five last are vertices: the top of the head, middle fingers and big toes.
HYBRIK29 = _skeleton(
    "hybrik29",
    f"{_SMPL} smpl_head_top l_middle_tip r_middle_tip l_big_toe r_big_toe",
    tuple((child, parent) for child, parent in enumerate(HYBRIK_PARENTS) if parent >= 0),
)
# SMPL's joints, the face and LSP's top of the head.
SGRE30 = _skeleton(
    "sgre30",
    f"{_SMPL} {_FACE} head_top",
    (*_SMPL_BONES, (24, 15), (25, 24), (26, 24), (27, 25), (28, 26), (29, 15)),
)
# smplx's joints with the picked vertices (0-44) and the nine rows of J_regressor_extra (45-53).
SMPL54 = _skeleton(
    "smpl54",
    f"{_SMPL} nose r_eye l_eye r_ear l_ear "
    "l_big_toe l_small_toe l_heel r_big_toe r_small_toe r_heel "
    f"{_FINGERS.format('l')} {_FINGERS.format('r')} r_hip l_hip neck head_top {_EXTRA}",
    _SMPL_BONES,
)
# SPIN's ground-truth joints.
J24 = _skeleton("j24", f"{_LSP} {_EXTRA} {_FACE}")
BODY25 = _skeleton("body25", _BODY_25)
# SPIN's 49: OpenPose's own estimate of BODY_25, then J24.
J49 = _skeleton(
    "j49",
    " ".join(f"openpose_{joint}" for joint in _BODY_25.split()) + f" {_LSP} {_EXTRA} {_FACE}",
    BODY25.bones + tuple((child + 25, parent + 25) for child, parent in J24.bones),
)
# SPIN's evaluation joints; the first 14 are its "J14", whose head is Human3.6M's head top.
J17 = _skeleton("j17", _LSP.replace("head_top", "h36m_head_top") + " pelvis spine jaw")
# Row order of J_regressor_h36m.
H36M17 = _skeleton(
    "h36m17",
    "pelvis l_hip l_knee l_ankle r_hip r_knee r_ankle spine neck jaw h36m_head_top "
    "l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
)
H36M17_RIGHT_FIRST = _skeleton(
    "h36m17_right_first",
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle spine neck jaw h36m_head_top "
    "l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
)
# Raw Human3.6M. 11 repeats 0, and 16 and 24 repeat 13.
H36M32 = _skeleton(
    "h36m32",
    "pelvis r_hip r_knee r_ankle r_toe_base r_toe_site l_hip l_knee l_ankle l_toe_base l_toe_site "
    f"pelvis_copy spine neck jaw h36m_head_top {_H36M_ARM.format('l')} {_H36M_ARM.format('r')}",
)
MPII16 = _skeleton(
    "mpii16",
    "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax neck head_top "
    "r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist",
)
COCO17 = _skeleton(
    "coco17",
    f"{_FACE} l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist "
    "l_hip r_hip l_knee r_knee l_ankle r_ankle",
)
AIC14 = _skeleton(
    "aic14",
    "r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist "
    "r_hip r_knee r_ankle l_hip l_knee l_ankle head_top neck",
)
MPI_INF_3DHP28 = _skeleton(
    "mpi_inf_3dhp28",
    "spine3 spine4 spine2 spine pelvis neck jaw h36m_head_top "
    "l_clavicle l_shoulder l_elbow l_wrist l_hand r_clavicle r_shoulder r_elbow r_wrist r_hand "
    "l_hip l_knee l_ankle l_foot l_toe r_hip r_knee r_ankle r_foot r_toe",
)
# Also MuPoTS-3D.
MPI_INF_3DHP17 = _skeleton("mpi_inf_3dhp17", _TEST_17)
MUCO21 = _skeleton("muco21", f"{_TEST_17} r_hand l_hand r_toe l_toe")
# 3DPW's OpenPose COCO-18.
PW3D18 = _skeleton(
    "pw3d18",
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist "
    "r_hip r_knee r_ankle l_hip l_knee l_ankle r_eye l_eye r_ear l_ear",
)
# SMPLR's points: SMPL's joints and 18 picked vertices, of which the last is called top of head.
CLOTH3D42 = _skeleton(
    "cloth3d42",
    f"{_SMPL} l_breast r_breast belly r_hip_side l_hip_side "
    "r_thigh_front l_thigh_front r_thigh_back l_thigh_back l_foot_tip r_foot_tip l_hand_tip "
    "l_biceps l_triceps r_biceps r_triceps r_hand_tip nose",
    (*_SMPL_BONES, (41, 15)),
)
# The "toes" build of hmr2.0; its "brain" is LSP's head top.
HMR2_21 = _skeleton(
    "hmr2_21",
    "r_toes r_ankle r_knee r_hip l_hip l_knee l_ankle l_toes "
    f"r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist neck head_top {_FACE}",
)

# mmhuman3d's joint set of all datasets: smplx's body, hands and face, the nine rows of
# J_regressor_extra, OpenPose's own BODY_25, and what single datasets have beside these.
_HAND = " ".join(f"{{0}}_{part}_{n}" for part in _HAND_PARTS for n in (1, 2, 3))
_HUMAN_DATA = (
    f"{' '.join(_SMPL.split()[:22])} smplx_jaw smplx_l_eyeball smplx_r_eyeball "
    f"{_HAND.format('l')} {_HAND.format('r')} nose r_eye l_eye r_ear l_ear "
    "l_big_toe l_small_toe l_heel r_big_toe r_small_toe r_heel "
    f"{_FINGERS.format('l')} {_FINGERS.format('r')} "
    "r_eyebrow_1 r_eyebrow_2 r_eyebrow_3 r_eyebrow_4 r_eyebrow_5 "
    "l_eyebrow_5 l_eyebrow_4 l_eyebrow_3 l_eyebrow_2 l_eyebrow_1 "
    "nosebridge_1 nosebridge_2 nosebridge_3 nosebridge_4 "
    "r_nose_2 r_nose_1 nose_middle l_nose_1 l_nose_2 "
    "r_eye_1 r_eye_2 r_eye_3 r_eye_4 r_eye_5 r_eye_6 "
    "l_eye_4 l_eye_3 l_eye_2 l_eye_1 l_eye_6 l_eye_5 "
    "r_mouth_1 r_mouth_2 r_mouth_3 mouth_top l_mouth_3 l_mouth_2 l_mouth_1 "
    "l_mouth_5 l_mouth_4 mouth_bottom r_mouth_4 r_mouth_5 "
    "r_lip_1 r_lip_2 lip_top l_lip_2 l_lip_1 l_lip_3 lip_bottom r_lip_3 "
    f"{' '.join(f'r_contour_{n}' for n in range(1, 9))} contour_middle "
    f"{' '.join(f'l_contour_{n}' for n in range(8, 0, -1))} "
    f"r_hip l_hip neck head_top {_EXTRA} "
    f"{' '.join(f'openpose_{joint}' for joint in _BODY_25.split())} "
    "spine4 l_clavicle r_clavicle l_hand r_hand l_toe r_toe "
    "gt_head_h36m gt_head_top_h36m head_bottom smpl_l_hand smpl_r_hand"
)
HUMAN_DATA190 = _skeleton("human_data190", _HUMAN_DATA)
# The same places in files made of Human3.6M and MPI-INF-3DHP: mmhuman3d puts Human3.6M's head
# top where LSP's is, and the middle of the head where Human3.6M's head top is.
_HELD_IN_H36M = {
    **{"head_top": "h36m_head_top", "h36m_head_top": "jaw", "jaw": "jaw_of_regressor"},
    **{"smpl_spine2": "spine2", "smpl_spine3": "spine3"},
    **{"smpl_l_foot": "l_foot", "smpl_r_foot": "r_foot"},
}
HUMAN_DATA190_H36M = _skeleton(
    "human_data190_h36m",
    " ".join(_HELD_IN_H36M.get(joint, joint) for joint in _HUMAN_DATA.split()),
)

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        *(LSP14, COCOPLUS19, SMPL24, HYBRIK29, SGRE30, SMPL54, J24, BODY25, J49, J17),
        *(H36M17, H36M17_RIGHT_FIRST, H36M32, MPII16, COCO17, AIC14),
        *(MPI_INF_3DHP28, MPI_INF_3DHP17, MUCO21, PW3D18, CLOTH3D42, HMR2_21),
        *(HUMAN_DATA190, HUMAN_DATA190_H36M),
    )
}


def get(name: str) -> Skeleton:
    """Returns the skeleton called ``name``, e.g. ``"lsp14"``.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in SKELETONS:
        raise ValueError(f"Unknown skeleton '{name}'; expected one of {', '.join(SKELETONS)}.")
    return SKELETONS[name]


# SGRE takes labels for joints of the body that go by the same word: SGRE30 -> labels, best first.
_SGRE_LABELS = {
    "smpl_pelvis": ("pelvis", "mid_hip"),
    "smpl_left_hip": ("left_hip",),
    "smpl_right_hip": ("right_hip",),
    "smpl_neck": ("neck",),
    "head_top": ("head_top", "h36m_head_top"),
}
# What it takes the spine and the middle of the head for depends on what a dataset calls them.
_SGRE_AS_H36M = {"smpl_spine1": "spine", "nose": "jaw"}
_SGRE_AS_MUCO = {
    # Its neck is called thorax there, and not taken.
    **{"smpl_spine2": "spine", "smpl_head": "jaw", "smpl_neck": ""},
    **{"smpl_left_hand": "left_hand", "smpl_right_hand": "right_hand"},
    **{"smpl_left_foot": "left_toe", "smpl_right_foot": "right_toe"},
}
SGRE_READINGS = {"": {}, "h36m": _SGRE_AS_H36M, "muco": _SGRE_AS_MUCO}


@functools.cache
def sgre_mapping(source: Skeleton | str, reading: str = "") -> tuple[int, ...]:
    """Returns which label SGRE takes for each joint of ``SGRE30``.

    Args:
        source: the set of the labels, or its name.
        reading: key of ``SGRE_READINGS``: the dataset by whose words they go.

    Returns:
        One index into ``source`` per joint of ``SGRE30``; -1 where there is no such label.
    """
    source = get(source) if isinstance(source, str) else source
    found = list(mapping(source, SGRE30))
    words = {**_SGRE_LABELS, **{k: (word,) for k, word in SGRE_READINGS[reading].items()}}
    for slot, joint in enumerate(SGRE30.joints):
        for word in words.get(joint, ()):
            if found[slot] < 0 and word in source.joints:
                found[slot] = source.joints.index(word)
    return tuple(found)


@functools.cache
def mapping(source: Skeleton | str, target: Skeleton | str) -> tuple[int, ...]:
    """Returns where each joint of ``target`` stands in ``source``.

    Args:
        source: the set the data is in, or its name.
        target: the set the data should be in, or its name.

    Returns:
        One index into ``source`` per joint of ``target``; -1 where ``source`` has no such joint.
        ``target_points[i] = source_points[result[i]]``.
    """
    source = get(source) if isinstance(source, str) else source
    target = get(target) if isinstance(target, str) else target
    position = {}
    for index, joint in enumerate(source.joints):
        stand_in = _STAND_INS.get(joint)
        if joint not in target.joints and stand_in and stand_in not in source.joints:
            joint = stand_in
        position[joint] = index
    return tuple(position.get(joint, -1) for joint in target.joints)
