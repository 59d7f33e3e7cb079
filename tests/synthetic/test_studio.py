from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.synthetic.studio import Studio
from tfrecords_tools.skeletons import COCOPLUS19, H36M17, J24, SMPL24


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture(scope="module")
def studio(body):
    return Studio(body, seed=3)


def by_hand(points, intrinsics):
    fx, fy, cx, cy = intrinsics
    x = points[:, 0].astype(float) / points[:, 2] * fx + cx
    return np.stack([x, points[:, 1].astype(float) / points[:, 2] * fy + cy], axis=1)


@pytest.mark.parametrize("num_people", [1, 3])
def test_parameters_make_the_points(body, studio, num_people):
    picture = studio.photograph(np.random.default_rng(0), 120, 160, num_people)
    assert picture.image.shape == (120, 160, 3) and picture.image.dtype == np.uint8
    assert len(picture.people) == num_people
    for person in picture.people:
        vertices, joints = pose_body(body, person.pose_axis_angle, person.betas)
        shift = person.translation
        np.testing.assert_allclose(vertices + shift, person.vertices, atol=2e-5)
        np.testing.assert_allclose(joints + shift, person.smpl_joints_3d, atol=2e-5)
        for name, points in (
            *(("cocoplus", person.cocoplus), ("j24", person.j24), ("h36m", person.h36m17)),
        ):
            expected = body.regressor(name) @ person.vertices
            np.testing.assert_allclose(points, expected, atol=2e-5, err_msg=name)
        expected = by_hand(person.j24, picture.intrinsics)
        np.testing.assert_allclose(person.project(person.j24), expected, atol=1e-6)
        assert person.gender in ("male", "female") and person.subject
        for array in (person.pose_axis_angle, person.betas, person.vertices, person.j24):
            assert array.dtype == np.float32


def test_joint_sets_agree_on_sides(studio):
    """One joint of the body has one place whatever set it is read from."""
    person = studio.photograph(np.random.default_rng(1), 120, 160).people[0]
    for side in ("left", "right"):
        for joint in ("knee", "wrist", "elbow", "ankle"):
            name = f"{side}_{joint}"
            places = [
                person.j24[J24.index(name)],
                person.cocoplus[COCOPLUS19.index(name)],
                person.h36m17[H36M17.index(name)],
                person.smpl_joints_3d[SMPL24.index(name)],
            ]
            assert np.ptp(places, axis=0).max() < 0.06, name


def test_given_cameras_are_kept(studio):
    intrinsics = (250.0, 240.0, 70.5, 52.0)
    picture = studio.photograph(np.random.default_rng(7), 120, 160, 1, intrinsics)
    assert picture.intrinsics == intrinsics == picture.people[0].intrinsics
    inside = picture.people[0].project(picture.people[0].cocoplus)
    assert (inside > -0.5).all() and (inside < [159.5, 119.5]).all()


def test_somebody_at_the_border_is_cut(studio):
    for seed in range(3):
        picture = studio.photograph(np.random.default_rng(seed), 120, 160, 2, at_border=True)
        cut, whole = picture.people
        pixels = cut.project(cut.j24)
        is_outside = ((pixels < -0.5) | (pixels > [159.5, 119.5])).any(axis=1)
        assert 0 < is_outside.sum() and cut.hidden_j24[is_outside].all()
        assert not whole.hidden_j24.all()


def test_a_film_shows_one_person_who_moves_smoothly(studio):
    frames = studio.film(np.random.default_rng(8), 96, 128, 5, num_people=2)
    assert len(frames) == 5
    for number in range(2):
        cast = [frame.people[number] for frame in frames]
        for person in cast[1:]:
            np.testing.assert_array_equal(person.betas, cast[0].betas)
            assert (person.gender, person.subject) == (cast[0].gender, cast[0].subject)
        joints = np.stack([person.j24 for person in cast])
        steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
        assert 0.001 < steps.max() < 0.5
        turns = [
            (Rotation.from_rotvec(a.pose_axis_angle.reshape(24, 3)).inv()
             * Rotation.from_rotvec(b.pose_axis_angle.reshape(24, 3))).magnitude().max()
            for a, b in zip(cast, cast[1:])
        ]  # fmt: skip
        assert max(turns) < 1.0
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame.camera_from_world, frames[0].camera_from_world)
        assert frame.intrinsics == frames[0].intrinsics
        # The place does not change: most pixels are alike, and where people move some are not.
        difference = np.abs(frame.image.astype(int) - frames[0].image).max(axis=-1)
        assert (difference < 25).mean() > 0.7 and (difference > 25).any()


def test_a_film_may_be_longer_than_its_clip(studio):
    assert len(studio.film(np.random.default_rng(9), 32, 32, 155, split="test")) == 155


def test_equal_seeds_give_equal_pictures(body, studio):
    first, again, other = (
        taker.photograph(np.random.default_rng(1), 64, 64, 2)
        for taker in (studio, Studio(body, seed=3), Studio(body, seed=4))
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.people[1].vertices, again.people[1].vertices)
    assert (first.image != other.image).mean() > 0.5


def test_splits_show_different_clips(studio):
    train, test = (
        {
            studio.photograph(np.random.default_rng(seed), 32, 32, split=split).people[0].subject
            for seed in range(12)
        }
        for split in ("train", "test")
    )
    assert len(train) > 3 and not train & test
