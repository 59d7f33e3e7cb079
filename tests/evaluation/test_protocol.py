"""What a protocol fixes, and what follows from it."""

from __future__ import annotations

from hmr_tf.evaluation import protocol
from tfrecords_tools import skeletons


def _protocol(**settings):
    settings = {"metrics": ("mpjpe_mm",), **settings}
    return protocol.Protocol("p", ("lsp",), "test", comparable_with="nothing", **settings)


def test_joints_of_each_set_come_from_a_regressor_that_has_them():
    for joints, (regressor, skeleton) in protocol.REGRESSORS.items():
        assert _protocol(joints=joints).regressor == regressor
        assert set(skeletons.get(joints).joints) <= set(skeleton.joints)
    assert _protocol(num_joints=3).joint_names == ("right_ankle", "right_knee", "right_hip")


def test_sources_are_what_the_metrics_and_their_curves_need():
    assert _protocol().sources == ("mpjpe_mm", "joint_errors_mm")
    assert _protocol().needs_joints
    vertices = _protocol(metrics=("pve_mm",))
    assert vertices.sources == ("pve_mm",) and not vertices.needs_joints


def test_only_some_protocols_count_pixels():
    assert not _protocol().counts_pixels
    assert _protocol(metrics=("mpjpe_mm", "part_f1")).counts_pixels
