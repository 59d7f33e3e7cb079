from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic.clothing import Wardrobe


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


def test_outfits_are_colors_and_thin(body):
    wardrobe = Wardrobe(body)
    is_chest = np.isin(body.skin_weights.argmax(axis=1), (6, 9))
    num_rucksacks = 0
    for seed in range(30):
        outfit = wardrobe.dress(np.random.default_rng(seed))
        assert outfit.colors.shape == (body.num_vertices, 3)
        assert np.isfinite(outfit.colors).all()
        assert 0 < outfit.colors.min() and outfit.colors.max() <= 1
        assert outfit.thickness.min() >= 0
        # Nothing but a rucksack stands far off the body, and that lies on the back.
        bulges = outfit.thickness > 0.03
        assert outfit.thickness.max() <= 0.15
        assert (
            not bulges.any() or body.template[bulges, 2].max() < body.template[is_chest, 2].mean()
        )
        num_rucksacks += bulges.any()
    assert 0 < num_rucksacks < 12


def test_the_front_is_told_from_the_back(body):
    """On most people some part of the front of the trunk has not the colour of the back."""
    part = body.skin_weights.argmax(axis=1)
    is_chest, z = np.isin(part, (6, 9)), body.template[:, 2]
    front, back = is_chest & (z > np.median(z[is_chest])), is_chest & (z < np.median(z[is_chest]))
    wardrobe = Wardrobe(body)
    differ = 0
    for seed in range(40):
        colors = wardrobe.dress(np.random.default_rng(seed)).colors
        differ += np.abs(colors[front].mean(0) - colors[back].mean(0)).max() > 0.03
    assert differ > 20


def test_hands_and_face_are_skin_and_clothes_differ(body):
    """Both hands and the nose share a colour on everybody; on most, shirt and shoes have others."""
    part = body.skin_weights.argmax(axis=1)
    hands, chest = np.isin(part, (22, 23)), part == 6
    nose = body.template[:, 2] == body.template[np.isin(part, (15,)), 2].max()
    differ = 0
    wardrobe = Wardrobe(body)
    for seed in range(40):
        colors = wardrobe.dress(np.random.default_rng(seed)).colors
        assert np.abs(colors[hands].mean(0) - colors[nose].mean(0)).max() < 0.12
        differ += np.abs(colors[hands].mean(0) - colors[chest].mean(0)).max() > 0.12
    assert differ > 25


def test_people_look_different_and_seeds_repeat(body):
    wardrobe = Wardrobe(body)
    first = wardrobe.dress(np.random.default_rng(0))
    again = wardrobe.dress(np.random.default_rng(0))
    np.testing.assert_array_equal(first.colors, again.colors)
    skins = [
        wardrobe.dress(np.random.default_rng(k)).colors[body.skin_weights[:, 22] > 0.9].mean()
        for k in range(30)
    ]
    assert np.ptp(skins) > 0.4
