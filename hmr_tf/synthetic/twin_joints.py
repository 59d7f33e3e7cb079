"""Joints of synthetic people in the joint sets of datasets, by joint name."""

from __future__ import annotations

import numpy as np

from hmr_tf.synthetic.twins import TwinPerson
from tfrecords_tools.skeletons import J24, SMPL24, Skeleton

# Joints of SMPL that stand for joints that SMPL's kinematic tree has under another name.
_FROM_SMPL = {
    "spine2": "smpl_spine2",
    "spine3": "smpl_spine3",
    "left_clavicle": "smpl_left_collar",
    "right_clavicle": "smpl_right_collar",
    "left_hand": "smpl_left_hand",
    "right_hand": "smpl_right_hand",
    "left_foot": "smpl_left_foot",
    "right_foot": "smpl_right_foot",
}


def twin_joints(person: TwinPerson, skeleton: Skeleton) -> np.ndarray:
    """Returns a person's joints `[J, 3]`, m, camera frame, in a dataset's joint set.

    Joints that the studio does not know are placed between or behind those it does.

    Args:
        person: the person.
        skeleton: MPI-INF-3DHP's, MuCo's or one whose joints are J24's and SMPL's.

    Raises:
        KeyError: if a joint of the set cannot be told.
    """
    smpl = dict(zip(SMPL24.joints, person.smpl_joints_3d.astype(np.float64)))
    known = {**smpl, **dict(zip(J24.joints, person.j24.astype(np.float64)))}
    known.update({name: smpl[other] for name, other in _FROM_SMPL.items()})
    known["spine4"] = (known["spine3"] + known["neck"]) / 2
    for side in ("left", "right"):
        foot, ankle = known[f"{side}_foot"], known[f"{side}_ankle"]
        known[f"{side}_toe"] = foot + 0.4 * (foot - ankle)
    return np.stack([known[name] for name in skeleton.joints])
