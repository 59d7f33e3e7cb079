"""A model that is trained part by part: one run after the other, each from the last one's weights.

Each stage is a run of its own, with its folder and its checkpoint, so that it is stopped, continued
and repeated like any other. All but the last lie within the folder of the whole.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from hmr_tf.config import TrainConfig
from hmr_tf.errors import ConfigError

FOLDER = "stages"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        losses: of the stage.
        train: its settings.
        log_dir: its folder.
        initial_weights: folder of the weights that it begins with; None for new ones.
    """

    losses: Any
    train: TrainConfig
    log_dir: str
    initial_weights: str | None


def plan(losses: Any, train: TrainConfig, log_dir: str, initial_weights: str | None) -> list[Run]:
    """Returns the runs of a training, in order.

    Args:
        losses: if it has the fields, `stages` are (name, steps) pairs, `stage_rates` and
            `stage_batches` (name, learning rate) and (name, batch size) pairs of those that differ
            from `train`; each run gets its name as `stage`.
        train: settings that all share.
        log_dir: folder of the whole, which is that of the last run.
        initial_weights: where the first one begins.

    Raises:
        ConfigError: if rates or sizes name a stage that there is not.
    """
    stages = getattr(losses, "stages", ())
    if not stages:
        return [Run(losses, train, log_dir, initial_weights)]
    names = [name for name, _ in stages]
    for field in ("stage_rates", "stage_batches"):
        unknown = sorted({name for name, _ in getattr(losses, field)} - set(names))
        if unknown:
            raise ConfigError(f"{field} names {', '.join(unknown)}; stages has {', '.join(names)}.")
    rates, batches = dict(losses.stage_rates), dict(losses.stage_batches)
    runs: list[Run] = []
    for index, (name, steps) in enumerate(stages):
        is_last = index == len(stages) - 1
        runs.append(
            Run(
                dataclasses.replace(
                    losses, stage=name, stages=(), stage_rates=(), stage_batches=()
                ),
                dataclasses.replace(
                    train,
                    num_steps=int(steps),
                    generator_learning_rate=rates.get(name, train.generator_learning_rate),
                    batch_size=int(batches.get(name, train.batch_size)),
                ),
                log_dir if is_last else os.path.join(log_dir, FOLDER, f"{index}_{name}"),
                runs[-1].log_dir if runs else initial_weights,
            )
        )
    return runs
