"""Counts what comes out of a conversion, and says when too much of it is damaged."""

from __future__ import annotations

import collections
from collections.abc import Mapping

from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DamagedSourceError
from tfrecords_tools.journal import Progress
from tfrecords_tools.workers import Encoded

_NUM_NAMED = 3  # Damaged samples that an error message names.
# Before all is read, only a clear case ends a conversion: at least so many damaged samples, and
# this many times as many as may be in all that is to be expected.
_CLEARLY_MANY, _CLEAR_FACTOR = 20, 2.0


class Tally:
    """Counts samples and drops, from where an interrupted run left off.

    Args:
        progress: the counts to begin with.
        max_error_fraction: greatest share of the samples that may be damaged.
    """

    def __init__(self, progress: Progress, max_error_fraction: float) -> None:
        self._num_with_3d = progress.num_with_3d
        self._num_with_smpl = progress.num_with_smpl
        self._drops = collections.Counter(progress.drops)
        self._num_errors = progress.num_errors
        self._num_examples = progress.num_examples
        self._max_error_fraction = max_error_fraction
        self._damaged: list[str] = []

    def add(self, output: Encoded | Drop) -> None:
        """Counts one output of the converter."""
        if isinstance(output, Drop):
            self._drops[output.reason] += 1
            self._num_errors += output.is_error
            if output.is_error and output.name and len(self._damaged) < _NUM_NAMED:
                self._damaged.append(output.name)
        else:
            self._num_examples += 1
            self._num_with_3d += output.has_3d
            self._num_with_smpl += output.has_smpl

    def progress(self, next_item: int, next_output: int) -> Progress:
        """Returns the counts, with where to go on."""
        return Progress(
            next_item=next_item,
            next_output=next_output,
            num_examples=self._num_examples,
            num_with_3d=self._num_with_3d,
            num_with_smpl=self._num_with_smpl,
            drops=dict(self._drops),
            num_errors=self._num_errors,
        )

    def check_on_the_way(self, title: str, num_done: int, num_items: int) -> None:
        """Raises if far too much is damaged to go on.

        Args:
            title: dataset and part, for the message.
            num_done: items that are dealt with.
            num_items: items in all.

        Raises:
            DamagedSourceError: if the source is clearly wrong.
        """
        if self._num_errors < _CLEARLY_MANY:
            return
        expected = self._num_outputs / max(num_done, 1) * num_items
        if self._num_errors > _CLEAR_FACTOR * self._max_error_fraction * expected:
            raise self._too_much(title, f"after {num_done} of {num_items} items, ")

    def check(self, title: str) -> None:
        """Raises if nothing is left or too much is damaged, when all is read.

        Args:
            title: dataset and part, for the message.

        Raises:
            DamagedSourceError: if the source is not usable.
        """
        if self._num_errors > self._max_error_fraction * self._num_outputs:
            raise self._too_much(title, "")
        if not self._num_examples:
            raise DamagedSourceError(
                f"{title}: no sample is left of {self._num_outputs} "
                f"({count_words(self._drops) or 'the part is empty'}); nothing is written."
            )

    @property
    def _num_outputs(self) -> int:
        return self._num_examples + sum(self._drops.values())

    def _too_much(self, title: str, when: str) -> DamagedSourceError:
        named = f"; e.g. {', '.join(self._damaged)}" if self._damaged else ""
        return DamagedSourceError(
            f"{title}: {when}{self._num_errors} of {self._num_outputs} samples are damaged "
            f"({count_words(self._drops)}{named}), more than "
            f"--max_error_fraction={self._max_error_fraction:g} allows; nothing is written."
        )


def count_words(drops: Mapping[str, int]) -> str:
    """Returns counted reasons in words."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(drops.items()))
