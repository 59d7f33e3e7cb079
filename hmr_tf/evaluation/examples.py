"""Keeps a few people of an evaluation for looking at: the best, the middling and the worst."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from hmr_tf import outputs

_BESIDE = (outputs.POSE_2D,)


@dataclasses.dataclass(frozen=True)
class Example:
    """One person.

    Attributes:
        name: file name of the image.
        error: by which examples are chosen.
        image: `[S, S, 3]` uint8 RGB, the crop.
        keypoints_2d: `[K, 2]` float32, crop units, the truth.
        visibility: `[K]` float32, 0 or 1.
        index: how many people came before it; -1 unknown.
        beside: what else of the person some models see, as far as it is known: `pose_2d`.
    """

    name: str
    error: float
    image: np.ndarray
    keypoints_2d: np.ndarray
    visibility: np.ndarray
    index: int = -1
    beside: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


class ExamplePicker:
    """Chooses examples from a stream, holding only a fixed number of images.

    Args:
        num_each: examples of each sort.
        pool_size: people drawn evenly from the stream, of whom the middling ones are taken.
        seed: of that draw.
    """

    def __init__(self, num_each: int = 4, pool_size: int = 48, seed: int = 0) -> None:
        self._num_each = num_each
        self._pool_size = pool_size
        self._random = np.random.default_rng(seed)
        self._best: list[Example] = []
        self._worst: list[Example] = []
        self._pool: list[Example] = []
        self._num_seen = 0
        self._num_rows = 0

    def add(self, errors: np.ndarray, batch: Mapping[str, tf.Tensor], names: Sequence[str]) -> None:
        """Looks at a batch; people whose error is not finite are passed over.

        Args:
            errors: `[B]`.
            batch: `image`, `keypoints_2d` and `visibility` are used.
            names: file name of each image.
        """
        first = self._num_rows
        self._num_rows += len(errors)
        for row, error in enumerate(errors):
            if not np.isfinite(error):
                continue
            self._num_seen += 1
            place = int(self._random.integers(self._num_seen))
            is_best = len(self._best) < self._num_each or error < self._best[-1].error
            is_worst = len(self._worst) < self._num_each or error > self._worst[-1].error
            if not (place < self._pool_size or is_best or is_worst):
                continue
            example = from_batch(names[row], float(error), batch, row, first + row)
            if is_best:
                self._best = self._insert(self._best, example, 1.0)
            if is_worst:
                self._worst = self._insert(self._worst, example, -1.0)
            if len(self._pool) < self._pool_size:
                self._pool.append(example)
            elif place < self._pool_size:
                self._pool[place] = example

    def pick(self, num_each: int | None = None) -> dict[str, list[Example]]:
        """Returns `best`, `median` and `worst`, each in order of the error, nobody twice.

        Args:
            num_each: examples of each sort, if not as many as are kept. Of fewer people than twice
                as many, one half is best and one worst.
        """
        count = min(num_each or self._num_each, self._num_each, -(-self._num_seen // 2))
        best = self._best[:count]
        taken = set(map(id, best))
        worst = [example for example in self._worst if id(example) not in taken][:count]
        taken.update(map(id, worst))
        middle = float(np.median([example.error for example in self._pool])) if self._pool else 0.0
        rest = [example for example in self._pool if id(example) not in taken]
        near = sorted(rest, key=lambda example: abs(example.error - middle))[:count]
        return {
            "best": best,
            "median": sorted(near, key=lambda example: example.error),
            "worst": worst[::-1],
        }

    def _insert(self, kept: list[Example], example: Example, sign: float) -> list[Example]:
        ranked = sorted([*kept, example], key=lambda one: sign * one.error)
        return ranked[: self._num_each]


def from_batch(
    name: str, error: float, batch: Mapping[str, tf.Tensor], row: int, index: int = -1
) -> Example:
    """Takes one person out of a batch of `hmr_tf.data.pipeline.evaluation_dataset`."""
    image = np.asarray(batch["image"][row])
    return Example(
        name=name,
        error=error,
        image=np.clip(image * 255.0 + 0.5, 0, 255).astype(np.uint8),
        keypoints_2d=np.asarray(batch["keypoints_2d"][row]),
        visibility=np.asarray(batch["visibility"][row]),
        index=index,
        beside={name: np.asarray(batch[name][row]) for name in _BESIDE if name in batch},
    )
