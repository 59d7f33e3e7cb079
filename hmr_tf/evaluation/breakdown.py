"""Tables of an evaluation by part: the numbers of each action, sequence, subject or dataset."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Callable

import numpy as np

from tfrecords_tools import h36m_names

Summary = Callable[[Mapping[str, np.ndarray]], Mapping[str, "float | None"]]

ALL = "all"
MEAN_OF_ROWS = "mean of rows"


@dataclasses.dataclass(frozen=True)
class Row:
    """The numbers of one part.

    Attributes:
        label: the part's name.
        count: people in it; None for the mean of the other rows.
        values: metric -> number; None where nobody in the part has the truth that it needs.
    """

    label: str
    count: int | None
    values: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Breakdown:
    """A table.

    Attributes:
        by: what the parts are, e.g. `action`.
        metrics: the columns.
        rows: of the parts, in their order; then the mean of these rows, in which every part counts
            alike; then all people.
    """

    by: str
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_csv(self) -> str:
        """Returns the table as comma-separated text with a header; unknown numbers are empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([self.by, "people", *self.metrics])
        for row in self.rows:
            values = [_plain(row.values[name]) for name in self.metrics]
            writer.writerow([row.label, "" if row.count is None else row.count, *values])
        return text.getvalue()


def break_down(
    errors: Mapping[str, np.ndarray],
    labels: Sequence[str],
    by: str,
    summarise: Summary,
    total: Mapping[str, float | None],
) -> Breakdown:
    """Summarises each part of the people by itself.

    Args:
        errors: name -> `[num_people, ...]`, numbers of each person.
        labels: of each person, the part that it is in.
        by: what the parts are.
        summarise: from the numbers of some people to metric -> number.
        total: metric -> number of all people, which a protocol may not take as one group.

    Returns:
        The table; Human3.6M's actions are in the order of its papers, other parts in the order of
        the alphabet.
    """
    labels = np.asarray(labels, object)
    rows = []
    for label in sorted(set(labels.tolist()), key=_order):
        chosen = labels == label
        part = {name: values[chosen] for name, values in errors.items()}
        rows.append(Row(str(label), int(chosen.sum()), summarise(part)))
    means = {name: _mean([row.values[name] for row in rows]) for name in total}
    rows += [Row(MEAN_OF_ROWS, None, means), Row(ALL, len(labels), total)]
    return Breakdown(by, tuple(total), tuple(rows))


def choose(names: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> list[str]:
    """Returns the kinds of parts by which there is something to tell apart.

    Args:
        names: kind of part (`action`, `sequence`, ...) -> the label of each person.
        kinds: candidates, in the order wanted.

    Returns:
        Those of which there are two labels or more, with two people each or more on average; none
        that divides the people exactly as an earlier one does.
    """
    chosen, seen = [], []
    for kind in kinds:
        numbers: dict[str, int] = {}
        division = [numbers.setdefault(label, len(numbers)) for label in names.get(kind, ())]
        if 1 < len(numbers) <= len(division) / 2 and division not in seen:
            chosen.append(kind)
            seen.append(division)
    return chosen


def _order(label: str) -> tuple[int, str]:
    known = h36m_names.ACTIONS
    return (known.index(label) if label in known else len(known), str(label))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
