"""What an evaluation found: numbers of every person, and their summaries."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.errors import DataError
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocol import Protocol

_H36M_SEQUENCE = re.compile(r"S\d+_([A-Za-z]+)(_\w+)?\.\d+")
_TEXTS = ("filename", "dataset", "subject", "sequence")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        protocol: what was to be measured.
        errors: source (`hmr_tf.evaluation.measures`) -> `[N, ...]` float32 of the model; NaN where
            a person has no truth.
        baseline: the same of the mean pose; empty where there is none.
        samples: `filename`, `dataset`, `subject`, `sequence`, `action` `[N]` str and `frame` `[N]`
            int64 of each person.
        examples: people kept for looking at.
    """

    protocol: Protocol
    errors: dict[str, np.ndarray]
    baseline: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]
    examples: ExamplePicker

    @property
    def num_people(self) -> int:
        """People that were looked at."""
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """File name of each person's image."""
        return self.samples["filename"].tolist()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics of the protocol for which there are numbers, known or not."""
        return tuple(m for m in self.protocol.metrics if MEASURES[m].source in self.errors)

    def means(self) -> dict[str, float | None]:
        """Returns metric -> value over everybody; None where nobody has the truth."""
        return self._values(self.errors)

    def baseline_means(self) -> dict[str, float | None]:
        """Returns metric -> value of the mean pose; empty without a baseline."""
        return self._values(self.baseline)

    def summarise(self, errors: Mapping[str, np.ndarray]) -> dict[str, float | None]:
        """Returns metric -> value over the people whose rows of `errors` are given, as one group.

        Args:
            errors: sources, `[n, ...]` each.
        """
        measures = {name: MEASURES[name] for name in self.protocol.metrics}
        return {
            name: measure.value(errors)
            for name, measure in measures.items()
            if measure.source in errors
        }

    def per_person(self, metric: str) -> np.ndarray:
        """Returns a metric of each person alone, `[N]` float32, NaN where it is unknown."""
        return MEASURES[metric].per_person(self.errors)

    def report(self) -> dict[str, Any]:
        """Returns means, medians, the baseline's means and the ratio of both, plain JSON types."""
        model, baseline = self.means(), self.baseline_means()
        each = {name: self.per_person(name) for name in model}
        return {
            "num_people": self.num_people,
            "metrics": model,
            "baseline": baseline,
            "ratio": {
                name: model[name] / baseline[name]
                if model[name] is not None and baseline[name]
                else None
                for name in baseline
            },
            "median": {name: _median(values) for name, values in each.items()},
            "num_measured": {name: int(np.isfinite(values).sum()) for name, values in each.items()},
        }

    def check_truth(self) -> None:
        """Refuses an evaluation in which something could not be measured of anybody.

        Raises:
            DataError: naming what is missing.
        """
        missing = [name for name, value in self.means().items() if value is None]
        if missing:
            raise DataError(
                f"no person in the records has the truth that protocol {self.protocol.name} needs "
                f"for {', '.join(missing)}; convert a folder that has it (of synthetic people, "
                "with their smpl_truth.npz)."
            )

    def _values(self, errors: Mapping[str, np.ndarray]) -> dict[str, float | None]:
        if self.protocol.averages == "person" or not errors:
            return self.summarise(errors)
        sequences = self.samples["sequence"]
        parts = [
            self.summarise({name: values[sequences == one] for name, values in errors.items()})
            for one in sorted(set(sequences.tolist()))
        ]
        known = {name: [p[name] for p in parts if p[name] is not None] for name in parts[0]}
        return {name: float(np.mean(v)) if v else None for name, v in known.items()}


def sample_names(batch: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Returns where the people of a batch come from.

    Args:
        batch: of `hmr_tf.data.pipeline.evaluation_dataset`; what it lacks is empty, or frame -1.

    Returns:
        `filename`, `dataset`, `subject`, `sequence`, `action` `[B]` str; `frame` `[B]` int64.
    """
    count = len(batch["image"])
    names = {}
    for key in _TEXTS:
        values = np.asarray(batch[key]) if key in batch else [b""] * count
        names[key] = np.array([value.decode(errors="replace") for value in values], object)
    actions = [_H36M_SEQUENCE.fullmatch(sequence) for sequence in names["sequence"]]
    names["action"] = np.array([match.group(1) if match else "" for match in actions], object)
    frames = np.asarray(batch["frame"]) if "frame" in batch else np.full(count, -1)
    names["frame"] = frames.astype(np.int64)
    return names


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None
