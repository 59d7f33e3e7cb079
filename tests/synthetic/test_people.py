from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.mean_parameters import load_mean_parameters
from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.synthetic import motion_sources, people, poses


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


def sampler(body, split):
    rest = body.joint_regressor @ body.template
    variation = poses.RECORDED if split == "test" else None
    return poses.PoseSampler(motion_sources.load_motions()[split], rest, variation)


def test_views_look_slightly_down_more_often_than_up():
    random = np.random.default_rng(0)
    up = np.array([people.sample_view(random).as_matrix()[:, 1] for _ in range(300)])
    assert (up[:, 1] < -0.85).all()  # up is up in the picture, where y points down
    # A camera that looks down sees the tops of things lean towards it.
    assert 0.6 < np.mean(up[:, 2] < 0) < 0.8
    roll = np.degrees(np.arcsin(np.abs(up[:, 0])))
    assert 1 < roll.mean() < 5


def test_people_face_every_way_and_stand_upright(body):
    train = sampler(body, "train")
    drawn = [people.sample_person(np.random.default_rng(k), train) for k in range(300)]
    root = Rotation.from_rotvec([p.pose_axis_angle[:3] for p in drawn]).as_matrix()
    head_down = root[:, 1, 1]  # the body's own up, along the picture's down
    assert np.mean(head_down < -0.5) > 0.7
    yaw = np.arctan2(root[:, 0, 2], root[:, 2, 2])
    counts, _ = np.histogram(yaw, 6, (-np.pi, np.pi))
    assert counts.min() > 25
    betas = np.stack([p.betas for p in drawn])
    assert abs(betas.mean()) < 0.1 and 0.85 < betas.std() < 1.05 and np.abs(betas).max() <= 2.5
    assert drawn[0].pose_axis_angle.dtype == np.float32


def test_the_root_turns_the_upright_body_into_the_camera(body):
    """camera_from_world takes the pose back to a person whose feet are below the head."""
    person = people.sample_person(np.random.default_rng(3), sampler(body, "test"))
    _, joints = pose_body(body, person.pose_axis_angle, person.betas)
    world = joints @ person.camera_from_world
    assert world[15, 1] > world[7:9, 1].max() + 0.8
    np.testing.assert_allclose(
        person.camera_from_world @ person.camera_from_world.T, np.eye(3), atol=1e-12
    )
    assert np.linalg.det(person.camera_from_world) == pytest.approx(1.0)


def test_splits_share_no_clip(body):
    names = {}
    for split in ("train", "test"):
        draw = sampler(body, split)
        names[split] = {
            people.sample_person(np.random.default_rng(k), draw).subject for k in range(60)
        }
    assert names["test"] == set(poses.TEST_CLIPS)
    assert not names["train"] & names["test"]


def test_test_people_are_not_all_like_the_mean_pose(body):
    """The mean pose, similarity-aligned on the 14 LSP joints, is 90 mm off at least."""
    regressor = body.regressor("cocoplus")[:14]
    pose, betas = load_mean_parameters()
    mean = regressor @ pose_body(body, pose, betas)[0]
    draw = sampler(body, "test")
    errors = []
    for k in range(60):
        person = people.sample_person(np.random.default_rng([9, k]), draw)
        truth = regressor @ pose_body(body, person.pose_axis_angle, person.betas)[0]
        a, b = mean - mean.mean(0), truth - truth.mean(0)
        rotation, _ = Rotation.align_vectors(b, a)
        turned = rotation.apply(a)
        scale = (turned * b).sum() / (a * a).sum()
        errors.append(np.linalg.norm(scale * turned - b, axis=1).mean() * 1000)
    assert np.mean(errors) > 90
