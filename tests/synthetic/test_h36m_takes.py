"""What is filmed for Human3.6M: subjects, cameras, worlds, raw joints."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import h36m_takes
from hmr_tf.synthetic.studio import Studio
from tfrecords_tools import h36m_names


@pytest.fixture(scope="module")
def shot():
    studio = Studio(load_body("free_body"), 0)
    return studio.photograph(np.random.default_rng(0), 64, 64)


@pytest.mark.parametrize(("num_images", "num_test"), [(1, 0), (3, 3), (9, 4), (700, 200), (5, 0)])
def test_images_are_shared_out(num_images, num_test):
    takes = h36m_takes.takes(SynthesisConfig(num_images=num_images, num_test=num_test))
    assert sum(take.num_images for take in takes if take.is_test) == num_test
    assert sum(take.num_images for take in takes) == num_images
    places = [(take.subject, take.camera) for take in takes]
    assert len(set(places)) == len(places) <= 28
    assert {take.stem for take in takes if not h36m_names.parse_stem("S1", take.stem)} == set()
    assert not [t for t in takes if t.stem == "Directions.54138969" and t.subject == "S11"]
    trials = [(take.subject, take.action, take.trial) for take in takes]
    assert len(set(trials)) == len(trials)


def test_the_frontal_camera_may_be_the_only_one():
    config = SynthesisConfig(num_images=100, num_test=100)
    takes = h36m_takes.takes(config, num_test_cameras=1)
    assert [(t.subject, t.camera, t.num_images) for t in takes] == [("S9", 4, 50), ("S11", 4, 50)]


def test_names():
    take = h36m_takes.Take("S1", 15, 1, 2, 3)
    assert take.stem == "WalkingDog 1.55011271"
    assert take._replace(subject="S5", trial=2).stem == "WalkDog.55011271"
    assert take.image_stem == "s_01_act_15_subact_01_ca_02"


def test_lenses_are_the_real_ones_scaled():
    assert h36m_takes.picture_size(1, 1000) == (1002, 1000)
    assert h36m_takes.picture_size(2, 113) == (112, 112)
    np.testing.assert_allclose(h36m_takes.lens(4, 1000), [1145.51, 1144.77, 514.97, 501.88])
    np.testing.assert_allclose(h36m_takes.lens(4, 100), [114.551, 114.477, 51.497, 50.188])


def test_the_world_is_z_up(shot):
    person = shot.people[0]
    world = h36m_takes.to_world(person.vertices, shot)
    rotation, shift = h36m_takes.extrinsics(shot)
    np.testing.assert_allclose(world @ rotation.T + shift, 1000.0 * person.vertices, atol=1e-3)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    # Feet on the ground, and someone of a person's height above them.
    assert abs(world[:, 2].min()) < 30 and 500 < world[:, 2].max() < 2300


def test_raw_joints_repeat_themselves_as_the_real_ones_do(shot):
    joints = h36m_takes.raw_joints(shot.people[0])
    assert joints.shape == (32, 3)
    np.testing.assert_array_equal(joints[11], joints[0])
    for copy in (16, 24):
        np.testing.assert_array_equal(joints[copy], joints[13])
    # Left shoulder, elbow, wrist; right hip, knee, ankle: against SMPL's tree.
    smpl = shot.people[0].smpl_joints_3d
    for raw, joint in ((17, 16), (18, 18), (19, 20), (25, 17), (2, 5), (3, 8), (7, 4), (8, 7)):
        assert np.linalg.norm(joints[raw] - smpl[joint]) < 0.06
