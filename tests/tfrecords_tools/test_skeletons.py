"""Joint sets against the published index tables, and checks that would catch a swapped side."""

from __future__ import annotations

import pytest

from tfrecords_tools import skeletons

_J24_FLIP = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, *range(14, 20), 21, 20, 23, 22]
_BODY25_FLIP = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17]
_BODY25_FLIP += [22, 23, 24, 19, 20, 21]

# Published flip permutations, written out: the code derives its own from the names.
_FLIPS = {
    "lsp14": [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13],
    "cocoplus19": [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 16, 15, 18, 17],
    "j24": _J24_FLIP,
    "body25": _BODY25_FLIP,
    "j49": _BODY25_FLIP + [25 + index for index in _J24_FLIP],
    "smpl24": [
        *(0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15),
        *(17, 16, 19, 18, 21, 20, 23, 22),
    ],
    "hybrik29": [
        *(0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15),
        *(17, 16, 19, 18, 21, 20, 23, 22, 24, 26, 25, 28, 27),
    ],
    "sgre30": [
        *(0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15),
        *(17, 16, 19, 18, 21, 20, 23, 22, 24, 26, 25, 28, 27, 29),
    ],
    "mpii16": [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10],
    "coco17": [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
    "aic14": [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8, 12, 13],
    "mpi_inf_3dhp28": [
        *range(8),
        *range(13, 18),
        *range(8, 13),
        *range(23, 28),
        *range(18, 23),
    ],
    "mpi_inf_3dhp17": [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 14, 15, 16],
    "muco21": [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 14, 15, 16, 18, 17, 20, 19],
    "h36m32": [0, *range(6, 11), *range(1, 6), *range(11, 16), *range(24, 32), *range(16, 24)],
    "h36m17": [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13],
    "h36m17_right_first": [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13],
    "pw3d18": [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16],
    "cloth3d42": [
        *(0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22),
        *(24 + point for point in (1, 0, 2, 4, 3, 6, 5, 8, 7, 10, 9, 16, 14, 15, 12, 13, 11, 17)),
    ],
    "hmr2_21": [7, 6, 5, 4, 3, 2, 1, 0, 13, 12, 11, 10, 9, 8, 14, 15, 16, 18, 17, 20, 19],
}

_TEST17_TO_LSP = [10, 9, 8, 11, 12, 13, 4, 3, 2, 5, 6, 7, 1, 0]
_H36M_ARMS_J17 = [16, 15, 14, 11, 12, 13, 8, 10]

# Published gather lists: target[i] = source[list[i]].
_GATHERS = [
    ("j24", "lsp14", list(range(14))),
    ("j24", "cocoplus19", [*range(14), 19, 20, 21, 22, 23]),
    ("j49", "cocoplus19", [*range(25, 39), 44, 45, 46, 47, 48]),
    ("j49", "j24", list(range(25, 49))),
    (
        "body25",
        "cocoplus19",
        [11, 10, 9, 12, 13, 14, 4, 3, 2, 5, 6, 7, 1, -1, 0, 16, 15, 18, 17],
    ),
    (
        "smpl54",
        "j24",
        [8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, *range(47, 54), 24, 26, 25, 28, 27],
    ),
    ("j24", "j17", [*range(13), 18, 14, 16, 17]),
    ("h36m17", "j17", [6, 5, 4, 1, 2, 3, *_H36M_ARMS_J17, 0, 7, 9]),
    ("mpi_inf_3dhp28", "mpi_inf_3dhp17", None),
    ("cocoplus19", "lsp14", list(range(14))),
    ("lsp14", "cocoplus19", [*range(14), -1, -1, -1, -1, -1]),
    ("mpii16", "lsp14", [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9]),
    ("coco17", "lsp14", [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, -1, -1]),
    (
        "coco17",
        "cocoplus19",
        [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, -1, -1, 0, 1, 2, 3, 4],
    ),
    ("aic14", "lsp14", [8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 13, 12]),
    ("mpi_inf_3dhp28", "lsp14", [25, 24, 23, 18, 19, 20, 16, 15, 14, 9, 10, 11, 5, 7]),
    ("mpi_inf_3dhp17", "lsp14", _TEST17_TO_LSP),
    ("muco21", "lsp14", _TEST17_TO_LSP),
    ("h36m32", "lsp14", [3, 2, 1, 6, 7, 8, 27, 26, 25, 17, 18, 19, 13, 15]),
    ("h36m17_right_first", "lsp14", [3, 2, 1, 4, 5, 6, *_H36M_ARMS_J17]),
    ("h36m17", "lsp14", [6, 5, 4, 1, 2, 3, *_H36M_ARMS_J17]),
    ("pw3d18", "lsp14", [10, 9, 8, 11, 12, 13, 4, 3, 2, 5, 6, 7, 1, -1]),
    (
        "pw3d18",
        "cocoplus19",
        [10, 9, 8, 11, 12, 13, 4, 3, 2, 5, 6, 7, 1, -1, 0, 15, 14, 17, 16],
    ),
    (
        "h36m32",
        "h36m17_right_first",
        [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27],
    ),
]
# The official joint-set tool counts from 1.
_RELEVANT_17 = [8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7]

# Published scatter lists into J24: j24[list[i]] = source[i].
_H36M_TO_J24 = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
_SCATTERS = {
    "lsp14": list(range(14)),
    "mpii16": [0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11],
    "coco17": [19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0],
    "aic14": [8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 13, 12],
    "h36m17": _H36M_TO_J24,
    "pw3d18": [19, 12, 8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 21, 20, 23, 22],
}
# Raw joints that SPIN reads as a left-first Human3.6M skeleton before the scatter above.
_AS_H36M = {
    "mpi_inf_3dhp28": [4, 18, 19, 20, 23, 24, 25, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16],
    "mpi_inf_3dhp17": [14, 11, 12, 13, 8, 9, 10, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4],
}


@pytest.mark.parametrize("name", _FLIPS)
def test_flip_is_the_published_permutation(name):
    assert list(skeletons.get(name).flip) == _FLIPS[name]


@pytest.mark.parametrize("name", skeletons.SKELETONS)
def test_flip_swaps_exactly_the_sides(name):
    skeleton = skeletons.get(name)
    for index, other in enumerate(skeleton.flip):
        assert skeleton.flip[other] == index
        joint, mirrored = skeleton.joints[index], skeleton.joints[other]
        assert ("left" in joint) == ("right" in mirrored)
        assert (index == other) == ("left" not in joint and "right" not in joint)


@pytest.mark.parametrize(("source", "target", "expected"), _GATHERS)
def test_mapping_is_the_published_gather_list(source, target, expected):
    if expected is None:
        expected = [index - 1 for index in _RELEVANT_17]
    assert list(skeletons.mapping(source, target)) == expected


def _scatter_to_gather(scatter, size):
    gather = [-1] * size
    for index, slot in enumerate(scatter):
        gather[slot] = index
    return gather


@pytest.mark.parametrize("name", _SCATTERS)
def test_mapping_to_j24_is_the_published_scatter_list(name):
    gather = _scatter_to_gather(_SCATTERS[name], 24)
    assert list(skeletons.mapping(name, "j24")) == gather


@pytest.mark.parametrize("name", _AS_H36M)
def test_3dhp_reaches_j24_through_the_h36m_list(name):
    through = _scatter_to_gather(_H36M_TO_J24, 24)
    expected = [_AS_H36M[name][index] if index >= 0 else -1 for index in through]
    assert list(skeletons.mapping(name, "j24")) == expected
    assert list(skeletons.mapping(name, "h36m17")) == _AS_H36M[name]


def test_raw_h36m_to_left_first_up_to_its_repeated_joints():
    published = [11, 6, 7, 8, 1, 2, 3, 12, 24, 14, 15, 17, 18, 19, 25, 26, 27]
    repeats = {11: 0, 16: 13, 24: 13}
    expected = [repeats.get(index, index) for index in published]
    assert list(skeletons.mapping("h36m32", "h36m17")) == expected


@pytest.mark.parametrize("source", skeletons.SKELETONS)
@pytest.mark.parametrize("target", skeletons.SKELETONS)
def test_mapping_keeps_sides_and_commutes_with_flips(source, target):
    source, target = skeletons.get(source), skeletons.get(target)
    gather = skeletons.mapping(source, target)
    for slot, index in enumerate(gather):
        if index < 0:
            assert gather[target.flip[slot]] < 0
            continue
        for side in ("left", "right"):
            assert (side in source.joints[index]) == (side in target.joints[slot])
        assert gather[target.flip[slot]] == source.flip[index]


def test_smpl_joints_follow_the_model_file():
    # Named by hand from SMPL's documentation: which joint hangs on which.
    names = [joint.replace("smpl_", "") for joint in skeletons.SMPL24.joints]
    parents = skeletons.SMPL_PARENTS
    assert names[parents[names.index("left_knee")]] == "left_hip"
    assert names[parents[names.index("right_collar")]] == "spine3"
    assert names[parents[names.index("right_hand")]] == "right_wrist"
    assert names[parents[names.index("head")]] == "neck"
    assert parents[0] == -1
    assert all(parent < child for child, parent in enumerate(parents))
    for child, parent in enumerate(parents[1:], start=1):
        # The tree is its own mirror image.
        assert parents[skeletons.SMPL24.flip[child]] == skeletons.SMPL24.flip[parent]


def test_hybrik_bones_end_where_published():
    children = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 27, 28, 15, 16, 17, 24, 18, 19, 20, 21, 22, 23]
    assert list(skeletons.HYBRIK_CHILDREN) == [*children, 25, 26]
    parents = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    assert list(skeletons.HYBRIK_PARENTS) == [*parents, 15, 22, 23, 10, 11]
    for joint, end in enumerate(skeletons.HYBRIK_CHILDREN):
        assert skeletons.HYBRIK_PARENTS[end] == joint


def test_hybrik_sides_are_not_swapped():
    joints, flip = skeletons.HYBRIK29.joints, skeletons.HYBRIK29.flip
    for joint, end in enumerate(skeletons.HYBRIK_CHILDREN):
        # Children of the mirrored joint are the mirrored children, on the same side.
        assert skeletons.HYBRIK_CHILDREN[flip[joint]] == flip[end]
        for side in ("left", "right"):
            if side in joints[joint]:
                assert side in joints[end]
    for joint, parent in enumerate(skeletons.HYBRIK_PARENTS[1:], start=1):
        assert skeletons.HYBRIK_PARENTS[flip[joint]] == flip[parent]
    by_hand = {"left_hip": "left_knee", "left_foot": "left_big_toe", "head": "head_top"}
    by_hand |= {"right_hand": "right_middle_tip", "spine3": "neck", "right_elbow": "right_wrist"}
    names = [joint.replace("smpl_", "") for joint in joints]
    for joint, end in by_hand.items():
        assert names[skeletons.HYBRIK_CHILDREN[names.index(joint)]] == end


@pytest.mark.parametrize("name", skeletons.SKELETONS)
def test_bones_are_symmetric_and_do_not_cross_the_body(name):
    skeleton = skeletons.get(name)
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert len(bones) == len(skeleton.bones)
    for bone in skeleton.bones:
        mirrored = frozenset(skeleton.flip[index] for index in bone)
        assert mirrored in bones
        first, second = (skeleton.joints[index] for index in bone)
        if {"left", "right"} <= set(f"{first}_{second}".split("_")):
            assert skeleton.flip[bone[0]] == bone[1]  # Hip to hip or shoulder to shoulder.


def test_lsp_bones_by_name():
    joints = skeletons.LSP14.joints
    bones = {frozenset((joints[a], joints[b])) for a, b in skeletons.LSP14.bones}
    assert {"right_ankle", "right_knee"} in bones
    assert {"left_wrist", "left_elbow"} in bones
    assert {"neck", "head_top"} in bones
    assert {"right_knee", "left_hip"} not in bones


def test_smpl_hips_are_not_the_labelled_hips():
    assert skeletons.mapping("smpl24", "lsp14")[2:4] == (-1, -1)


def test_unknown_names_say_what_exists():
    with pytest.raises(ValueError, match="expected one of lsp14"):
        skeletons.get("lsp15")
    with pytest.raises(ValueError, match="no joint 'tail'"):
        skeletons.LSP14.index("tail")
    assert skeletons.LSP14.index("neck") == 12
    assert skeletons.J24.num_joints == 24


def test_a_joint_without_a_mirror_image_is_refused():
    with pytest.raises(KeyError):
        skeletons._derive_flip("broken", ("left_knee", "nose"))
    with pytest.raises(ValueError, match="twice"):
        skeletons._derive_flip("broken", ("nose", "nose"))


# SGRE's slot of each label of a dataset, in the dataset's order; -1 for labels that it drops.
_SGRE_SLOTS = {
    ("h36m17_right_first", "h36m"): [
        *(0, 2, 5, 8, 1, 4, 7, 3, 12, 24, 29, 16, 18, 20, 17, 19, 21),
    ],
    ("muco21", "muco"): [
        *(29, -1, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 0, 6, 15, 23, 22, 11, 10),
    ],
    ("coco17", ""): [24, 25, 26, 27, 28, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8],
    ("mpii16", ""): [8, 5, 2, 1, 4, 7, 0, -1, 12, 29, 21, 19, 17, 16, 18, 20],
    ("pw3d18", ""): [24, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 26, 25, 28, 27],
}


@pytest.mark.parametrize(("source", "reading"), _SGRE_SLOTS)
def test_sgre_takes_the_published_labels(source, reading):
    expected = [-1] * 30
    for index, slot in enumerate(_SGRE_SLOTS[source, reading]):
        if slot >= 0:
            expected[slot] = index
    assert list(skeletons.sgre_mapping(source, reading)) == expected


@pytest.mark.parametrize("reading", skeletons.SGRE_READINGS)
@pytest.mark.parametrize("source", skeletons.SKELETONS)
def test_sgre_does_not_swap_sides(source, reading):
    skeleton, flip = skeletons.get(source), skeletons.SGRE30.flip
    slots = skeletons.sgre_mapping(source, reading)
    for slot, index in enumerate(slots):
        if index < 0:
            assert slots[flip[slot]] < 0
            continue
        assert slots[flip[slot]] == skeleton.flip[index]
        for side in ("left", "right"):
            assert (side in skeletons.SGRE30.joints[slot]) == (side in skeleton.joints[index])


# mmhuman3d's place of each joint of a dataset, in the dataset's order.
_HUMAN_DATA_BODY = [8, 5, 144, 145, 4, 7, 21, 19, 17, 16, 18, 20, 146]
_HUMAN_DATA_J24 = [*_HUMAN_DATA_BODY, *range(147, 153), 55, 57, 56, 59, 58]
_HUMAN_DATA = {
    "lsp14": [*_HUMAN_DATA_BODY, 147],
    "mpii16": [8, 5, 144, 145, 4, 7, 148, 149, 146, 147, 21, 19, 17, 16, 18, 20],
    "coco17": [55, 57, 56, 59, 58, 16, 17, 18, 19, 20, 21, 145, 144, 4, 5, 7, 8],
    "h36m17": [148, 145, 4, 7, 144, 5, 8, 150, 146, 152, 147, 16, 18, 20, 17, 19, 21],
    "mpi_inf_3dhp28": [
        *(9, 178, 6, 150, 148, 146, 152, 147, 179, 16, 18, 20, 181, 180, 17, 19, 21, 182),
        *(145, 4, 7, 10, 183, 144, 5, 8, 11, 184),
    ],
    "mpi_inf_3dhp17": [147, 146, 17, 19, 21, 16, 18, 20, 144, 5, 8, 145, 4, 7, 148, 150, 152],
    "pw3d18": [55, 146, 17, 19, 21, 16, 18, 20, 144, 5, 8, 145, 4, 7, 56, 57, 58, 59],
    "j24": _HUMAN_DATA_J24,
    "j49": [*range(153, 178), *_HUMAN_DATA_J24],
}


@pytest.mark.parametrize("name", _HUMAN_DATA)
def test_human_data_places_are_the_published_ones(name):
    is_h36m = name in ("h36m17", "mpi_inf_3dhp28", "mpi_inf_3dhp17")
    source = "human_data190_h36m" if is_h36m else "human_data190"
    assert list(skeletons.mapping(source, name)) == _HUMAN_DATA[name]


@pytest.mark.parametrize("name", ["human_data190", "human_data190_h36m"])
def test_human_data_flips_by_name(name):
    skeleton = skeletons.get(name)
    assert skeleton.num_joints == 190
    flip = skeleton.flip
    assert [flip[flip[index]] for index in range(190)] == list(range(190))
    # A hand, the face and a foot by their published places.
    assert (flip[25], flip[37], flip[76], flip[127], flip[60]) == (40, 52, 85, 143, 63)
    assert flip[147] == 147 and flip[181] == 182
