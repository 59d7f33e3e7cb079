"""Stops a run whose numbers have gone wrong, and names the step and its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from hmr_tf.errors import TrainingError
from hmr_tf.training.task import OVERFLOWS

# The loss scale falls from its first value to 1 in 15 steps.
MAX_OVERFLOWS = 50


class StepGuard:
    """Looks at the metrics of every step.

    Args:
        names: of the metrics.
        batch_files: step, from 1 -> names of its images; None if unknown.
    """

    def __init__(
        self, names: Sequence[str], batch_files: Callable[[int], Sequence[str]] | None = None
    ) -> None:
        self._names = tuple(names)
        self._batch_files = batch_files or (lambda step: ["names unknown"])
        self._num_overflows = 0

    def check(self, step: int, values: Sequence[float]) -> None:
        """Checks one step; steps come in order.

        Args:
            step: from 1.
            values: as many as names.

        Raises:
            TrainingError: if one is not finite, or too many steps in a row overflowed float16.
        """
        bad = [name for name, value in zip(self._names, values) if not np.isfinite(value)]
        if bad:
            bad = [name for name in bad if "/" not in name] or bad
            raise self.not_finite(", ".join(bad), [step, step - 1] if step > 1 else [step])
        if OVERFLOWS not in self._names:
            return
        overflows = values[self._names.index(OVERFLOWS)] > 0
        self._num_overflows = self._num_overflows + 1 if overflows else 0
        if self._num_overflows == MAX_OVERFLOWS:
            raise TrainingError(
                f"The gradients of the {MAX_OVERFLOWS} steps up to {step} overflowed float16 at "
                "every loss scale, so nothing was learned; the last checkpoint is unharmed. Lower "
                "the learning rate, or give --precision=mixed_bfloat16 or float32."
            )

    def not_finite(self, what: str, steps: Sequence[int]) -> TrainingError:
        """Returns the error of a step whose numbers went wrong.

        Args:
            what: the numbers.
            steps: the step, and others whose images may be to blame: the update before, too.
        """
        images = "; of step ".join(f"{one}: {', '.join(self._batch_files(one))}" for one in steps)
        return TrainingError(
            f"Step {steps[0]} gave numbers that are not finite ({what}); the last checkpoint is "
            "unharmed. Lower the learning rate, or look at the labels of the images of step "
            f"{images}."
        )
