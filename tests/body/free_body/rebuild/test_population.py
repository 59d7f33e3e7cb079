"""Sliders, targets and random people."""

import numpy as np
import pytest

from hmr_tf.body.free_body.rebuild import population

_FILES = [
    "targets/macrodetails/universal-female-young-minmuscle-maxweight.target.gz",
    "targets/macrodetails/universal-female-child-minmuscle-maxweight.target.gz",
    "targets/macrodetails/asian-male-old.target.gz",
    "targets/macrodetails/height/male-young-averagemuscle-averageweight-maxheight.target.gz",
    "targets/breast/breast-dist-decr.target.gz",
]


class _Assets:
    """Stands in for the wheel; a target's value is the length of its path."""

    def list(self, folder, suffix):
        return [name for name in _FILES if name.startswith(folder) and name.endswith(suffix)]

    def target(self, path):
        return np.full((2, 3), len(path), np.float32)

    def json(self, path):
        assert path == "targets/target.json"
        both = {
            "name": "arm-length",
            "opposites": {
                "negative-left": "l-short",
                "negative-right": "r-short",
                "negative-unsided": "",
                "positive-left": "l-longer",
                "positive-right": "r-longer",
                "positive-unsided": "",
            },
        }
        skipped = {**both, "name": "arm-trans-in-out"}
        return {
            "arms": {"categories": [both, skipped]},
            **{name: {"categories": []} for name in ("legs", "torso", "hip", "neck", "buttocks")},
        }


@pytest.fixture
def targets():
    return population.read_targets(_Assets())


def _sliders(**values):
    sliders = {name: value.copy() for name, value in population.average_sliders().items()}
    sliders.update({name: np.array(value, float)[None] for name, value in values.items()})
    return sliders


def test_reads_adults_and_pairs_of_local_targets(targets):
    assert targets.words == (
        ("female", "young", "minmuscle", "maxweight"),
        ("asian", "male", "old"),
        ("male", "young", "averagemuscle", "averageweight", "maxheight"),
    )
    assert targets.num_local == 1
    increase, decrease = targets.displacements[3:]
    assert increase[0, 0] == 2 * len("targets/arms/l-longer.target.gz")
    assert decrease[0, 0] == 2 * len("targets/arms/l-short.target.gz")


def test_coefficients_are_products_of_hat_functions(targets):
    sliders = _sliders(gender=0.25, age=0.4, muscle=0.1, weight=0.75, height=0.9)
    values = targets.coefficients(sliders, np.array([[-0.3]]))[0]
    expected = [
        0.75 * 0.6 * 0.8 * 0.5,
        (1 / 3) * 0.25 * 0.4,
        0.25 * 0.6 * 0.2 * 0.5 * 0.8,
        0.0,
        0.3,
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_corner_sliders_pick_one_target(targets):
    sliders = _sliders(gender=0, age=0, muscle=0, weight=1)
    np.testing.assert_allclose(targets.coefficients(sliders)[0], [1, 0, 0, 0, 0])


def test_random_people_repeat_and_stay_in_range(targets):
    first = targets.random_people(np.random.default_rng(3), 500)
    again = targets.random_people(np.random.default_rng(3), 500)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (500, 5)
    assert first.min() >= 0 and first.max() <= 1
    assert not (first[:, 3] * first[:, 4]).any()  # A part is longer or shorter, not both.

    sliders = population.random_sliders(np.random.default_rng(4), 4000)
    gender = sliders["gender"]
    assert 0.36 < (gender == 0).mean() < 0.44 and 0.36 < (gender == 1).mean() < 0.44
    np.testing.assert_allclose(sliders["race"].sum(1), 1.0)
    assert 0.47 < np.median(sliders["weight"]) < 0.49
