from __future__ import annotations

import cv2
import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic.camera_crew import Actor, CameraCrew
from hmr_tf.synthetic.clothing import Wardrobe
from hmr_tf.synthetic.studio import Studio


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture(scope="module")
def studio(body):
    return Studio(body, seed=3)


def test_actors_are_filmed_as_they_are_told(body):
    """Two frames of a body at rest that moves by 30 cm and turns by nothing."""
    outfit = Wardrobe(body).dress(np.random.default_rng(0))
    drift = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    actor = Actor(np.zeros((2, 72)), np.zeros(10, np.float32), drift, outfit, "female", "rest")
    crew = CameraCrew(body)
    intrinsics = (150.0, 150.0, 59.5, 39.5)
    first, second = crew.shoot(np.random.default_rng(1), [actor], (80, 120), intrinsics)
    rotation, shift = first.camera_from_world, first.camera_translation
    moved = (second.people[0].vertices - first.people[0].vertices) @ rotation
    np.testing.assert_allclose(moved, np.tile([0.3, 0, 0], (len(moved), 1)), atol=1e-5)
    world = (first.people[0].vertices - shift) @ rotation
    at_rest = world - world.mean(axis=0)
    np.testing.assert_allclose(at_rest, body.template - body.template.mean(axis=0), atol=1e-4)
    assert first.people[0].subject == "rest" and first.intrinsics == intrinsics


def test_things_in_front_hide_joints(body):
    outfit = Wardrobe(body).dress(np.random.default_rng(0))
    actor = Actor(
        np.zeros((1, 72)), np.zeros(10, np.float32), np.zeros((1, 3)), outfit, "male", "rest"
    )
    crew, hidden, covered = CameraCrew(body), [], 0
    for share in (0.0, 1.0):
        flags = 0
        for seed in range(8):
            random = np.random.default_rng(seed)
            (shot,) = crew.shoot(random, [actor], (96, 96), None, occluder_share=share)
            flags += int(shot.people[0].hidden_j24.sum())
            covered += int(shot.people[0].mask.sum()) * (1 if share == 0.0 else -1)
        hidden.append(flags)
    assert hidden[1] > hidden[0] + 10 and covered > 500


def test_masks_tell_who_is_in_front(studio):
    """Where silhouettes overlap, the pixel belongs to the nearer body."""
    overlaps = 0
    for seed in range(4):
        picture = studio.photograph(np.random.default_rng([4, seed]), 160, 160, 3)
        masks = np.stack([person.mask for person in picture.people])
        assert masks.sum(axis=0).max() <= 1
        # Away from outlines, where half a pixel decides.
        inner = np.stack([cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) for mask in masks])
        for person in picture.people:
            rows, columns = np.nonzero(person.mask)
            if rows.size:
                box = [columns.min(), rows.min(), columns.max(), rows.max()]
                np.testing.assert_array_equal(person.box_xyxy, box)
            pixels = np.rint(person.project(person.vertices)).astype(int)
            inside = (pixels >= 0).all(axis=1) & (pixels < 160).all(axis=1)
            for (x, y), depth in zip(pixels[inside], person.vertices[inside, 2]):
                owner = np.flatnonzero(inner[:, y, x])
                if owner.size and picture.people[owner[0]] is not person:
                    overlaps += 1
                    assert picture.people[owner[0]].vertices[:, 2].min() < depth
    assert overlaps > 20


def test_visible_joints_lie_on_the_person(studio):
    on_person = total = 0
    for seed in range(6):
        picture = studio.photograph(np.random.default_rng([5, seed]), 200, 200, 2)
        for person in picture.people:
            for (x, y), hidden in zip(person.project(person.j24[:12]), person.hidden_j24):
                if not hidden:
                    total += 1
                    patch = person.mask[max(round(y) - 2, 0) : round(y) + 3]
                    on_person += patch[:, max(round(x) - 2, 0) : round(x) + 3].any()
    assert total > 60 and on_person / total > 0.95


def test_people_stand_on_the_ground_of_one_world(studio):
    picture = studio.photograph(np.random.default_rng(6), 200, 300, 3)
    rotation, shift = picture.camera_from_world, picture.camera_translation
    heights = []
    for person in picture.people:
        world = (person.vertices - shift) @ rotation
        np.testing.assert_allclose(world[:, 1].min(), 0.0, atol=1e-4)
        heights.append(np.ptp(world[:, 1]))
    assert max(heights) > 1.0
    assert (-rotation.T @ shift)[1] > 0.5
