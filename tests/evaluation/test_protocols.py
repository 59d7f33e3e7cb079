"""Every named protocol is whole."""

import dataclasses
import re

import pytest

from hmr_tf.errors import ConfigError
from hmr_tf.evaluation import protocols
from hmr_tf.evaluation.measures import MEASURES
from tfrecords_tools import skeletons


@pytest.mark.parametrize("name", protocols.PROTOCOLS.names)
def test_a_protocol_says_what_it_measures(name):
    protocol = protocols.PROTOCOLS.get(name)
    assert protocol.name == name
    assert protocol.datasets and protocol.comparable_with
    assert set(protocol.metrics) <= set(MEASURES)
    joints = skeletons.get(protocol.joints).joints
    assert {joints[index] for index in protocol.root} in ({"right_hip", "left_hip"}, {"pelvis"})
    assert protocol.num_pck_joints <= protocol.num_joints <= len(joints)
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol.split = "train"


def test_synthetic_is_rooted_between_the_hips_of_lsp():
    protocol = protocols.PROTOCOLS.get("synthetic")
    joints = skeletons.get("cocoplus19").joints[: protocol.num_joints]
    assert joints == skeletons.get("lsp14").joints
    assert {joints[index] for index in protocol.root} == {"right_hip", "left_hip"}


def test_an_unknown_protocol_is_one_line():
    with pytest.raises(ConfigError, match="synthetic"):
        protocols.PROTOCOLS.get("none")


def test_the_crowd_is_two_sequences_of_the_validation_split():
    crowd, whole = (protocols.PROTOCOLS.get(name) for name in ("pw3d_crowd", "pw3d_sgre"))
    found = {"courtyard_hug_00", "courtyard_dancing_00", "courtyard_drinking_00", "hug_00"}
    kept = {name for name in found if re.fullmatch(crowd.sequences, name)}
    assert kept == {"courtyard_hug_00", "courtyard_dancing_00"}
    assert (crowd.split, whole.split) == ("validation", "test")
    # The 14 joints that SGRE evaluates: hips, knees, ankles, neck, head top and arms.
    joints = skeletons.get(crowd.joints).joints[: crowd.num_joints]
    assert {"neck", "h36m_head_top"} <= set(joints) and "spine" not in joints
    assert crowd.truth == "smpl" and crowd.is_gendered and crowd.joins_meshes
