"""Random adults: MakeHuman's sliders, the shape targets they move, and how people are drawn.

A macro target, say ``female-young-averagemuscle-maxweight``, applies with the product of the
weights of the words in its name; each word's weight is a hat function of one slider. Local targets
come in pairs (decrease, increase) that one signed slider moves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hmr_tf.body.free_body.rebuild.sources import Assets

_MACRO_FOLDERS = ("targets/macrodetails/", "targets/breast/")
_LOCAL_FOLDERS = ("arms", "legs", "torso", "hip", "neck", "buttocks")
# Sliders that shift parts against each other or model something other than build.
_SKIPPED_LOCAL = re.compile("trans|valgus|nape|double|down-up")
_LOCAL_DEVIATION, _LOCAL_LIMIT = 0.2, 0.8
_RACES = ("african", "asian", "caucasian")

Sliders = Mapping[str, np.ndarray]


def _low_middle_high(value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three hat functions over [0, 1] with peaks at 0, 1/2 and 1."""
    low = np.maximum(0.0, 1.0 - 2.0 * value)
    high = np.maximum(0.0, 2.0 * value - 1.0)
    return low, 1.0 - low - high, high


def _word_weights(sliders: Sliders) -> dict[str, np.ndarray]:
    """The weight of every word that an adult macro target's name can hold."""
    words = {
        "female": 1.0 - sliders["gender"],
        "male": sliders["gender"],
        "young": 1.0 - sliders["age"],
        "old": sliders["age"],
    }
    for slider in ("muscle", "weight", "cup", "firmness"):
        low, middle, high = _low_middle_high(sliders[slider])
        words.update({f"min{slider}": low, f"average{slider}": middle, f"max{slider}": high})
    words["minheight"], _, words["maxheight"] = _low_middle_high(sliders["height"])
    low, _, high = _low_middle_high(sliders["proportions"])
    words.update(uncommonproportions=low, idealproportions=high)
    words.update({race: sliders["race"][:, index] for index, race in enumerate(_RACES)})
    return words


def average_sliders() -> dict[str, np.ndarray]:
    """The sliders of one average adult, each `[1]` (race `[1, 3]`)."""
    sliders = dict.fromkeys(("gender", "muscle", "weight", "proportions", "cup", "firmness"), 0.5)
    sliders.update(age=0.1, height=0.535)
    result = {name: np.array([value]) for name, value in sliders.items()}
    result["race"] = np.full((1, 3), 1 / 3)
    return result


def random_sliders(generator: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Draws the sliders of ``count`` adults, each `[count]` (race `[count, 3]`).

    Four in five are male or female, the others in between; ages lean towards the young; the height
    slider's two halves are scaled so that heights spread about evenly.
    """

    def normal(mean: float, deviation: float) -> np.ndarray:
        return np.clip(mean + deviation * generator.standard_normal(count), 0.0, 1.0)

    binary = generator.integers(2, size=count).astype(np.float64)
    between = generator.random(count)
    height = generator.standard_normal(count)
    return {
        "gender": np.where(generator.random(count) < 0.8, binary, between),
        "age": 0.9 * generator.random(count) ** 1.5,
        "muscle": normal(0.5, 0.15),
        "weight": normal(0.48, 0.19),
        "height": np.clip(0.535 + np.where(height > 0, 0.035, 0.06) * height, 0.0, 1.0),
        "proportions": normal(0.55, 0.2),
        "race": generator.dirichlet(np.ones(3), size=count),
        "cup": normal(0.5, 0.2),
        "firmness": normal(0.5, 0.2),
    }


@dataclass(frozen=True)
class ShapeTargets:
    """All displacements that shape an adult.

    Attributes:
        words: for each macro target the words of its name.
        displacements: `[targets, 19158, 3]` float32, m: the macro targets, then the increases and
            then the decreases of the local sliders.
        num_local: number of local sliders.
    """

    words: tuple[tuple[str, ...], ...]
    displacements: np.ndarray
    num_local: int

    def coefficients(self, sliders: Sliders, local: np.ndarray | None = None) -> np.ndarray:
        """Turns sliders into the weights of all targets.

        Args:
            sliders: as from `random_sliders`.
            local: `[people, num_local]` in [-1, 1]; all 0 if not given.

        Returns:
            `[people, targets]` float64.
        """
        weights = _word_weights(sliders)
        macro = np.stack([np.prod([weights[w] for w in words], axis=0) for words in self.words], 1)
        if local is None:
            local = np.zeros((len(macro), self.num_local))
        return np.concatenate([macro, np.maximum(local, 0.0), np.maximum(-local, 0.0)], axis=1)

    def random_people(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Draws the target weights of ``count`` adults, `[count, targets]` float64."""
        sliders = random_sliders(generator, count)
        local = _LOCAL_DEVIATION * generator.standard_normal((count, self.num_local))
        return self.coefficients(sliders, np.clip(local, -_LOCAL_LIMIT, _LOCAL_LIMIT))


def read_targets(assets: Assets) -> ShapeTargets:
    """Reads the macro targets of adults and the symmetric local targets."""
    known = set(_word_weights(average_sliders()))
    words, displacements = [], []
    for folder in _MACRO_FOLDERS:
        for path in assets.list(folder, ".target.gz"):
            stem = path.rsplit("/", 1)[1].split(".")[0]
            name = tuple(word for word in stem.split("-") if word != "universal")
            if known.issuperset(name):  # Children's targets and single details have other words.
                words.append(name)
                displacements.append(assets.target(path))
    decreases, increases = _read_local(assets)
    return ShapeTargets(
        tuple(words), np.stack(displacements + increases + decreases), len(increases)
    )


def _read_local(assets: Assets) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Reads the local sliders' targets, left and right together."""
    catalogue = assets.json("targets/target.json")
    decreases, increases = [], []
    for folder in _LOCAL_FOLDERS:
        for category in catalogue[folder]["categories"]:
            if _SKIPPED_LOCAL.search(category["name"]):
                continue
            names = category["opposites"]
            for sign, collected in (("negative", decreases), ("positive", increases)):
                sides = [names[f"{sign}-{side}"] for side in ("left", "right", "unsided")]
                paths = [f"targets/{folder}/{name}.target.gz" for name in sides if name]
                collected.append(np.sum([assets.target(path) for path in paths], axis=0))
    return decreases, increases
